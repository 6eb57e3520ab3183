//! `verify`: what it counts, and that it sees a single flipped bit.

use crate::program::{SESSION_RUN, Sandbox, first_segment};

/// Where `needle` stands in the file.
fn position(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[test]
fn a_sound_ledger_is_0_and_counted() {
    let sandbox = Sandbox::with_notes(30);
    let report = sandbox.run(["verify", "--json"]).expect(0).value();
    assert_eq!(report["records"], 30);
    assert!(report["segments"].as_u64().unwrap() >= 1);
    assert_eq!((&report["damaged"], &report["tornTailBytes"]), (&serde_json::json!([]), &0.into()));
    assert!(
        report["ambiguous"].is_boolean() || report["ambiguous"].is_array() || report["ambiguous"].is_number()
    );
    assert!(sandbox.run(["verify"]).expect(0).text().contains("30 records in 1 segment,"));
}

#[test]
fn any_number_of_threads_reports_the_same_and_says_nothing_on_a_standard_error_that_is_no_terminal() {
    let sandbox = Sandbox::with_notes(30);
    let report = sandbox.run(["verify", "--json"]).expect(0);
    for threads in ["1", "2", "8"] {
        let again = sandbox.run(["verify", "--json", "--threads", threads]).expect(0);
        assert_eq!((again.value(), again.stderr.as_str()), (report.value(), ""), "{threads} threads");
    }
    sandbox.run(["verify", "--threads", "0"]).expect(2);
}

#[test]
fn a_flipped_bit_in_an_event_is_3_and_named_and_recover_leaves_it_alone() {
    let sandbox = Sandbox::with_notes(30);
    let path = first_segment(&sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    let event = sandbox.run(["event", "17"]).expect(0).value();
    let id = event["eventId"].as_str().unwrap().replace('-', "");
    let id: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()).collect();
    let at = position(&bytes, &id);
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let report = sandbox.run(["verify", "--json"]).expect(3).value();
    let damage = &report["damaged"][0];
    assert!(damage["segment"].as_str().unwrap().contains("00000000000000000000"), "{damage}");
    let (from, to) = (damage["seqFrom"].as_u64().unwrap(), damage["seqTo"].as_u64().unwrap());
    assert!((from..=to).contains(&17), "{damage}");
    assert!(damage["offset"].as_u64().unwrap() <= at as u64 && damage["problem"].is_string(), "{damage}");
    let text = sandbox.run(["verify"]).expect(3);
    assert!(text.text().contains("00000000000000000000"), "{}", text.text());

    // Where the damage stops a command, it says so with the same code.
    assert!(sandbox.run(["tail"]).expect(3).stderr.contains("error: "));
    sandbox.run(["recover"]).expect(3);
    assert!(std::fs::read(&path).unwrap() == bytes, "damage to acknowledged events is left alone");
}

#[test]
fn a_flipped_bit_in_the_unwritten_rest_is_a_torn_tail_and_no_damage() {
    let sandbox = Sandbox::with_notes(3);
    let path = first_segment(&sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    assert_eq!(bytes[last], 0, "the rest of an open segment is zero");
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let report = sandbox.run(["verify", "--json"]).expect(0).value();
    assert!(report["tornTailBytes"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["damaged"], serde_json::json!([]));
}

#[test]
fn damage_stops_with_3_what_needs_it_and_is_named_by_all_else() {
    let sandbox = Sandbox::with_session();
    let path = first_segment(&sandbox);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = position(&bytes, b"SessionStart");
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    sandbox.run(["transcript", SESSION_RUN]).expect_error(3, "00000000000000000000.wal");
    // An index that is built of what can still be read answers for that, and says what it lacks.
    std::fs::remove_dir_all(sandbox.ledger().join("index")).unwrap();
    for arguments in [&["runs"][..], &["stats"], &["append"], &["index", "rebuild"]] {
        let finished = sandbox.run(arguments).expect(0);
        let named = finished.stderr.contains("no query finds record")
            && finished.stderr.contains(": damaged: 00000000000000000000.wal");
        assert!(named, "{arguments:?}: {}", finished.stderr);
    }
    assert!(sandbox.run(["runs"]).expect(0).text().contains(SESSION_RUN));
    // A transcript with a hole is nobody's transcript, also where the index does not know of the line.
    sandbox.run(["transcript", SESSION_RUN]).expect(3);
}
