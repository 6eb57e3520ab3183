//! A compressed ledger answers as before.

use crate::program::{LiveWriter, Sandbox, note, notes, seqs};

const QUESTIONS: [&[&str]; 3] =
    [&["events", "--limit", "3000"], &["tail"], &["events", "--order", "desc", "--limit", "500"]];

#[test]
fn a_compressed_ledger_answers_as_before_takes_less_space_and_goes_on() {
    let sandbox = Sandbox::new();
    // More than the first segment holds, which is of 1 MiB.
    sandbox.run_with_input(["append", "--in-flight", "200"], notes(0..6000)).expect(0);
    let answers = || QUESTIONS.map(|question| sandbox.run(question).expect(0).stdout);
    let (before, stats) = (answers(), sandbox.run(["stats", "--json"]).expect(0).value());
    let report = sandbox.run(["compress", "--json"]).expect(0).value();
    assert_eq!((&report["segments"], &report["left"]), (&1.into(), &0.into()));
    let bytes = |name: &str| report[name].as_u64().unwrap();
    assert!(bytes("bytesAfter") * 2 < bytes("bytesBefore"), "{report}");
    assert!(answers() == before);
    let after = sandbox.run(["stats", "--json"]).expect(0).value();
    let saved = stats["logBytes"].as_u64().unwrap() - after["logBytes"].as_u64().unwrap();
    assert_eq!(saved, bytes("bytesBefore") - bytes("bytesAfter"));
    sandbox.run(["verify"]).expect(0);
    let copy = sandbox.path("copy");
    sandbox.run(["backup".as_ref(), copy.as_os_str()]).expect(0);
    let of_copy = sandbox.command(["tail", "--ledger"]).arg(&copy).output().unwrap();
    assert!(of_copy.stdout == before[1], "a backup of it is the same ledger");
    let again = sandbox.run(["compress"]).expect(0).text();
    assert!(again.starts_with("nothing to compress"), "{again}");
    sandbox.run_with_input(["append"], note(6000)).expect(0);
    let last = sandbox.run(["tail", "--from", "6000"]).expect(0).lines();
    assert_eq!(seqs(&last), [6000]);
    sandbox.run(["index", "rebuild"]).expect(0);
    assert!(sandbox.run(QUESTIONS[2]).expect(0).stdout != before[2], "the newest event is another");
}

#[test]
fn compressing_names_who_holds_the_ledger_and_leaves_a_damaged_segment_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.run_with_input(["append", "--in-flight", "200"], notes(0..6000)).expect(0);
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(6000));
    let held = sandbox.run(["compress"]).expect(6).stderr;
    assert!(held.contains(&writer.process_id().to_string()), "{held}");
    assert_eq!(writer.close(), 0);
    let first = crate::program::first_segment(&sandbox);
    let mut bytes = std::fs::read(&first).unwrap();
    bytes[200_000] ^= 1;
    std::fs::write(&first, &bytes).unwrap();
    let text = sandbox.run(["compress"]).expect(3).text();
    assert!(text.contains("damaged"), "{text}");
    assert!(std::fs::read(&first).unwrap() == bytes);
    sandbox.run(["verify"]).expect(3);
}
