//! `append`: acknowledgements in order, bad lines reported and passed over, and nothing waits for the next line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{LiveWriter, Sandbox, note, notes, seqs};

fn line_errors(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_event_is_acknowledged_in_order_and_read_back() {
    for options in
        [&[][..], &["--in-flight", "16"], &["--durability", "written"], &["--durability", "buffered"]]
    {
        let sandbox = Sandbox::new();
        let appended =
            sandbox.run_with_input(["append"].iter().chain(options), notes(0..50)).expect(0).lines();
        assert_eq!(seqs(&appended), (0..50).collect::<Vec<_>>(), "{options:?}");
        let stored = sandbox.run(["tail"]).expect(0).lines();
        assert_eq!(seqs(&stored), seqs(&appended), "{options:?}");
        for (acknowledged, event) in appended.iter().zip(&stored) {
            assert_eq!(acknowledged["eventId"], event["eventId"]);
            assert_eq!(event["body"]["data"]["n"], event["seq"]);
        }
    }
}

#[test]
fn an_acknowledgement_does_not_wait_for_the_next_line_or_for_more_in_flight() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &["--in-flight", "64"]);
    for number in 0..3 {
        // This returns only when the acknowledgement has come, with the input open and quiet.
        assert_eq!(writer.append(&note(number))["seq"], number);
    }
    assert_eq!(writer.close(), 0);
}

#[test]
fn bad_lines_are_named_by_number_and_later_lines_are_stored() {
    let sandbox = Sandbox::new();
    let mut input = Vec::new();
    input.extend_from_slice(note(0).as_bytes());
    input.extend_from_slice(b"\n{\"kind\":\"message\"\n"); // line 2: not JSON
    input.extend_from_slice(b"{\"kind\":\"tool_call\",\"body\":{\"toolId\":7}}\n"); // line 3: a wrong type
    input.extend_from_slice(b"\n"); // line 4: blank, which is nothing
    input.extend_from_slice(b"{\"kind\":\"run_finished\",\"body\":{\"status\":\"done\"}}\n"); // line 5: no such status
    input.extend_from_slice(b"{\"kind\":\"custom\",\"x\":\"\xff\"}\n"); // line 6: not UTF-8
    input.extend_from_slice(note(1).as_bytes()); // line 7, without a line break
    let finished = sandbox.run_with_input(["append"], input).expect(2);
    assert_eq!(seqs(&finished.lines()), [0, 1]);
    let errors = line_errors(&finished.stderr);
    assert_eq!(errors.iter().map(|error| error["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 5, 6]);
    let text = |index: usize| errors[index]["error"].as_str().unwrap();
    assert!(text(1).contains("toolId"), "{}", text(1));
    assert!(text(2).contains("budget_exceeded"), "the accepted values are named: {}", text(2));
    assert!(text(3).contains("UTF-8"), "{}", text(3));
    assert_eq!(sandbox.run(["tail"]).expect(0).lines().len(), 2);
}

#[test]
fn an_event_over_16_mib_is_refused_and_the_next_one_stored() {
    let sandbox = Sandbox::new();
    let text = "x".repeat(17 << 20);
    let input =
        format!("{{\"kind\":\"custom\",\"body\":{{\"type\":\"big\",\"data\":\"{text}\"}}}}\n{}\n", note(0));
    let finished = sandbox.run_with_input(["append"], input).expect(2);
    assert_eq!(seqs(&finished.lines()), [0]);
    let errors = line_errors(&finished.stderr);
    assert_eq!(errors.len(), 1);
    assert!(errors[0]["error"].as_str().unwrap().contains("16777216"), "{}", errors[0]);
}

#[test]
fn an_event_sent_again_keeps_its_number_and_one_with_other_content_is_a_conflict() {
    let sandbox = Sandbox::new();
    let id = "0197f000-0000-7000-8000-000000000001";
    let event = |n: u32| {
        format!(
            r#"{{"kind":"custom","eventId":"{id}","timestamp":"2026-02-08T09:00:00Z","body":{{"type":"t","data":{n}}}}}"#
        )
    };
    let first = sandbox.run_with_input(["append"], event(1)).expect(0).value();
    let again = sandbox.run_with_input(["append"], event(1)).expect(0).value();
    assert_eq!(first, again);
    let finished = sandbox.run_with_input(["append"], event(2)).expect(2);
    assert!(finished.stdout.is_empty());
    assert!(line_errors(&finished.stderr)[0]["error"].as_str().unwrap().contains(id), "{}", finished.stderr);
    assert_eq!(sandbox.run(["tail"]).expect(0).lines().len(), 1);
}

#[test]
fn a_kind_that_nobody_knows_is_kept_whole_under_its_name() {
    let sandbox = Sandbox::new();
    let line = r#"{"kind":"weather","body":{"sky":"grey"},"mood":3}"#;
    sandbox.run_with_input(["append"], line).expect(0);
    let event = sandbox.run(["event", "0"]).expect(0).value();
    assert_eq!((&event["kind"], &event["body"]["type"]), (&"custom".into(), &"weather".into()));
    assert_eq!((&event["body"]["data"]["sky"], &event["mood"]), (&"grey".into(), &3.into()));
}

#[test]
fn what_tail_prints_is_taken_back_unchanged() {
    let sandbox = Sandbox::with_session();
    let printed = sandbox.run(["tail"]).expect(0);
    let copy = Sandbox::new();
    copy.run_with_input(["append", "--in-flight", "32"], printed.stdout.clone()).expect(0);
    assert_eq!(copy.run(["tail"]).expect(0).text(), printed.text());
}

/// `append` that fails to write after some thousand long notes, as it would on a full disk.
fn writer_without_space(sandbox: &Sandbox) -> Child {
    // No file may grow beyond this many blocks.
    let script = "trap '' XFSZ; ulimit -f 3000; exec \"$0\" append --in-flight 8";
    Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_runledger")])
        .env("RUNLEDGER_DIR", sandbox.ledger())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn long_note() -> String {
    format!("{{\"kind\":\"custom\",\"body\":{{\"type\":\"t\",\"data\":\"{}\"}}}}\n", "x".repeat(1_000))
}

#[test]
fn storage_that_fails_ends_with_5_and_what_was_printed_is_stored() {
    let sandbox = Sandbox::new();
    let mut child = writer_without_space(&sandbox);
    let mut input = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || while input.write_all(long_note().as_bytes()).is_ok() {});
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(!line_errors(&stderr).is_empty(), "each line in flight is named: {stderr}");
    assert!(stderr.lines().last().unwrap().starts_with("error: storing stopped at line"), "{stderr}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let stored = sandbox.run(["tail"]).expect(0).lines();
    assert!(stored.len() >= printed.lines().count() && !stored.is_empty());
    for (printed, stored) in printed.lines().zip(&stored) {
        let printed: Value = serde_json::from_str(printed).unwrap();
        assert_eq!((&printed["seq"], &printed["eventId"]), (&stored["seq"], &stored["eventId"]));
    }
    sandbox.run_with_input(["append"], note(1)).expect(0);
    sandbox.run(["verify"]).expect(0);
}

#[test]
fn storage_that_fails_ends_the_program_though_its_input_stays_open_and_quiet() {
    let sandbox = Sandbox::new();
    let mut child = writer_without_space(&sandbox);
    let mut input = child.stdin.take().unwrap();
    let mut acknowledgements = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        input.write_all(long_note().as_bytes()).unwrap();
        // Nothing further is written until this line has its answer, and no answer ends it.
        if acknowledgements.next().is_none() {
            break;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(5));
    drop(input);
}
