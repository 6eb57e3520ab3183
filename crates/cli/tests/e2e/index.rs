//! The index is derived: deleted, damaged or rebuilt, the answers stay the same.

use crate::program::{SESSION_RUN, Sandbox};

const QUESTIONS: [&[&str]; 6] = [
    &["events", "--limit", "1000"],
    &["events", "--kind", "tool_call", "--order", "desc"],
    &["events", "--agent", "claude-code", "--from", "2026-03-14"],
    &["runs", "--json"],
    &["run", SESSION_RUN, "--json"],
    &["transcript", SESSION_RUN],
];

fn answers(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    QUESTIONS.iter().map(|question| sandbox.run(*question).expect(0).stdout).collect()
}

#[test]
fn without_its_index_the_ledger_gives_the_same_answers_and_says_so() {
    let sandbox = Sandbox::with_session();
    let before = answers(&sandbox);
    std::fs::remove_dir_all(sandbox.ledger().join("index")).unwrap();
    assert!(answers(&sandbox) == before, "read from the log");
    let note = sandbox.run(["runs"]).expect(0).stderr;
    assert!(note.contains("index"), "{note}");
    assert!(!sandbox.ledger().join("index").exists(), "a reader makes none");
    // The next writer makes it again.
    sandbox.run_with_input(["append"], "").expect(0);
    assert!(sandbox.ledger().join("index").exists());
    assert!(answers(&sandbox) == before, "read from the new index");
    assert_eq!(sandbox.run(["runs"]).expect(0).stderr, "");
}

#[test]
fn rebuilding_gives_the_same_answers() {
    let sandbox = Sandbox::with_session();
    let before = answers(&sandbox);
    let report = sandbox.run(["index", "rebuild", "--json"]).expect(0).value();
    assert_eq!(report["records"], sandbox.run(["tail"]).expect(0).lines().len());
    assert!(answers(&sandbox) == before);
    let text = sandbox.run(["index", "rebuild"]).expect(0).text();
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_damaged_index_is_not_trusted() {
    let sandbox = Sandbox::with_session();
    let before = answers(&sandbox);
    for entry in std::fs::read_dir(sandbox.ledger().join("index")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0x10;
        }
        std::fs::write(&path, bytes).unwrap();
    }
    assert!(answers(&sandbox) == before);
    sandbox.run_with_input(["append"], "").expect(0);
    assert!(answers(&sandbox) == before);
}
