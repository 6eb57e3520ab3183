//! `reset`: deletes the ledger that was named, and otherwise nothing.

use std::path::{Path, PathBuf};

use crate::program::{LiveWriter, Sandbox, note};

fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), path.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

/// The ledger's id, as a backup tells it.
fn ledger_id(sandbox: &Sandbox) -> String {
    let report = sandbox.run(["backup", "of-id", "--json"]).expect(0).value();
    report["ledgerId"].as_str().unwrap().to_owned()
}

#[test]
fn without_a_terminal_only_the_ledgers_id_deletes_it() {
    let sandbox = Sandbox::with_notes(5);
    let (before, id) = (files(&sandbox.ledger()), ledger_id(&sandbox));
    let said = sandbox.run(["reset"]).expect_error(2, &id).stderr;
    assert!(said.contains("5 records") && said.contains("--yes"), "{said}");
    for no in ["yes", "", "00000000-0000-0000-0000-000000000000", "nonsense"] {
        sandbox.run(["reset", "--yes", no]).expect_error(2, "nothing was deleted");
    }
    sandbox.run_with_input(["reset"], "yes\n").expect_error(2, &id);
    sandbox.run(["reset", "--yes"]).expect(2);
    sandbox.run(["reset", "something"]).expect(2);
    assert_eq!(files(&sandbox.ledger()), before);

    let report = sandbox.run(["reset", "--yes", &id, "--json"]).expect(0).value();
    let names: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(names, ["bytes", "ledgerId", "left", "records", "resumed"]);
    assert_eq!((&report["records"], &report["ledgerId"]), (&5.into(), &id.clone().into()), "{report}");
    assert_eq!(report["bytes"], before.iter().map(|(_, bytes)| bytes).sum::<u64>());
    assert_eq!(std::fs::read_dir(sandbox.ledger()).unwrap().count(), 0);
    sandbox.run(["tail"]).expect_error(2, "no ledger at");
    sandbox.run(["reset", "--yes", &id]).expect_error(2, "no ledger at");
    let appended = sandbox.run_with_input(["append"], note(0)).expect(0).lines();
    assert_eq!(appended[0]["seq"], 0);
    sandbox.run(["reset", "--yes", &id]).expect_error(2, "nothing was deleted");
}

#[test]
fn a_ledger_that_a_writer_holds_is_left_alone() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    let id = ledger_id(&sandbox);
    sandbox.run(["reset", "--yes", &id]).expect_error(6, &writer.process_id().to_string());
    assert_eq!(writer.append(&note(1))["seq"], 1, "the writer was not disturbed");
    assert_eq!(writer.close(), 0);
    let text = sandbox.run(["reset", "--yes", &id]).expect(0).text();
    assert!(text.starts_with("deleted ledger") && text.contains("2 records"), "{text}");
}

#[test]
fn what_is_not_the_ledgers_is_left_and_named() {
    let sandbox = Sandbox::with_notes(1);
    let id = ledger_id(&sandbox);
    std::fs::write(sandbox.ledger().join("notes.txt"), "mine").unwrap();
    std::fs::write(sandbox.ledger().join("wal/notes.txt"), "mine").unwrap();
    sandbox.run(["reset", "--yes", &id]).expect_error(2, "notes.txt");
    assert_eq!(sandbox.run(["tail"]).expect(0).lines().len(), 1);
    std::fs::remove_file(sandbox.ledger().join("wal/notes.txt")).unwrap();
    let finished = sandbox.run(["reset", "--yes", &id, "--json"]).expect(0);
    assert!(finished.stderr.contains("notes.txt"), "{}", finished.stderr);
    assert_eq!(finished.value()["left"].as_array().unwrap().len(), 1);
    assert_eq!(std::fs::read_to_string(sandbox.ledger().join("notes.txt")).unwrap(), "mine");
}

#[test]
fn a_reset_that_was_cut_short_is_named_and_finished() {
    let sandbox = Sandbox::with_notes(1);
    let id = ledger_id(&sandbox);
    std::fs::rename(sandbox.ledger().join("wal"), sandbox.ledger().join("wal.removed")).unwrap();
    sandbox.run_with_input(["append"], note(0)).expect_error(2, "was being deleted");
    sandbox.run(["tail"]).expect_error(2, "was being deleted");
    sandbox.run(["reset"]).expect_error(2, "the rest of ledger");
    let report = sandbox.run(["reset", "--yes", &id, "--json"]).expect(0).value();
    assert_eq!(report["resumed"], true);
    sandbox.run_with_input(["append"], note(0)).expect(0);
}
