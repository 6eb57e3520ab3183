//! `recover --salvage`: what it copies, what it says, what it refuses, and that the old ledger stays as it was.

use std::path::Path;

use serde_json::Value;

use crate::program::{LiveWriter, Sandbox, first_segment, note, seqs};

/// All files of a ledger's log.
fn log_files(ledger: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(ledger.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

/// Changes a byte in the middle of the note of this number.
fn damage(sandbox: &Sandbox, number: u64) {
    let path = first_segment(sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = format!("{{\"n\":{number}}}");
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    bytes[at + 5] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

/// The numbers of the notes in a ledger, in the order of its log.
fn numbers(sandbox: &Sandbox, ledger: &str) -> Vec<u64> {
    let events = sandbox.run(["tail", "--ledger", ledger]).expect(0).lines();
    assert!(seqs(&events).into_iter().eq(0..events.len() as u64));
    events.iter().map(|event| event["body"]["data"]["n"].as_u64().unwrap()).collect()
}

#[test]
fn a_sound_ledger_is_copied_whole_and_is_0() {
    let sandbox = Sandbox::with_session();
    let before = log_files(&sandbox.ledger());
    let finished = sandbox.run(["recover", "--salvage", "new"]).expect(0);
    assert!(finished.text().contains("no gaps"), "{}", finished.text());
    assert_eq!(log_files(&sandbox.ledger()), before);
    let events = |ledger: &str| sandbox.run(["tail", "--ledger", ledger]).expect(0).lines();
    assert_eq!(events("ledger"), events("new"));
    sandbox.run(["verify", "--ledger", "new"]).expect(0);
    let runs = |ledger: &str| sandbox.run(["runs", "--json", "--ledger", ledger]).expect(0).lines();
    assert_eq!(runs("ledger"), runs("new"));
}

#[test]
fn what_is_damaged_is_left_out_and_named_and_is_3() {
    let sandbox = Sandbox::with_notes(300);
    damage(&sandbox, 123);
    sandbox.run(["recover"]).expect(3);
    let before = log_files(&sandbox.ledger());
    let report = sandbox.run(["recover", "--salvage", "new", "--json"]).expect(3).value();
    assert_eq!((&report["records"], &report["recordsLost"]), (&299.into(), &1.into()), "{report}");
    let gap = &report["gaps"][0];
    let (from, to) = (gap["seqFrom"].as_u64().unwrap(), gap["seqTo"].as_u64().unwrap());
    assert!(to == from + 1 && gap["file"] == "00000000000000000000.wal", "{report}");
    let copied: Vec<_> = report["copied"].as_array().unwrap().iter().collect();
    assert_eq!(
        (copied.len(), &copied[1]["seqFrom"], &copied[1]["newSeqFrom"]),
        (2, &to.into(), &from.into())
    );
    assert_eq!(log_files(&sandbox.ledger()), before);
    let saved = std::fs::read_to_string(sandbox.path("new/salvage.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&saved).unwrap(), report);

    assert!(numbers(&sandbox, "new").into_iter().eq((0..300).filter(|number| *number != 123)));
    let verified = sandbox.run(["verify", "--json", "--ledger", "new"]).expect(0).value();
    assert_eq!(verified["records"], 299);
    sandbox.run(["recover", "--ledger", "new"]).expect(0);
    let answer = sandbox.run(["events", "--limit", "1000", "--ledger", "new"]).expect(0);
    assert!(answer.lines().len() == 299 && answer.stderr.is_empty(), "{}", answer.stderr);
    let appended = sandbox.run_with_input(["append", "--ledger", "new"], note(300)).expect(0);
    assert_eq!(seqs(&appended.lines()), [299]);

    let text = sandbox.run(["recover", "--salvage", "again"]).expect(3).text();
    assert!(
        text.contains("lost: 00000000000000000000.wal at byte") && text.contains("299 records"),
        "{text}"
    );
}

#[test]
fn trouble_that_costs_no_record_is_4() {
    let sandbox = Sandbox::with_notes(5);
    std::fs::remove_file(sandbox.ledger().join("wal/watermark")).unwrap();
    let text = sandbox.run(["recover", "--salvage", "new"]).expect(4).text();
    assert!(text.contains("watermark") && text.contains("no gaps"), "{text}");
    assert_eq!(numbers(&sandbox, "new"), [0, 1, 2, 3, 4]);
}

#[test]
fn a_lost_first_segment_is_named_and_the_new_ledger_is_there_all_the_same() {
    let sandbox = Sandbox::with_notes(5);
    std::fs::remove_file(first_segment(&sandbox)).unwrap();
    let report = sandbox.run(["recover", "--salvage", "new", "--json"]).expect(3).value();
    assert_eq!((&report["records"], &report["recordsLost"]), (&0.into(), &5.into()), "{report}");
    sandbox.run(["verify", "--ledger", "new"]).expect(0);
}

#[test]
fn a_place_that_is_taken_or_inside_the_ledger_is_refused() {
    let sandbox = Sandbox::with_notes(2);
    let before = log_files(&sandbox.ledger());
    std::fs::create_dir(sandbox.path("taken")).unwrap();
    std::fs::write(sandbox.path("taken/mine"), "mine").unwrap();
    sandbox.run(["recover", "--salvage", "taken"]).expect_error(2, "taken");
    sandbox.run(["recover", "--salvage", "taken/mine"]).expect_error(2, "taken");
    std::os::unix::fs::symlink("ledger", sandbox.path("link")).unwrap();
    for inside in ["ledger", "ledger/new", "ledger/wal/new", "link/new", "nothing/../ledger/new"] {
        sandbox.run(["recover", "--salvage", inside]).expect_error(2, "inside");
    }
    sandbox.run(["recover", "--salvage", ""]).expect(2);
    sandbox.run(["recover", "--salvage"]).expect(2);
    sandbox.run(["recover", "--ledger", "nothing", "--salvage", "new"]).expect_error(2, "no ledger at");
    assert!(!sandbox.path("new").exists() && !sandbox.path("nothing").exists());
    assert_eq!(log_files(&sandbox.ledger()), before);
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(["recover", "--salvage", "empty"]).expect(0);
    sandbox.run(["recover", "--salvage", "deep/er/new"]).expect(0);
}

#[test]
fn a_ledger_that_a_writer_holds_is_refused_and_says_who() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    let holder = writer.process_id().to_string();
    sandbox.run(["recover", "--salvage", "new"]).expect_error(6, &holder);
    assert!(!sandbox.path("new").exists());
    assert_eq!(writer.append(&note(1))["seq"], 1, "the writer was not disturbed");
    assert_eq!(writer.close(), 0);
    sandbox.run(["recover", "--salvage", "new"]).expect(0);
}
