//! What the event JSON promises: what is printed reads back, what is refused is named, nothing given is lost.

mod query_audit;

use proptest::prelude::*;

use super::*;
use crate::codec::arbitrary;
use crate::{Message, RunStatus, Usage};

const ID: &str = "01890000-0000-7000-8000-000000000001";

/// Reads an event of this kind and body.
fn of_kind(kind: &str, body: &str) -> Result<Event, EventJsonError> {
    Event::from_json(&format!(r#"{{"kind":"{kind}","body":{body}}}"#))
}

fn error(line: &str) -> String {
    Event::from_json(line).unwrap_err().to_string()
}

/// Reads, prints without the made-up id and time, and makes sure that it reads back.
fn reprinted(line: &str) -> String {
    let event = Event::from_json(line).unwrap();
    let json = event.to_json(None);
    assert_eq!(Event::from_json(&json).unwrap(), event, "{json}");
    let made = format!(r#""eventId":"{}","timestamp":"{}","#, event.event_id, event.timestamp);
    json.replacen(&made, "", 1)
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_event(event in arbitrary::event(), seq: Option<u64>) {
        let json = event.to_json(seq.map(Seq::new));
        prop_assert!(!json.contains('\n'));
        prop_assert_eq!(Event::from_json(&json).unwrap(), event);
    }

    #[test]
    fn no_text_panics(text in "[{}\\[\\]\",:\\\\a-z0-9 ]{0,80}") {
        let _ = Event::from_json(&text);
    }

    #[test]
    fn no_change_of_an_event_panics(
        event in arbitrary::event(),
        at in any::<prop::sample::Index>(),
        inserted in "[{}\\[\\]\",:\\\\a-z0-9 ]{0,3}",
        dropped in 0..4_usize,
    ) {
        let mut characters: Vec<char> = event.to_json(None).chars().collect();
        let at = at.index(characters.len());
        let end = (at + dropped).min(characters.len());
        characters.splice(at..end, inserted.chars());
        let changed: String = characters.into_iter().collect();
        if let Ok(event) = Event::from_json(&changed) {
            prop_assert_eq!(Event::from_json(&event.to_json(None)).unwrap(), event);
        }
    }
}

#[test]
fn fields_are_printed_in_a_fixed_order_and_unknown_ones_after_them() {
    let line = format!(
        "{{\"zone\":9,\"body\":{{\"later\":[1, 2],\"toolId\":\"grep\",\"durationMs\":5}},\"runId\":\"r\",\
         \"timestamp\":\"2026-01-02T04:04:05.5+01:00\",\"eventId\":\"{ID}\",\"kind\":\"tool_call\"}}"
    );
    let event = Event::from_json(&line).unwrap();
    assert_eq!(
        event.to_json(Some(Seq::new(3))),
        format!(
            "{{\"seq\":3,\"eventId\":\"{ID}\",\"timestamp\":\"2026-01-02T03:04:05.5Z\",\"kind\":\"tool_call\",\
             \"runId\":\"r\",\"body\":{{\"toolId\":\"grep\",\"durationMs\":5,\"later\":[1, 2]}},\"zone\":9}}"
        )
    );
}

#[test]
fn only_the_kind_is_required_and_what_has_no_empty_value() {
    for kind in Kind::ALL {
        let read = Event::from_json(&format!("{{\"kind\":\"{kind}\"}}"));
        let missing = match kind {
            Kind::RunStatusChanged | Kind::RunFinished => "body.status: missing, expected a run status",
            Kind::RunLog => "body.sequence: missing, expected the number of the entry in its run",
            Kind::WorkspaceEvent => "body.event: missing, expected what happened to the session",
            _ => {
                assert_eq!(read.unwrap().kind(), *kind);
                continue;
            }
        };
        assert_eq!(read.unwrap_err().to_string(), missing);
    }
    assert_eq!(error("{}"), "kind: missing, expected the kind of the event");
    assert_eq!(error(r#"{"kind":null}"#), "kind: missing, expected the kind of the event");
}

#[test]
fn an_absent_id_and_time_are_made_anew_each_time() {
    // The time may be the made id's own, which counts milliseconds.
    let nanoseconds = || Timestamp::now().as_nanoseconds();
    let before = nanoseconds() - 1_000_000;
    let [one, other] = [(); 2].map(|()| Event::from_json(r#"{"kind":"custom"}"#).unwrap());
    assert_ne!(one.event_id, other.event_id);
    assert!((before..=nanoseconds()).contains(&one.timestamp.as_nanoseconds()));
}

#[test]
fn an_unknown_kind_is_kept_whole() {
    let with_body = r#"{"kind":"weather","runId":"r","mood":"calm","body":{"sky": 1.50,"kind":2}}"#;
    assert_eq!(
        reprinted(with_body),
        r#"{"kind":"custom","runId":"r","body":{"type":"weather","data":{"sky": 1.50,"kind":2}},"mood":"calm"}"#
    );
    let flat = r#"{"kind":"weather","runId":"r","s\u006by":"blue","degrees":1e2}"#;
    assert_eq!(
        reprinted(flat),
        r#"{"kind":"custom","runId":"r","body":{"type":"weather","data":{"sky":"blue","degrees":1e2}}}"#
    );
    assert_eq!(reprinted(r#"{"kind":"weather"}"#), r#"{"kind":"custom","body":{"type":"weather"}}"#);
    // A known kind's body is an object; of an unknown one nothing is known.
    assert!(reprinted(r#"{"kind":"weather","body":"rain"}"#).contains(r#""data":"rain""#));
    assert!(reprinted(r#"{"kind":"weather","body":null}"#).contains(r#""data":null"#));
}

#[test]
fn each_wrong_value_is_named_with_what_is_accepted() {
    let body = |kind: &str, body: &str| of_kind(kind, body).unwrap_err().to_string();
    let whole = "a whole number from 0 to 18446744073709551615";
    let cases = [
        (error(r#"{"kind":7}"#), "kind: expected a string, found 7".to_owned()),
        (error(r#"{"kind":"custom","runId":["r"]}"#), "runId: expected a string, found [\"r\"]".to_owned()),
        (error(r#"{"kind":"custom","eventId":"x"}"#), "eventId: not a UUID: \"x\"".to_owned()),
        (error(r#"{"kind":"custom","supersedes":1}"#), "supersedes: expected a UUID, found 1".to_owned()),
        (
            error(r#"{"kind":"custom","timestamp":"yesterday"}"#),
            "timestamp: not an RFC 3339 time between 1677 and 2262: \"yesterday\"".to_owned(),
        ),
        (error(r#"{"kind":"custom","body":"x"}"#), "body: expected an object, found \"x\"".to_owned()),
        (error(r#"{"kind":"custom","source":{}}"#), "source.text: missing, expected the line as text, or as base64".to_owned()),
        (
            error(r#"{"kind":"custom","source":{"text":"a","base64":"YQ=="}}"#),
            "source.text: given beside base64".to_owned(),
        ),
        (
            error(r#"{"kind":"custom","source":{"base64":"YQ"}}"#),
            "source.base64: not base64 (A-Z, a-z, 0-9, + and /, padded with = to a multiple of 4)".to_owned(),
        ),
        (
            error(r#"{"kind":"custom","source":{"text":"a","continues":1}}"#),
            "source.continues: expected true or false, found 1".to_owned(),
        ),
        (
            error(r#"{"kind":"custom","source":{"text":"a","file":"f"}}"#),
            "source: unknown value \"file\", expected one of text, base64, continues".to_owned(),
        ),
        (
            body("run_finished", r#"{"status":"done"}"#),
            "body.status: unknown run status \"done\", expected one of queued, running, completed, failed, canceled, \
             timeout, budget_exceeded, dry_run, interrupted"
                .to_owned(),
        ),
        (
            body("workspace_event", r#"{"event":"opened"}"#),
            "body.event: unknown value \"opened\", expected one of session_started, session_ended, \
             approval_requested, approval_resolved"
                .to_owned(),
        ),
        (body("run_log", r#"{"sequence":-1}"#), format!("body.sequence: expected {whole}, found -1")),
        (body("run_log", r#"{"sequence":1.0}"#), format!("body.sequence: expected {whole}, found 1.0")),
        (body("tool_call", r#"{"durationMs":18446744073709551616}"#), format!("body.durationMs: expected {whole}, found 18446744073709551616")),
        (
            body("tool_call", r#"{"inputHash":"ab"}"#),
            "body.inputHash: not a hash of 64 hexadecimal digits: \"ab\"".to_owned(),
        ),
        (
            body("model_call", r#"{"costUsd":1e999}"#),
            "body.costUsd: expected a number that 64 bits of floating point can hold, found 1e999".to_owned(),
        ),
        (
            body("model_call", r#"{"costUsd":"1"}"#),
            "body.costUsd: expected a number that 64 bits of floating point can hold, found \"1\"".to_owned(),
        ),
        (body("message", r#"{"usage":{"inputTokens":"1"}}"#), format!("body.usage.inputTokens: expected {whole}, found \"1\"")),
        (body("message", r#"{"usage":[]}"#), "body.usage: expected an object, found []".to_owned()),
        (
            body("message", r#"{"contentAt":{"offset":1}}"#),
            "body.contentAt.length: missing, expected a number of bytes from 0 to 4294967295".to_owned(),
        ),
        (
            body("message", r#"{"contentAt":{"offset":4294967296,"length":1}}"#),
            "body.contentAt.offset: expected a number of bytes from 0 to 4294967295, found 4294967296".to_owned(),
        ),
        (
            body("message", r#"{"contentAt":{"offset":0,"length":1,"line":3}}"#),
            "body.contentAt: unknown value \"line\", expected one of eventId, offset, length".to_owned(),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn what_is_no_object_is_refused_and_a_long_value_is_not_repeated() {
    for line in [
        "",
        " ",
        "{",
        "[]",
        "7",
        "null",
        r#"{"kind":"custom"} {}"#,
        r#"{"kind":"custom",}"#,
        r#"{"\ud800":1}"#,
    ] {
        let refused = Event::from_json(line);
        assert!(matches!(refused, Err(EventJsonError::NotAnObject(_))), "{line:?}: {refused:?}");
    }
    let long = "é".repeat(100_000);
    for line in [
        format!(r#"{{"kind":"custom","eventId":"{long}"}}"#),
        format!(r#"{{"kind":"custom","runId":["{long}"]}}"#),
        format!(r#"{{"kind":"workspace_event","body":{{"event":"{long}"}}}}"#),
        format!(r#"{{"kind":"run_finished","body":{{"status":"{long}"}}}}"#),
        format!(r#"{{"kind":"custom","{long}":1,"{long}":2}}"#),
        format!(r#"{{"kind":"custom","source":{{"text":"","{long}":2}}}}"#),
    ] {
        assert!(error(&line).len() < 400, "{}", error(&line));
    }
}

#[test]
fn a_field_given_twice_is_refused_wherever_it_stands() {
    let twice = [
        (r#"{"kind":"custom","kind":"custom"}"#, "kind: given twice"),
        (r#"{"kind":"custom","k\u0069nd":"custom"}"#, "kind: given twice"),
        (r#"{"kind":"custom","mood":1,"mood":1}"#, "mood: given twice"),
        (r#"{"kind":"custom","seq":1,"seq":1}"#, "seq: given twice"),
        (r#"{"kind":"custom","body":{"data":1,"data":null}}"#, "body.data: given twice"),
        (r#"{"kind":"message","body":{"usage":{"x":1,"x":1}}}"#, "body.usage.x: given twice"),
        (r#"{"kind":"message","body":{"usage":{"x":1},"usage.x":1}}"#, "body.usage.x: given beside usage"),
        (
            r#"{"kind":"message","body":{"contentAt":{"offset":1,"length":1,"offset":2}}}"#,
            "body.contentAt.offset: given twice",
        ),
        (r#"{"kind":"custom","source":{"text":"a","text":"a"}}"#, "source.text: given twice"),
    ];
    for (line, expected) in twice {
        assert_eq!(error(line), expected);
    }
    // In what is only carried, doubles are the maker's own.
    assert!(reprinted(r#"{"kind":"custom","metadata":{"a":1,"a":2}}"#).contains(r#"{"a":1,"a":2}"#));
}

#[test]
fn synonyms_of_statuses_are_read_and_printed_by_their_names() {
    for (synonym, status) in
        [("ok", RunStatus::Completed), ("error", RunStatus::Failed), ("cancelled", RunStatus::Canceled)]
    {
        let printed = reprinted(&format!(r#"{{"kind":"run_finished","body":{{"status":"{synonym}"}}}}"#));
        assert_eq!(printed, format!(r#"{{"kind":"run_finished","body":{{"status":"{status}"}}}}"#));
    }
}

#[test]
fn null_is_absence_but_where_any_json_may_stand() {
    let printed = reprinted(
        r#"{"kind":"tool_call","runId":null,"metadata":null,"eventId":null,"mood":null,
            "body":{"toolId":"t","durationMs":null,"inputHash":null,"input":null,"outputAt":null}}"#,
    );
    assert_eq!(
        printed,
        r#"{"kind":"tool_call","metadata":null,"body":{"toolId":"t","input":null},"mood":null}"#
    );
    assert_eq!(reprinted(r#"{"kind":"custom","body":null}"#), r#"{"kind":"custom","body":{"type":""}}"#);
}

#[test]
fn seq_is_ignored_whatever_it_is() {
    for seq in ["0", "-1", "\"x\"", "null", "[]"] {
        let printed = reprinted(&format!(r#"{{"seq":{seq},"kind":"custom"}}"#));
        assert_eq!(printed, r#"{"kind":"custom","body":{"type":""}}"#);
    }
}

#[test]
fn content_in_the_own_line_is_printed_beside_its_range_and_the_range_wins() {
    let line = r#"{"said": "hi"}"#;
    let source = serde_json::to_string(line).unwrap();
    let event = |range: &str, inline: &str| {
        let json = format!(
            r#"{{"eventId":"{ID}","kind":"message","body":{{"role":"user"{inline},"contentAt":{range}}},"source":{{"text":{source}}}}}"#
        );
        Event::from_json(&json).unwrap()
    };
    let prints = |event: &Event| {
        let json = event.to_json(None);
        assert_eq!(&Event::from_json(&json).unwrap(), event);
        json.split_once(r#""role":"user","#).unwrap().1.split_once("},\"source\"").unwrap().0.to_owned()
    };
    let own = r#"{"offset":9,"length":4}"#;
    assert_eq!(prints(&event(own, "")), format!(r#""content":"hi","contentAt":{own}"#));
    assert_eq!(event(own, r#","content":"other""#).body, event(own, "").body);
    let by_own_id = format!(r#"{{"eventId":"{ID}","offset":9,"length":4}}"#);
    assert_eq!(prints(&event(&by_own_id, "")), format!(r#""content":"hi","contentAt":{by_own_id}"#));
    // Half a value, what lies behind the line, and what lies in another event's line cannot be resolved here.
    let elsewhere = r#"{"eventId":"01890000-0000-7000-8000-000000000002","offset":9,"length":4}"#;
    for range in [r#"{"offset":9,"length":3}"#, r#"{"offset":11,"length":4}"#, elsewhere] {
        assert_eq!(prints(&event(range, "")), format!(r#""contentAt":{range}"#));
    }
}

#[test]
fn a_line_that_is_not_utf_8_is_printed_as_base64_and_comes_back_byte_for_byte() {
    let bytes = vec![0xff, b'{', 0x00, 0xc3];
    let source = Some(SourceLine { bytes: bytes.clone(), continues: true });
    let event = Event { source, ..Event::new(Body::Unparsed(crate::Unparsed::default())) };
    let json = event.to_json(None);
    assert!(json.ends_with(r#""source":{"base64":"/3sAww==","continues":true}}"#), "{json}");
    assert_eq!(Event::from_json(&json).unwrap().source.unwrap().bytes, bytes);
}

#[test]
fn digits_depth_and_lone_surrogates_of_carried_json_survive() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let small = "0.10000000000000000000000000000001";
    for value in ["1e999", small, r#""\ud800\u0000""#, r#"{"\ud800":"\/"}"#, &deep] {
        let line = format!(
            r#"{{"kind":"custom","metadata":{value},"mood":{value},"body":{{"data":{value},"x":{value}}}}}"#
        );
        assert_eq!(reprinted(&line).matches(value).count(), 4);
    }
    // A string that the ledger reads must be one.
    let surrogate = r#"{"kind":"custom","runId":"\ud800"}"#;
    assert_eq!(error(surrogate), r#"runId: expected a string, found "\ud800""#);
}

#[test]
fn figures_are_exact_to_the_last_bit() {
    for figure in [0.1, 1.0 / 3.0, 5e-324, f64::MAX, 1.000_000_000_000_000_2, -0.0, 123_456_789.123_456_79] {
        let event =
            Event::new(Body::ModelCall(crate::ModelCall { cost_usd: Some(figure), ..Default::default() }));
        let Body::ModelCall(read) = Event::from_json(&event.to_json(None)).unwrap().body else { panic!() };
        assert_eq!(read.cost_usd.unwrap().to_bits(), figure.to_bits());
    }
}

#[test]
fn totals_are_printed_and_ignored_on_input() {
    let printed =
        reprinted(r#"{"kind":"model_call","body":{"inputTokens":3,"outputTokens":4,"totalTokens":"?"}}"#);
    assert!(printed.contains(r#""inputTokens":3,"outputTokens":4,"totalTokens":7"#), "{printed}");
    let most =
        format!(r#"{{"kind":"model_call","body":{{"inputTokens":{0},"outputTokens":{0}}}}}"#, u64::MAX);
    assert!(reprinted(&most).contains(&format!(r#""totalTokens":{}"#, u64::MAX)));
    let finished =
        |tokens| format!(r#"{{"kind":"run_finished","body":{{"status":"ok","statistics":{tokens}}}}}"#);
    assert!(reprinted(&finished(r#"{"inputTokens":3,"outputTokens":4}"#)).contains(r#""totalTokens":7"#));
    assert!(!reprinted(&finished(r#"{"inputTokens":3}"#)).contains("totalTokens"));
}

#[test]
fn unknown_fields_of_nested_objects_stay_in_their_place() {
    let usage = r#""usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3,"serviceTier":"standard"}"#;
    let message = format!(r#"{{"kind":"message","body":{{"role":"user",{usage},"mood":1}}}}"#);
    assert_eq!(reprinted(&message), message);
    let statistics = r#""statistics":{"toolCalls":1,"retries":0}"#;
    let finished = format!(r#"{{"kind":"run_finished","body":{{"status":"failed",{statistics}}}}}"#);
    assert_eq!(reprinted(&finished), finished);
    // Without a usage there is no place for them.
    let message =
        Message { extra: vec![("usage.x".to_owned(), Json::parse("1").unwrap())], ..Message::default() };
    let event = Event::new(Body::Message(message));
    assert_eq!(Event::from_json(&event.to_json(None)).unwrap(), event);
    let event = Event::new(Body::Message(Message { usage: Some(Usage::default()), ..Message::default() }));
    assert_eq!(Event::from_json(&event.to_json(None)).unwrap(), event);
}

#[test]
fn the_known_fields_are_those_that_the_reader_takes() {
    let required = |kind: Kind| match kind {
        Kind::RunStatusChanged | Kind::RunFinished => vec![("status", r#""failed""#)],
        Kind::RunLog => vec![("sequence", "1")],
        Kind::WorkspaceEvent => vec![("event", r#""session_ended""#)],
        _ => vec![],
    };
    let every_name =
        Kind::ALL.iter().flat_map(|kind| known_fields::of_body(*kind)).chain(known_fields::ENVELOPE);
    let every_name: std::collections::BTreeSet<_> = every_name.filter(|name| !name.contains('.')).collect();
    for &kind in Kind::ALL {
        for &&name in &every_name {
            let others = required(kind).into_iter().filter(|(other, _)| *other != name);
            let fields = others.chain([(name, r#""?""#)]).map(|(name, value)| format!(r#""{name}":{value}"#));
            let body = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
            // A field that is taken may have been refused for what it says.
            let taken = of_kind(kind.as_str(), &body).map_or(true, |event| extra_of(&event.body).is_empty());
            assert_eq!(taken, known_fields::of_body(kind).contains(&name), "{kind} {name}");
        }
    }
    for name in every_name {
        let line = if *name == "kind" {
            r#"{"kind":"custom"}"#.to_owned()
        } else {
            format!(r#"{{"kind":"custom","{name}":"?"}}"#)
        };
        let taken = Event::from_json(&line).map_or(true, |event| event.extra.is_empty());
        assert_eq!(taken, known_fields::ENVELOPE.contains(name), "{name}");
    }
}
