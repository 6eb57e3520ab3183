//! Event JSON in, and what becomes of what is none.

use runledger_audit::{EventFilter, Kind, Seq};

use crate::Format;
use crate::testing::Archive;

const GIVEN: &str = r#"{"kind":"message","eventId":"0190b6f1-0000-7000-8000-000000000001","timestamp":"2026-03-01T10:00:00Z","sessionId":"s","runId":"r","body":{"role":"user","content":"hello"},"mood":[1.50]}"#;

fn import(archive: &Archive, text: impl AsRef<[u8]>) -> crate::ImportReport {
    archive.import_as(Format::Jsonl, "events.jsonl", text)
}

#[test]
fn what_a_ledger_prints_makes_the_same_ledger_elsewhere() {
    let archive = Archive::new();
    let line = r#"{"type":"user","sessionId":"s","uuid":"1","timestamp":"2026-03-01T10:00:00Z","message":{"role":"user","content":"hello"}}"#;
    let transcript = format!("{line}\n\n{{\"torn\":\n{line}{line}");
    archive.import(&transcript);
    let printed: Vec<String> = archive
        .ledger
        .tail(Seq::new(0))
        .map(|stored| stored.unwrap())
        .map(|stored| stored.event.to_json(Some(stored.seq)))
        .collect();
    let copy = Archive::new();
    let report = import(&copy, printed.join("\n"));
    assert_eq!(
        (report.records_read, report.appended, report.unparsed),
        (archive.length(), archive.length(), 0)
    );
    assert_eq!((copy.state(), copy.runs()), (archive.state(), archive.runs()));
    assert_eq!(copy.transcript("s"), transcript.as_bytes());
    let again = import(&copy, printed.join("\n"));
    assert_eq!((again.appended, again.duplicates), (0, again.records_read));
}

#[test]
fn an_event_without_an_id_is_recognised_by_its_source_id_or_its_line() {
    let archive = Archive::new();
    let text = "{\"kind\":\"custom\"}\r\n\n{\"kind\":\"custom\",\"sourceId\":\"x\",\"target\":\"a\"}\n";
    assert_eq!(import(&archive, text).appended, 2);
    let again = import(&archive, text);
    assert_eq!((again.appended, again.duplicates, again.records_read), (0, 2, 2));
}

#[test]
fn another_end_of_a_run_and_another_log_entry_of_a_number_are_kept_as_they_are() {
    let archive = Archive::new();
    let line = |kind: &str, body: &str| format!(r#"{{"kind":"{kind}","runId":"r","body":{body}}}"#);
    let entry = |text: &str| line("run_log", &format!(r#"{{"sequence":1,"eventType":"{text}"}}"#));
    let lines = [
        line("run_finished", r#"{"status":"completed"}"#),
        line("run_finished", r#"{"status":"failed"}"#),
        entry("a"),
        entry("b"),
    ]
    .join("\n");
    let report = import(&archive, &lines);
    assert_eq!((report.appended, report.unparsed), (4, 2));
    let run = archive.ledger.run("r").unwrap().unwrap();
    assert_eq!(run.status, runledger_audit::RunStatus::Completed);
    assert_eq!(archive.ledger.anomalies().unwrap(), []);
    assert_eq!(import(&archive, &lines).appended, 0);
}

#[test]
fn a_contradiction_and_what_is_no_event_are_kept_as_they_are() {
    let archive = Archive::new();
    let other = GIVEN.replace("hello", "goodbye");
    let long = format!(r#"{{"kind":"custom","runId":"{}"}}"#, "x".repeat(5000));
    let lines: [&[u8]; 6] = [
        GIVEN.as_bytes(),
        other.as_bytes(),
        b"{\"kind\":\"run_finished\",\"body\":{\"status\":\"merry\"}}",
        b"{\"kind\":",
        b"\xff",
        long.as_bytes(),
    ];
    let report = import(&archive, lines.join(&b'\n'));
    assert_eq!((report.records_read, report.appended, report.unparsed), (6, 6, 5));
    let kept: Vec<Vec<u8>> = archive
        .ledger
        .tail(Seq::new(0))
        .filter_map(|stored| stored.unwrap().event.source)
        .map(|source| source.bytes)
        .collect();
    assert_eq!(kept, lines[1..]);
    let again = import(&archive, lines.join(&b'\n'));
    assert_eq!((again.appended, again.duplicates, again.unparsed), (0, 6, 5));
    let filter = EventFilter { kinds: vec![Kind::Message], ..EventFilter::default() };
    let message = archive.ledger.events(&filter).unwrap().items.remove(0);
    assert!(message.event.to_json(None).contains(r#""mood":[1.50]"#));
}
