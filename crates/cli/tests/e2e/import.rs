//! `import`: what it reports, that it adds nothing twice, and what it refuses.

use crate::program::{SESSION, Sandbox};

#[test]
fn a_session_is_imported_once() {
    let sandbox = Sandbox::new();
    let first = sandbox.run(["import", "claude-code", SESSION, "--json"]).expect(0).value();
    assert_eq!(
        (&first["files"], &first["recordsRead"], &first["unparsed"]),
        (&1.into(), &25.into(), &0.into())
    );
    assert_eq!((&first["duplicates"], &first["runs"]), (&0.into(), &2.into()));
    assert!(first["appended"].as_u64().unwrap() > 25, "derived events too: {first}");
    let before = sandbox.run(["tail"]).expect(0).text();
    let second = sandbox.run(["import", "auto", SESSION, "--json"]).expect(0).value();
    assert_eq!((&second["appended"], &second["duplicates"]), (&0.into(), &25.into()));
    assert_eq!(sandbox.run(["tail"]).expect(0).text(), before);
    assert_eq!(sandbox.run(["import", "claude-code", SESSION]).expect(0).text().lines().count(), 1);
}

#[test]
fn a_bad_line_is_kept_counted_and_no_error() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("torn.jsonl");
    let mut bytes = std::fs::read(SESSION).unwrap();
    bytes.extend_from_slice(b"{\"type\":\"assistant\",\"mess\n\xff\xfe not text\n");
    std::fs::write(&file, &bytes).unwrap();
    let report = sandbox.run(["import", "claude-code", file.to_str().unwrap(), "--json"]).expect(0).value();
    assert_eq!(report["unparsed"], 2);
    let kept = sandbox.run(["events", "--kind", "unparsed", "--json"]).expect(0).lines();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0]["source"]["text"], "{\"type\":\"assistant\",\"mess");
    assert!(kept[1]["source"]["base64"].is_string());
}

#[test]
fn folders_are_read_recursively_and_what_is_passed_over_is_named() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("recordings/deep");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(SESSION, folder.join("a.jsonl")).unwrap();
    std::fs::write(folder.join("readme.txt"), "not a recording").unwrap();
    let recordings = sandbox.path("recordings");
    let finished = sandbox.run(["import", "claude-code", recordings.to_str().unwrap(), "--json"]).expect(0);
    assert_eq!(finished.value()["files"], 1);
    assert!(finished.stderr.contains("readme.txt"), "{}", finished.stderr);
}

#[test]
fn a_missing_path_and_an_unknown_format_are_refused_before_anything_is_made() {
    let sandbox = Sandbox::new();
    sandbox.run(["import", "claude-code", SESSION, "nowhere.jsonl"]).expect_error(2, "nowhere.jsonl");
    let finished = sandbox.run(["import", "copilot", SESSION]).expect(2);
    assert!(finished.stderr.contains("swe-agent"), "{}", finished.stderr);
    assert!(!sandbox.ledger().exists());
}

#[test]
fn events_that_the_program_printed_are_imported_unchanged() {
    let sandbox = Sandbox::with_session();
    let printed = sandbox.run(["tail"]).expect(0);
    let copy = Sandbox::new();
    let file = copy.path("events.jsonl");
    std::fs::write(&file, &printed.stdout).unwrap();
    copy.run(["import", "jsonl", file.to_str().unwrap()]).expect(0);
    assert_eq!(copy.run(["tail"]).expect(0).text(), printed.text());
    let again = copy.run(["import", "auto", file.to_str().unwrap(), "--json"]).expect(0).value();
    assert_eq!(again["appended"], 0);
}
