//! `tail`: the log in its own order, and what another process appends to it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::program::{LiveWriter, Sandbox, note, seqs};

#[test]
fn the_log_is_printed_from_its_beginning_or_from_a_number() {
    let sandbox = Sandbox::with_notes(10);
    assert_eq!(seqs(&sandbox.run(["tail"]).expect(0).lines()), (0..10).collect::<Vec<_>>());
    assert_eq!(seqs(&sandbox.run(["tail", "--from", "7", "--json"]).expect(0).lines()), [7, 8, 9]);
    assert!(sandbox.run(["tail", "--from", "10"]).expect(0).stdout.is_empty());
    assert!(sandbox.run(["tail", "--from", "999"]).expect(0).stdout.is_empty());
    assert_eq!(sandbox.run(["tail", "--text", "--from", "9"]).expect(0).text().lines().count(), 2);
}

#[test]
fn following_shows_what_another_process_appends_and_ends_when_its_reader_goes() {
    let sandbox = Sandbox::with_notes(2);
    let mut follower =
        sandbox.command(["tail", "-f"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&printed.next().unwrap().unwrap()).unwrap() };
    assert_eq!((next()["seq"].as_u64(), next()["seq"].as_u64()), (Some(0), Some(1)));
    let mut writer = LiveWriter::start(&sandbox, &[]);
    for number in 2..6 {
        let acknowledged = writer.append(&note(number));
        assert_eq!(next()["eventId"], acknowledged["eventId"]);
    }
    // Nothing is appended any more: the follower has to notice by itself that nobody listens.
    drop(printed);
    let output = follower.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
    assert_eq!(writer.close(), 0);
}

#[test]
fn what_is_followed_can_be_filtered_and_begin_now() {
    let sandbox = Sandbox::with_notes(3);
    assert_eq!(seqs(&sandbox.run(["tail", "--agent", "tester", "--from", "1"]).expect(0).lines()), [1, 2]);
    assert!(sandbox.run(["tail", "--agent", "nobody"]).expect(0).stdout.is_empty());
    let mut writer = LiveWriter::start(&sandbox, &[]);
    let arguments = ["tail", "-f", "--like", "agent=t*", "--from", "2"];
    let mut follower =
        sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&printed.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["seq"], 2);
    writer.append(r#"{"kind":"custom","agentId":"other","body":{"type":"t"}}"#);
    let expected = writer.append(&note(4));
    assert_eq!(next()["eventId"], expected["eventId"], "what does not match is passed over");
    drop(printed);
    assert_eq!(follower.wait_with_output().unwrap().status.code(), Some(0));
    sandbox.run(["tail", "--new"]).expect(2);
    sandbox.run(["tail", "-f", "--new", "--from", "0"]).expect(2);
    assert_eq!(writer.close(), 0);
}
