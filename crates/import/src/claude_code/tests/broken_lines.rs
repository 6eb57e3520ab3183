//! Lines that are not one record: fused, torn, no text, no JSON. Whatever they are, they come back.

use proptest::prelude::*;
use runledger_audit::Kind;

use super::{asked, counts, session, tools};
use crate::testing::Archive;

#[test]
fn a_file_without_a_readable_line_is_a_completed_run_too() {
    let archive = Archive::new();
    assert_eq!(counts(archive.import("torn {\n")), (1, 0, 1));
    let session = archive.events(&[])[0].event.session_id.clone().unwrap();
    assert_eq!(archive.ledger.run(&session).unwrap().unwrap().status.as_str(), "completed");
}

#[test]
fn records_fused_on_one_line_are_recovered_and_the_line_is_kept() {
    let mut lines = session();
    let fused = lines[2].clone() + &lines[3];
    lines.splice(2..4, [fused]);
    let archive = Archive::new();
    let report = archive.import(lines.join("\n"));
    // 8 lines, and the 2 records in one of them.
    assert_eq!(counts(report), (10, 0, 1));
    let whole = Archive::new();
    whole.import(session().join("\n"));
    let figures = |archive: &Archive| {
        let run = archive.ledger.run("s").unwrap().unwrap();
        (run.input_tokens, run.output_tokens, run.tool_calls, run.goal)
    };
    assert_eq!(figures(&archive), figures(&whole));
    let (stored, call) = tools(&archive).remove(0);
    assert_eq!(archive.said(&stored, call.input.as_ref()), r#"{"open": 0.50}"#);
    assert_eq!(archive.events(&[Kind::Message]).len(), 5);
    let again = archive.import(lines.join("\n"));
    assert_eq!((again.appended, counts(again)), (0, (10, 10, 1)));
    assert_eq!(archive.transcript("s"), lines.join("\n").as_bytes());
    // The same session unharmed: its lines take the places of the records that were recovered.
    archive.import(session().join("\n"));
    assert_eq!((figures(&archive), archive.events(&[Kind::Message]).len()), (figures(&whole), 5));
    assert_eq!(archive.import(lines.join("\n")).appended, 0);
}

#[test]
fn whatever_a_line_is_it_is_kept_byte_for_byte() {
    let odd: &[&[u8]] = &[
        b"{\"type\":\"user\",\"uuid\":\"torn\",\"mess",
        b"not JSON \xff\xfe at all",
        b"\r",
        b"  ",
        b"",
        b"42",
        b"null",
        b"[1,2]",
        b"{}",
        b"{\"type\":7,\"uuid\":[],\"sessionId\":{},\"timestamp\":\"yesterday\"}",
        b"{\"type\":\"user\",\"message\":\"a text\"}",
        b"{\"type\":\"user\",\"message\":{\"content\":null}}\r",
        b"{\"type\":\"assistant\",\"message\":{\"id\":\"\",\"usage\":3,\"content\":[{\"type\":\"tool_use\"},5]}}",
        b"{\"type\":\"progress\",\"data\":{\"type\":\"agent_progress\",\"agentId\":\"\"}}",
        b"\xef\xbb\xbf{\"type\":\"summary\",\"leafUuid\":\"x\"}",
        b"{\"type\":\"summary\",\"leafUuid\":\"x\"}",
        b"{\"type\":\"summary\",\"leafUuid\":\"x\"}",
        b"{\"a\":1,\"a\":2}",
        b"\x00\x01",
    ];
    for end in [&b""[..], b"\n", b"\r\n", b"\n\n \n"] {
        let named = asked("u1", 1, "mend it");
        let lines = [odd, &[named.as_bytes()]].concat();
        let text = [&lines.join(&b'\n')[..], end].concat();
        let archive = Archive::new();
        let report = archive.import(&text);
        assert!(archive.transcript("s") == text, "ending in {end:?}: {:?}", archive.transcript("s"));
        // The torn line, the one that is no text, the one with a mark before it, and the one of control characters.
        assert_eq!(report.unparsed, 4);
        let again = archive.import(&text);
        assert_eq!((again.appended, again.duplicates), (0, again.records_read));
    }
}

#[test]
fn a_line_is_held_though_two_broken_lines_before_it_showed_the_same_record() {
    let named = asked("u1", 1, "mend it");
    let text = format!("{{{named}\n{{\"{named}\n{named}\n{named}");
    let archive = Archive::new();
    archive.import(text.as_bytes());
    assert_eq!(String::from_utf8(archive.transcript("s")).unwrap(), text);
    assert_eq!(archive.import(text.as_bytes()).appended, 0);
}

#[test]
fn every_save_of_a_file_that_is_cut_anywhere_comes_back() {
    let text = session()[..4].join("\n");
    for cut in (1..text.len()).step_by(41) {
        let archive = Archive::new();
        archive.import(&text.as_bytes()[..cut]);
        let session = archive.events(&[])[0].event.session_id.clone().unwrap();
        assert!(archive.transcript(&session) == text.as_bytes()[..cut], "cut after {cut} bytes");
    }
}

/// Bytes that a transcript might be made of, cut and put together anyhow.
fn any_transcript() -> impl Strategy<Value = Vec<u8>> {
    let mut fragments: Vec<Vec<u8>> = session().into_iter().map(String::into_bytes).collect();
    fragments.extend(
        [&b"\n"[..], b"\n\n", b" ", b"\r\n", b"{", b"}", b"\"", b"{}", b"null", b"\xff"].map(Vec::from),
    );
    let fragment = (prop::sample::select(fragments), any::<prop::sample::Index>(), any::<bool>());
    let cut = |(bytes, at, whole): (Vec<u8>, prop::sample::Index, bool)| {
        let end = if whole { bytes.len() } else { at.index(bytes.len()) };
        [&bytes[..end], if whole { &b"\n"[..] } else { b"" }].concat()
    };
    prop::collection::vec(fragment.prop_map(cut), 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back_and_are_known_the_second_time(text in any_transcript()) {
        let archive = Archive::new();
        let report = archive.import(&text);
        let events = archive.events(&[]);
        let Some(held) = events.iter().find(|stored| stored.event.source.is_some()) else {
            prop_assert_eq!(report.records_read, 0);
            return Ok(());
        };
        prop_assert_eq!(archive.transcript(held.event.session_id.as_deref().unwrap()), text.clone());
        let again = archive.import(&text);
        prop_assert_eq!((again.appended, again.duplicates), (0, again.records_read));
        prop_assert_eq!((again.records_read, again.unparsed), (report.records_read, report.unparsed));
    }
}
