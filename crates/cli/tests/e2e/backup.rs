//! `backup` and `restore`: what comes of them, what they say and refuse, beside a writer and on damage.

use std::path::{Path, PathBuf};

use crate::program::{LiveWriter, Sandbox, first_segment, note, notes, seqs};

/// All files below a folder.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn tail(sandbox: &Sandbox, ledger: &str) -> Vec<serde_json::Value> {
    sandbox.run(["tail", "--ledger", ledger]).expect(0).lines()
}

#[test]
fn a_backup_is_a_ledger_that_answers_the_same_and_a_restored_one_goes_on() {
    let sandbox = Sandbox::with_session();
    let before = files(&sandbox.ledger());
    let report = sandbox.run(["backup", "copy", "--json"]).expect(0).value();
    assert_eq!(files(&sandbox.ledger()), before, "the ledger was changed");
    assert_eq!(tail(&sandbox, "copy"), tail(&sandbox, "ledger"));
    assert_eq!(report["records"], tail(&sandbox, "ledger").len());
    let backed_up = files(&sandbox.path("copy"));
    let finished = sandbox.run(["restore", "copy", "--ledger", "back", "--json"]).expect(0);
    assert_eq!(finished.value(), report);
    assert!(finished.stderr.contains("only from now on"), "{}", finished.stderr);
    assert_eq!(files(&sandbox.path("copy")), backed_up, "the backup was changed");
    for command in [&["runs", "--json"][..], &["usage", "--json"], &["count", "--by", "kind", "--json"]] {
        let of = |ledger: &str| {
            let finished = sandbox.run(command.iter().chain(&["--ledger", ledger])).expect(0);
            // The index is there.
            assert_eq!(finished.stderr, "", "{command:?}");
            finished.text()
        };
        assert_eq!(of("back"), of("ledger"), "{command:?}");
    }
    sandbox.run(["verify", "--ledger", "back"]).expect(0);
    sandbox.run(["recover", "--ledger", "back"]).expect(0);
    let next = sandbox.run_with_input(["append", "--ledger", "back"], note(0)).expect(0).lines();
    assert_eq!(next[0]["seq"], report["records"]);
}

#[test]
fn what_was_done_is_said_in_words_too() {
    let sandbox = Sandbox::with_notes(3);
    let text = sandbox.run(["backup", "copy"]).expect(0).text();
    assert!(text.contains("3 records backed up to copy and verified"), "{text}");
    assert!(text.contains("ledger ") && text.contains("last written "), "{text}");
    let text = sandbox.run(["restore", "copy", "--ledger", "back"]).expect(0).text();
    assert!(text.contains("3 records restored to back"), "{text}");
}

#[test]
fn a_backup_beside_a_writer_has_what_was_acknowledged_and_does_not_disturb_it() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    for number in 0..20 {
        writer.append(&note(number));
    }
    let report = sandbox.run(["backup", "copy", "--json"]).expect(0).value();
    assert_eq!(report["records"], 20);
    assert_eq!(writer.append(&note(20))["seq"], 20, "the writer was not disturbed");
    assert!(seqs(&tail(&sandbox, "copy")).into_iter().eq(0..20));
    // A ledger in use is no backup.
    let process = writer.process_id().to_string();
    sandbox.run(["restore", "ledger", "--ledger", "back"]).expect_error(6, &process);
    writer.kill();
    sandbox.run(["restore", "ledger", "--ledger", "back"]).expect_error(2, "good order");
    assert!(!sandbox.path("back").exists());
    // What a killed writer left is backed up as far as it was acknowledged, without repairing it first.
    assert_eq!(sandbox.run(["backup", "again", "--json"]).expect(0).value()["records"], 21);
}

#[test]
fn damage_is_neither_backed_up_nor_restored_and_is_3() {
    let sandbox = Sandbox::with_notes(200);
    sandbox.run(["backup", "copy"]).expect(0);
    for (command, segment) in [
        (&["backup", "new"][..], first_segment(&sandbox)),
        (&["restore", "copy", "--ledger", "new"], sandbox.path("copy/wal/00000000000000000000.wal")),
    ] {
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes[20_000] ^= 1;
        std::fs::write(&segment, &bytes).unwrap();
        let said = sandbox.run(command).expect_error(3, "00000000000000000000.wal").stderr;
        let damaged = match command[0] {
            "backup" => sandbox.run(["verify", "--json"]),
            _ => sandbox.run(["verify", "--json", "--ledger", "copy"]),
        };
        let found = damaged.expect(3).value()["damaged"][0]["seqFrom"].to_string();
        assert!(said.contains(&found), "{said} should name record {found}");
        assert!(!sandbox.path("new").exists(), "{command:?}");
    }
}

#[test]
fn a_place_that_is_taken_missing_or_inside_is_refused() {
    let sandbox = Sandbox::with_notes(2);
    std::fs::create_dir(sandbox.path("taken")).unwrap();
    std::fs::write(sandbox.path("taken/mine"), "mine").unwrap();
    let before = files(&sandbox.path(""));
    for taken in ["taken", "taken/mine"] {
        sandbox.run(["backup", taken]).expect_error(2, "taken");
    }
    for inside in ["ledger", "ledger/copy", "nothing/../ledger/copy"] {
        sandbox.run(["backup", inside]).expect_error(2, "inside");
    }
    sandbox.run(["backup", "copy", "--ledger", "nothing"]).expect_error(2, "no ledger at");
    sandbox.run(["restore", "nothing", "--ledger", "new"]).expect_error(2, "no ledger at");
    sandbox.run(["restore", "taken", "--ledger", "new"]).expect_error(2, "no ledger at");
    sandbox
        .run(["restore", "ledger", "--ledger", "taken"])
        .expect_error(2, "cannot restore the backup: taken");
    sandbox.run(["restore", "ledger"]).expect_error(2, "inside");
    for nonsense in [&["backup"][..], &["backup", ""], &["backup", "a", "b"], &["restore"], &["restore", ""]]
    {
        sandbox.run(nonsense).expect(2);
    }
    assert_eq!(files(&sandbox.path("")), before);
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(["backup", "empty"]).expect(0);
    sandbox.run(["backup", "empty"]).expect_error(2, "taken");
}

#[test]
fn a_backup_that_was_killed_leaves_no_ledger_and_the_next_one_succeeds() {
    let sandbox = Sandbox::new();
    sandbox.run_with_input(["append", "--in-flight", "1000"], notes(0..20_000)).expect(0);
    let (mut cut_short, mut whole) = (0, 0);
    for attempt in 0..12 {
        let target = format!("copy-{attempt}");
        let mut child = sandbox.command(["backup", &target]);
        let mut child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
        // At a moment of its own each time: whenever so much of the copy is there.
        let unfinished = sandbox.path(&target).join("wal.unfinished");
        let has_grown = || {
            let names = std::fs::read_dir(&unfinished).map(Iterator::count);
            names.is_ok_and(|names| names > attempt % 6)
        };
        while child.try_wait().unwrap().is_none() && !has_grown() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if sandbox.path(&target).join("wal").exists() {
            whole += 1;
        } else {
            cut_short += 1;
            assert_ne!(sandbox.run(["tail", "--ledger", &target]).code, 0);
            assert_ne!(sandbox.run_with_input(["append", "--ledger", &target], note(0)).code, 0);
            sandbox.run(["backup", &target]).expect(0);
        }
        let verified = sandbox.run(["verify", "--json", "--ledger", &target]).expect(0).value();
        assert_eq!(verified["records"], 20_000);
    }
    assert!(cut_short > 0, "{cut_short} cut short, {whole} whole");
}
