//! What holds for all commands: where the ledger is found, usage errors, streams, exit codes.

use std::process::Stdio;

use crate::program::{LiveWriter, SESSION, Sandbox, finish, first_segment, note, program};

const READERS: [&[&str]; 15] = [
    &["events"],
    &["count"],
    &["event", "0"],
    &["runs"],
    &["run", "r"],
    &["usage"],
    &["trace"],
    &["why", "0"],
    &["chain", "c"],
    &["audits"],
    &["audit", "0"],
    &["transcript", "r"],
    &["tail"],
    &["verify"],
    &["stats"],
];

#[test]
fn commands_that_read_refuse_a_place_without_a_ledger_and_make_nothing_there() {
    let sandbox = Sandbox::new();
    for arguments in READERS.iter().chain([&["recover"][..], &["compress"], &["index", "rebuild"]].iter()) {
        sandbox.run(*arguments).expect_error(2, "no ledger at");
        assert!(!sandbox.ledger().exists(), "{arguments:?} made something");
    }
    std::fs::create_dir(sandbox.ledger()).unwrap();
    std::fs::write(sandbox.ledger().join("notes.txt"), "mine").unwrap();
    for arguments in READERS {
        sandbox.run(arguments).expect_error(2, "no ledger at");
    }
    assert_eq!(std::fs::read_dir(sandbox.ledger()).unwrap().count(), 1);
}

#[test]
fn commands_that_write_refuse_a_folder_of_something_else() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.ledger()).unwrap();
    std::fs::write(sandbox.ledger().join("notes.txt"), "mine").unwrap();
    sandbox.run_with_input(["append"], note(0)).expect_error(2, "ledger");
    sandbox.run(["import", "auto", SESSION]).expect_error(2, "ledger");
    assert_eq!(std::fs::read_dir(sandbox.ledger()).unwrap().count(), 1);
}

#[test]
fn the_ledger_is_the_option_else_the_variable_else_the_current_folders_own() {
    let sandbox = Sandbox::new();
    let here = sandbox.path("");
    let append = |command: &mut std::process::Command| {
        finish(command.arg("append"), note(0).into_bytes()).expect(0);
    };
    append(&mut program(&here));
    assert!(sandbox.path(".runledger/wal").is_dir());
    append(program(&here).env("RUNLEDGER_DIR", sandbox.path("by-variable")));
    assert!(sandbox.path("by-variable/wal").is_dir());
    append(program(&here).env("RUNLEDGER_DIR", sandbox.path("neither")).args(["--ledger", "by-option"]));
    assert!(sandbox.path("by-option/wal").is_dir() && !sandbox.path("neither").exists());
}

#[test]
fn usage_errors_are_2_and_help_is_0_on_standard_output() {
    let sandbox = Sandbox::new();
    for arguments in
        [&["frobnicate"][..], &["events", "--limit", "many"], &["event"], &[], &["runs", "--json", "--text"]]
    {
        let finished = sandbox.run(arguments).expect(2);
        assert!(finished.stdout.is_empty() && !finished.stderr.is_empty(), "{arguments:?}");
    }
    let help = sandbox.run(["--help"]).expect(0);
    assert!(
        help.text().contains("transcript")
            && help.text().contains("6 held")
            && !help.text().contains("demo-writer")
    );
    sandbox.run(["events", "--help"]).expect(0);
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let sandbox = Sandbox::with_notes(1);
    let ledger = sandbox.ledger();
    let here = sandbox.path("");
    for arguments in [
        ["--ledger", ledger.to_str().unwrap(), "--json", "stats"],
        ["stats", "--json", "--ledger", ledger.to_str().unwrap()],
    ] {
        assert_eq!(finish(program(&here).args(arguments), Vec::new()).expect(0).value()["records"], 1);
    }
}

#[test]
fn a_second_writer_is_told_who_holds_the_ledger() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    for arguments in [&["append"][..], &["import", "auto", SESSION], &["recover"], &["index", "rebuild"]] {
        sandbox.run(arguments).expect_error(6, &writer.process_id().to_string());
    }
    assert_eq!(writer.append(&note(1))["seq"], 1, "the writer was not disturbed");
    assert_eq!(writer.close(), 0);
    sandbox.run_with_input(["append"], note(2)).expect(0);
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let sandbox = Sandbox::with_notes(2_000);
    for arguments in [&["tail"][..], &["events", "--limit", "2000"], &["tail", "-f"]] {
        let mut child =
            sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Far more is printed than a pipe holds, and nobody reads it.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_newer_version_is_refused_untouched() {
    let sandbox = Sandbox::with_notes(3);
    let path = first_segment(&sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&3_u32.to_le_bytes());
    let check = crc32c::crc32c(&bytes[..4092]);
    bytes[4092..4096].copy_from_slice(&check.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    for arguments in [&["events"][..], &["tail"], &["append"], &["verify"], &["recover"]] {
        sandbox.run(arguments).expect_error(2, "version 3");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn output_that_cannot_be_written_is_a_storage_failure() {
    let sandbox = Sandbox::with_notes(1);
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let output = sandbox.command(["tail"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("error: cannot write to standard output: "), "{said}");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    let sandbox = Sandbox::with_session();
    for arguments in [&["runs"][..], &["usage"], &["events", "--text"], &["stats"], &["event", "1", "--text"]]
    {
        let finished = sandbox.run(arguments).expect(0);
        assert!(!finished.text().contains('\u{1b}') && !finished.stderr.contains('\u{1b}'), "{arguments:?}");
    }
}
