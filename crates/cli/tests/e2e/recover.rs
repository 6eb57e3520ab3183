//! `recover`: nothing to do, something repaired, and what it says of each.

use crate::program::{LiveWriter, Sandbox, first_segment, note, seqs};

#[test]
fn a_ledger_that_was_closed_in_good_order_needs_nothing() {
    let sandbox = Sandbox::with_notes(3);
    sandbox.run(["recover"]).expect(0);
    sandbox.run(["recover", "--json"]).expect(0).value();
    assert_eq!(sandbox.run(["tail"]).expect(0).lines().len(), 3);
}

#[test]
fn a_run_stays_open_after_a_writer_that_closed_and_is_interrupted_after_one_that_died() {
    let sandbox = Sandbox::new();
    let started = "{\"kind\":\"run_started\",\"runId\":\"r\"}\n";
    sandbox.run_with_input(["append"], started).expect(0);
    let status = || sandbox.run(["runs", "--json"]).expect(0).lines().remove(0)["status"].clone();
    sandbox.run(["recover"]).expect(0);
    assert_eq!(status(), "running");

    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    writer.kill();
    let report = sandbox.run(["recover", "--json"]).expect(4).value();
    assert_eq!(report["interruptedRuns"], serde_json::json!(["r"]), "{report}");
    assert_eq!(status(), "interrupted");
}

#[test]
fn a_torn_tail_is_cut_kept_aside_and_reported_once() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    writer.kill();
    let path = first_segment(&sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    let torn = bytes.len() / 2;
    bytes[torn..torn + 12].copy_from_slice(b"half a write");
    std::fs::write(&path, &bytes).unwrap();

    let report = sandbox.run(["recover", "--json"]).expect(4).value();
    assert!(report["tornTailBytes"].as_u64().unwrap() >= 12, "{report}");
    let kept = std::fs::read_dir(sandbox.ledger().join("wal")).unwrap();
    let kept =
        kept.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "torn"));
    assert!(kept.count() > 0, "the bytes are kept aside");
    sandbox.run(["recover"]).expect(0);
    sandbox.run(["verify"]).expect(0);
    assert_eq!(seqs(&sandbox.run(["tail"]).expect(0).lines()), [0]);
    sandbox.run_with_input(["append"], note(1)).expect(0);
}

#[test]
fn a_torn_tail_cut_on_the_way_in_is_noted_and_no_error() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    writer.kill();
    let path = first_segment(&sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    // Where the next commit would start.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end.next_multiple_of(8)] = 7;
    std::fs::write(&path, &bytes).unwrap();
    let finished = sandbox.run_with_input(["append"], note(1)).expect(0);
    assert!(finished.stderr.contains("note: cut"), "{}", finished.stderr);
    assert_eq!(seqs(&finished.lines()), [1]);
}
