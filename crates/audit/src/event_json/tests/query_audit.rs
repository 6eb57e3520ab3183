//! Query audits as JSON.

use super::{error, of_kind, reprinted};
use crate::{Body, Event, EventId, QueryAudit, QueryId};

const ASSERTION: &str = r#"{"assertionHash":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","weight":0.1,"sourceHash":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","source":"the manual","lifecycle":"approved","page":12}"#;

fn audit(event: &Event) -> &QueryAudit {
    match &event.body {
        Body::QueryAudit(audit) => audit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_query_audit_is_printed_as_it_was_given() {
    let query_id = "cc".repeat(32);
    let line = format!(
        r#"{{"kind":"query_audit","agentId":"planner","body":{{"queryId":"{query_id}","params":{{"subject":"auth/token","predicate":"expires","lifecycle":"approved","epoch":12345678901234567890123,"lens":"safety","depth":2}},"resultHash":"{query_id}","resultValue":{{"hours": 1.50}},"resultConfidence":0.9,"contributingAssertions":[{ASSERTION},{ASSERTION}],"mood":1}}}}"#
    );
    assert_eq!(reprinted(&line), line);
    let named = line.replace("12345678901234567890123", r#""dawn""#);
    assert_eq!(reprinted(&named), named);
}

#[test]
fn hashes_of_a_query_audit_are_printed_in_lower_case() {
    let query_id = "cC".repeat(32);
    let body = format!(r#"{{"queryId":"{query_id}","resultHash":"{query_id}"}}"#);
    let printed = of_kind("query_audit", &body).unwrap().to_json(None);
    assert!(
        printed
            .contains(&body.to_lowercase().replace("queryid", "queryId").replace("resulthash", "resultHash"))
    );
}

#[test]
fn an_absent_query_id_is_made_from_the_event_id_and_so_differs_from_event_to_event() {
    let line = r#"{"eventId":"01890000-0000-7000-8000-000000000001","kind":"query_audit"}"#;
    let event_id: EventId = "01890000-0000-7000-8000-000000000001".parse().unwrap();
    assert_eq!(audit(&Event::from_json(line).unwrap()).query_id, QueryId::of(event_id));
    let [one, other] = [(); 2].map(|()| of_kind("query_audit", "{}").unwrap());
    assert_ne!(audit(&one).query_id, audit(&other).query_id);
}

#[test]
fn a_confidence_that_32_bits_cannot_hold_is_refused_and_one_that_they_can_keeps_its_digits() {
    let with = |confidence: &str| of_kind("query_audit", &format!(r#"{{"resultConfidence":{confidence}}}"#));
    for (given, printed) in
        [("0.9", "0.9"), ("1", "1.0"), ("1e-45", "1e-45"), ("3.4028235e38", "3.4028235e38")]
    {
        let json = with(given).unwrap().to_json(None);
        assert!(json.contains(&format!(r#""resultConfidence":{printed}}}"#)), "{json}");
    }
    for refused in ["1e39", "-1e999", "\"NaN\"", "NaN", "true"] {
        assert!(with(refused).is_err(), "{refused}");
    }
    assert_eq!(
        with("1e39").unwrap_err().to_string(),
        "body.resultConfidence: expected a number that 32 bits of floating point can hold, found 1e39"
    );
}

#[test]
fn what_is_wrong_in_a_query_audit_is_named_by_its_path() {
    let body = |body: &str| error(&format!(r#"{{"kind":"query_audit","body":{body}}}"#));
    let assertions = |items: &str| body(&format!(r#"{{"contributingAssertions":[{items}]}}"#));
    assert!(body(r#"{"queryId":"ab"}"#).starts_with("body.queryId: not a hash of 64 hexadecimal digits"));
    assert_eq!(body(r#"{"params":{"subject":7}}"#), "body.params.subject: expected a string, found 7");
    assert!(body(r#"{"params":{"epoch":[1]}}"#).starts_with("body.params.epoch: not an epoch"));
    assert_eq!(body(r#"{"params":{"x":1},"params.x":1}"#), "body.params.x: given beside params");
    assert_eq!(
        body(r#"{"contributingAssertions":{}}"#),
        "body.contributingAssertions: expected a list of objects, found {}"
    );
    assert_eq!(
        assertions(&format!("{ASSERTION},7")),
        "body.contributingAssertions[1]: expected an object, found 7"
    );
    assert_eq!(
        assertions(&ASSERTION.replace(r#""weight":0.1,"#, "")),
        "body.contributingAssertions[0].weight: missing, expected how much the assertion counted"
    );
    assert_eq!(
        assertions(r#"{"weight":1,"weight":1}"#),
        "body.contributingAssertions[0].weight: given twice"
    );
}

#[test]
fn what_an_older_program_stored_as_a_custom_event_of_that_type_reads_and_prints_as_it_did() {
    let line = r#"{"kind":"custom","body":{"type":"query_audit","data":{"params":{"subject":"tea"},"resultConfidence":2}}}"#;
    assert_eq!(reprinted(line), line);
}
