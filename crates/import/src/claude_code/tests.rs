//! Transcripts as the tool writes them, in small, and what must be found in the ledger afterwards.

use proptest::prelude::*;
use runledger_audit::{Body, Kind, ModelCall, StoredEvent, ToolCall};

use crate::ImportReport;
use crate::testing::Archive;

/// A line of the session, written at this second.
fn line(uuid: &str, second: u32, rest: &str) -> String {
    line_of("s", uuid, second, rest)
}

fn line_of(session: &str, uuid: &str, second: u32, rest: &str) -> String {
    format!(
        r#"{{"uuid":"{uuid}","sessionId":"{session}","cwd":"/work/mill","version":"1","timestamp":"2026-03-01T10:00:{second:02}.500Z",{rest}}}"#
    )
}

fn asked(uuid: &str, second: u32, text: &str) -> String {
    line(uuid, second, &format!(r#""type":"user","message":{{"role":"user","content":"{text}"}}"#))
}

fn answer(message: &str, output_tokens: u32, content: &str) -> String {
    format!(
        r#""type":"assistant","message":{{"id":"{message}","role":"assistant","model":"m-1","usage":{{"input_tokens":3,"output_tokens":{output_tokens},"cache_read_input_tokens":5,"cache_creation_input_tokens":7}},"content":{content}}}"#
    )
}

fn tool_use(id: &str) -> String {
    format!(r#"[{{"type":"tool_use","id":"{id}","name":"Sluice","input":{{"open": 0.50}}}}]"#)
}

fn result(uuid: &str, second: u32, id: &str, failed: bool) -> String {
    line(
        uuid,
        second,
        &format!(
            r#""type":"user","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{id}","is_error":{failed},"content":"half open"}}]}}"#
        ),
    )
}

/// A session with a bit of everything that is well-formed.
fn session() -> Vec<String> {
    vec![
        r#"{"type":"file-history-snapshot","messageId":"x","snapshot":{"timestamp":"2026-03-01T10:00:00Z"}}"#
            .into(),
        asked("u1", 1, "mend the mill\\nplease"),
        line("a1", 2, &answer("msg-1", 1, r#"[{"type":"text","text":"looking"}]"#)),
        line("a2", 3, &answer("msg-1", 9, &tool_use("tool-1"))),
        line("p1", 4, r#""type":"progress","data":{"type":"bash_progress","output":"…"}"#),
        result("u2", 5, "tool-1", false),
        line("y1", 6, r#""type":"system","subtype":"turn_duration","durationMs":12"#),
        line("a3", 7, &answer("msg-2", 4, r#"[{"type":"text","text":"done"}]"#)),
        r#"{"type":"summary","summary":"The mill","leafUuid":"a3"}"#.into(),
    ]
}

fn calls(archive: &Archive) -> Vec<(StoredEvent, ModelCall)> {
    let call = |stored: StoredEvent| match stored.event.body.clone() {
        Body::ModelCall(call) => (stored, call),
        other => panic!("{other:?} is no model call"),
    };
    archive.events(&[Kind::ModelCall]).into_iter().map(call).collect()
}

fn tools(archive: &Archive) -> Vec<(StoredEvent, ToolCall)> {
    let call = |stored: StoredEvent| match stored.event.body.clone() {
        Body::ToolCall(call) => (stored, call),
        other => panic!("{other:?} is no tool call"),
    };
    archive.events(&[Kind::ToolCall]).into_iter().map(call).collect()
}

fn counts(report: ImportReport) -> (u64, u64, u64) {
    (report.records_read, report.duplicates, report.unparsed)
}

#[test]
fn lines_answers_tools_and_the_run_are_found_and_a_second_import_appends_nothing() {
    let archive = Archive::new();
    let text = session().join("\n");
    let report = archive.import(&text);
    assert_eq!((counts(report), report.runs), ((9, 0, 0), 1));
    // 9 lines, 2 answers, 1 tool call, the run's start and end, the list of lines.
    assert_eq!((report.appended, archive.length()), (15, 15));

    let run = archive.ledger.run("s").unwrap().unwrap();
    assert_eq!((run.goal.as_str(), run.status.as_str(), run.tool_calls), ("mend the mill", "completed", 1));
    assert_eq!((run.input_tokens, run.output_tokens), (6, 13));
    assert_eq!((run.cache_read_tokens, run.cache_write_tokens), (10, 14));
    assert_eq!(run.started_at.to_string(), "2026-03-01T10:00:01.5Z");
    assert_eq!(run.ended_at.unwrap().to_string(), "2026-03-01T10:00:07.5Z");
    assert_eq!(run.inputs.unwrap().as_str(), r#""mend the mill\nplease""#);
    assert_eq!(run.metadata.unwrap().as_str(), r#"{"cwd":"/work/mill","version":"1"}"#);

    let again = archive.import(&text);
    assert_eq!((again.appended, counts(again), again.runs), (0, (9, 9, 0), 1));
    assert_eq!(archive.transcript("s"), text.as_bytes());
}

#[test]
fn a_line_shows_what_it_means_and_repeats_nothing() {
    let archive = Archive::new();
    archive.import(session().join("\n"));
    let custom: Vec<String> = archive
        .events(&[Kind::Custom])
        .into_iter()
        .filter_map(|stored| match stored.event.body {
            Body::Custom(custom) if custom.type_name.starts_with("claude-code/") => Some(custom.type_name),
            _ => None,
        })
        .collect();
    let expected = [
        "claude-code/file-history-snapshot",
        "claude-code/progress/bash_progress",
        "claude-code/system/turn_duration",
        "claude-code/summary",
    ];
    assert_eq!(custom, expected);
    let messages = archive.events(&[Kind::Message]);
    let shown = |stored: &StoredEvent| {
        let Body::Message(message) = &stored.event.body else { unreachable!("only messages were asked for") };
        let said = archive.said(stored, message.content.as_ref());
        (message.role.clone(), stored.event.actor.clone().unwrap(), said.chars().take(12).collect::<String>())
    };
    let expected = [
        ("user", "user", "\"mend the mi"),
        ("assistant", "assistant", "[{\"type\":\"te"),
        ("assistant", "assistant", "[{\"type\":\"to"),
        ("user", "tool", "[{\"type\":\"to"),
        ("assistant", "assistant", "[{\"type\":\"te"),
    ];
    let expected = expected.map(|(role, actor, said)| (role.to_owned(), actor.to_owned(), said.to_owned()));
    assert_eq!(messages.iter().map(shown).collect::<Vec<_>>(), expected);
}

#[test]
fn a_tool_call_has_the_hashes_of_both_values_and_the_time_between() {
    let archive = Archive::new();
    archive.import(session().join("\n"));
    let (stored, call) = tools(&archive).remove(0);
    assert_eq!(archive.said(&stored, call.input.as_ref()), r#"{"open": 0.50}"#);
    assert_eq!(archive.said(&stored, call.output.as_ref()), r#""half open""#);
    let hash = |text: &str| Some(crate::hash::sha256(text.as_bytes()));
    assert_eq!((call.input_hash, call.output_hash), (hash(r#"{"open": 0.50}"#), hash(r#""half open""#)));
    assert_eq!((call.tool_id.as_str(), call.duration_ms), ("Sluice", Some(2000)));
    assert_eq!(stored.event.outcome.as_deref(), Some("success"));
}

#[test]
fn an_answer_counts_once_with_the_usage_of_its_last_line() {
    let archive = Archive::new();
    let lines = session();
    // The first save saw the answer while it was streamed.
    archive.import(lines[..3].join("\n"));
    assert_eq!(calls(&archive).iter().map(|(_, call)| call.usage.output_tokens).collect::<Vec<_>>(), [1]);
    archive.import(lines.join("\n"));
    assert_eq!(calls(&archive).iter().map(|(_, call)| call.usage.output_tokens).collect::<Vec<_>>(), [9, 4]);
    // An earlier save that is imported again takes nothing back.
    assert_eq!(archive.import(lines[..3].join("\n")).appended, 0);
    assert_eq!(archive.ledger.run("s").unwrap().unwrap().output_tokens, 13);
}

#[test]
fn saves_in_either_order_give_what_the_later_one_gives_alone() {
    let lines = session();
    let whole = lines.join("\n");
    let alone = Archive::new();
    alone.import(&whole);
    // A save of just the first line names no session: it is one of its own.
    for cut in 2..lines.len() {
        for newline in ["", "\n"] {
            let early = lines[..cut].join("\n") + newline;
            for late_first in [false, true] {
                let archive = Archive::new();
                let saves = if late_first { [&whole, &early] } else { [&early, &whole] };
                let reports = saves.map(|save| archive.import(save));
                assert_eq!(
                    archive.state(),
                    alone.state(),
                    "cut after {cut}, the later one first: {late_first}"
                );
                assert_eq!(archive.runs(), alone.runs());
                assert_eq!(archive.transcript("s"), whole.as_bytes());
                assert_eq!(reports[1].duplicates, cut as u64);
                assert_eq!(reports[1].appended == 0, late_first);
            }
        }
    }
}

#[test]
fn parts_in_either_order_give_one_run() {
    let lines = session();
    let alone = Archive::new();
    alone.import(lines.join("\n"));
    // The first and the last line name no session: alone, each would be one of its own.
    for cut in 2..lines.len() - 1 {
        let parts = [lines[..cut].join("\n"), lines[cut..].join("\n") + "\n"];
        for late_first in [false, true] {
            let archive = Archive::new();
            for index in if late_first { [1, 0] } else { [0, 1] } {
                archive.import(&parts[index]);
            }
            assert_eq!(archive.runs(), alone.runs(), "cut after {cut}, the later one first: {late_first}");
            assert_eq!(archive.transcript("s"), format!("{}\n", lines.join("\n")).as_bytes());
            assert!(tools(&archive).iter().all(|(_, call)| call.tool_id == "Sluice"));
        }
    }
}

#[test]
fn a_result_is_joined_with_its_use_whichever_comes_first() {
    let asks = line("a1", 2, &answer("msg-1", 1, &tool_use("tool-1")));
    let brings = result("u1", 5, "tool-1", true);
    let mut states = Vec::new();
    for files in [[&asks, &brings], [&brings, &asks]] {
        let archive = Archive::new();
        archive.import(files[0]);
        let (first, half) = tools(&archive).remove(0);
        let has_use = half.tool_id == "Sluice";
        assert_eq!((has_use, first.event.outcome.is_some()), (files[0] == &asks, files[0] == &brings));
        assert_eq!(half.duration_ms, None);
        archive.import(files[1]);
        let (stored, call) = tools(&archive).remove(0);
        assert_eq!((tools(&archive).len(), call.duration_ms), (1, Some(3000)));
        assert_eq!(stored.event.outcome.as_deref(), Some("failure"));
        assert_eq!(stored.event.supersedes, Some(first.event.event_id));
        assert_eq!((archive.import(files[0]).appended, archive.import(files[1]).appended), (0, 0));
        states.push(archive.runs());
    }
    assert_eq!(states[0], states[1]);
}

#[test]
fn a_forked_session_counts_once() {
    let of = |session: &str| session_lines_of(session);
    let mut totals = Vec::new();
    for order in [["s", "t"], ["t", "s"]] {
        let archive = Archive::new();
        for session in order {
            archive.import(of(session).join("\n"));
        }
        assert_eq!((calls(&archive).len(), tools(&archive).len()), (1, 1));
        assert_eq!(
            archive.import(of("s").join("\n")).appended + archive.import(of("t").join("\n")).appended,
            0
        );
        assert_eq!(archive.transcript("t"), of("t").join("\n").as_bytes());
        totals.push(archive.runs());
    }
    assert_eq!(totals[0], totals[1]);
}

fn session_lines_of(session: &str) -> Vec<String> {
    let result = r#""type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"tool-1","content":"x"}]}"#;
    vec![
        line_of(session, "a1", 2, &answer("msg-1", 9, &tool_use("tool-1"))),
        line_of(session, "u1", 3, result),
    ]
}

#[test]
fn a_sub_agent_is_a_child_run_with_its_own_tokens() {
    let progress = |uuid: &str, second, speaker: &str, message: &str| {
        let data = format!(
            r#""type":"progress","parentToolUseID":"tool-9","data":{{"type":"agent_progress","agentId":"ab1","prompt":"count the cogs","message":{{"type":"{speaker}","message":{message}}}}}"#
        );
        line(uuid, second, &data)
    };
    let said = |content: &str| {
        format!(
            r#"{{"id":"msg-7","role":"assistant","model":"m-2","usage":{{"output_tokens":5}},"content":{content}}}"#
        )
    };
    let text = [
        asked("u1", 1, "mend it"),
        line("a1", 2, &answer("msg-1", 9, "[]")),
        progress("p1", 3, "user", r#"{"role":"user","content":[{"type":"text","text":"count the cogs"}]}"#),
        progress("p2", 4, "assistant", &said(&tool_use("tool-2"))),
        progress(
            "p3",
            6,
            "user",
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"tool-2","content":[]}]}"#,
        ),
    ]
    .join("\n");
    let archive = Archive::new();
    assert_eq!(archive.import(&text).runs, 2);
    let (run, child) = ("s", "s:ab1");
    let [run, child] = [run, child].map(|id| archive.ledger.run(id).unwrap().unwrap());
    assert_eq!((run.output_tokens, run.tool_calls, child.output_tokens, child.tool_calls), (9, 0, 5, 1));
    assert_eq!((child.goal.as_str(), child.parent_run_id.as_deref()), ("count the cogs", Some("s")));
    assert_eq!((child.agent_id.as_deref(), child.status.as_str()), (Some("ab1"), "completed"));
    assert_eq!(
        (child.started_at.to_string(), run.goal.as_str()),
        ("2026-03-01T10:00:03.5Z".into(), "mend it")
    );
    assert_eq!((archive.import(&text).appended, archive.import(&text).runs), (0, 2));
    assert_eq!((archive.transcript("s"), archive.transcript("s:ab1")), (text.clone().into(), text.into()));
}

#[test]
fn a_sub_agent_with_a_transcript_of_its_own_is_the_same_child_run() {
    let progress = line(
        "p1",
        3,
        r#""type":"progress","data":{"type":"agent_progress","agentId":"ab1","prompt":"count the cogs","message":{"type":"assistant","message":{"id":"msg-7","role":"assistant","model":"m-2","usage":{"output_tokens":5},"content":[]}}}"#,
    );
    let main = [asked("u1", 1, "mend it"), progress].join("\n");
    let own = line("x1", 4, &format!(r#""isSidechain":true,"agentId":"ab1",{}"#, answer("msg-7", 6, "[]")));
    let mut states = Vec::new();
    for order in [[&main, &own], [&own, &main]] {
        let archive = Archive::new();
        order.map(|text| archive.import(text));
        let child = archive.ledger.run("s:ab1").unwrap().unwrap();
        assert_eq!((child.output_tokens, child.parent_run_id.as_deref()), (6, Some("s")));
        assert_eq!((child.goal.as_str(), child.agent_id.as_deref()), ("count the cogs", Some("ab1")));
        assert_eq!(archive.transcript("s"), main.as_bytes());
        assert_eq!(archive.transcript("s:ab1"), own.as_bytes());
        assert_eq!(archive.import(&main).appended + archive.import(&own).appended, 0);
        states.push(archive.ledger.run("s").unwrap());
    }
    assert_eq!(states[0], states[1]);
}

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
fn every_save_of_a_file_that_is_cut_anywhere_comes_back() {
    let text = session()[..4].join("\n");
    for cut in (1..text.len()).step_by(41) {
        let archive = Archive::new();
        archive.import(&text.as_bytes()[..cut]);
        let session = archive.events(&[])[0].event.session_id.clone().unwrap();
        assert!(archive.transcript(&session) == text.as_bytes()[..cut], "cut after {cut} bytes");
    }
}

#[test]
fn a_line_torn_in_an_early_save_is_made_good_by_a_later_one() {
    let whole = session()[..5].join("\n") + "\n";
    let alone = Archive::new();
    alone.import(&whole);
    let last_line = session()[..4].join("\n").len() + 1;
    for cut in (last_line + 1..whole.len() - 1).step_by(37) {
        let early = &whole[..cut];
        for late_first in [false, true] {
            let archive = Archive::new();
            let saves = if late_first { [&whole, early] } else { [early, &whole] };
            for save in saves {
                archive.import(save);
            }
            assert_eq!(
                archive.transcript("s"),
                whole.as_bytes(),
                "cut at {cut}, the later one first: {late_first}"
            );
            assert_eq!(archive.runs(), alone.runs(), "cut at {cut}, the later one first: {late_first}");
            assert_eq!(archive.events(&[Kind::Unparsed]), []);
            assert_eq!(archive.import(early).appended + archive.import(&whole).appended, 0);
        }
    }
}

#[test]
fn an_import_killed_anywhere_is_completed_by_the_next() {
    let mut lines = session();
    lines.insert(3, format!("{}{}", asked("u8", 3, "wait"), asked("u9", 3, "go on")));
    lines.push(lines[0].clone());
    let text = lines.join("\n");
    let whole = Archive::new();
    let report = whole.import(&text);
    for survived in 0..=report.appended {
        let archive = Archive::killed_after(survived, &whole);
        let rest = archive.import(&text);
        assert_eq!(rest.appended, report.appended - survived, "killed after {survived}");
        assert_eq!(
            (archive.state(), archive.runs()),
            (whole.state(), whole.runs()),
            "killed after {survived}"
        );
        assert_eq!(archive.transcript("s"), text.as_bytes(), "killed after {survived}");
    }
}

#[test]
fn what_a_killed_import_left_is_given_back_in_order() {
    let lines = session();
    let whole = Archive::new();
    whole.import(lines.join("\n"));
    for survived in 1..lines.len() {
        let archive = Archive::killed_after(survived as u64, &whole);
        assert_eq!(archive.transcript("s"), lines[..survived].join("\n").as_bytes());
    }
}

#[test]
fn another_version_of_a_line_takes_its_place_and_both_are_kept() {
    let (first, second) = (asked("u1", 1, "mend it"), asked("u1", 1, "mend it well"));
    let archive = Archive::new();
    archive.import(&first);
    let report = archive.import(&second);
    let messages = archive.events(&[Kind::Message]);
    assert_eq!((messages.len(), report.duplicates), (1, 0));
    assert!(messages[0].event.supersedes.is_some());
    for text in [&first, &second] {
        assert_eq!(archive.import(text).appended, 0);
    }
    assert_eq!(archive.transcript("s"), format!("{first}\n{second}").as_bytes());
}

#[test]
fn lines_that_two_saves_share_are_given_back_once() {
    let lines = session();
    let archive = Archive::new();
    archive.import(lines[..6].join("\n"));
    archive.import(lines[3..].join("\n"));
    assert_eq!(archive.transcript("s"), lines.join("\n").as_bytes());
}

#[test]
fn names_too_long_for_the_ledger_do_not_stop_an_import() {
    let long = "x".repeat(5000);
    let text = format!(
        r#"{{"type":"{long}","uuid":"{long}","sessionId":"{long}","cwd":"{long}","subtype":"{long}"}}"#
    );
    let archive = Archive::new();
    assert_eq!(counts(archive.import(&text)), (1, 0, 0));
    let session = archive.events(&[])[0].event.session_id.clone().unwrap();
    assert_eq!(archive.transcript(&session), text.as_bytes());
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
