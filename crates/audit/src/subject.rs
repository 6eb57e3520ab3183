//! What a query audit asked about.
//!
//! A query audit is an event of the kind `query_audit`, which this version keeps as a custom event of that type: its
//! subject stands in `params.subject` of its data. Whatever is no text there, or longer than a name may be, is no subject,
//! and is kept all the same.

use serde::Deserialize;

use crate::names::NAME_BYTES_MAX;
use crate::{Body, Content, Custom, Event};

/// The type of custom events that are query audits.
const QUERY_AUDIT: &str = "query_audit";

#[derive(Deserialize)]
struct Audit {
    params: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    subject: String,
}

/// The subject of `event`, if it is a query audit that has one.
pub(crate) fn of(event: &Event) -> Option<String> {
    let Body::Custom(Custom { type_name, data, .. }) = &event.body else { return None };
    if type_name != QUERY_AUDIT {
        return None;
    }
    let text = match data.as_ref()? {
        Content::Inline(json) => json.as_str(),
        // Another event's line is not at hand where keys are derived.
        Content::At(range) if range.event.is_none_or(|holder| holder == event.event_id) => {
            event.source.as_ref()?.text(*range)?
        }
        Content::At(_) => return None,
    };
    let Audit { params } = serde_json::from_str(text).ok()?;
    Some(params.subject).filter(|subject| subject.len() <= NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(line: &str) -> Option<String> {
        of(&Event::from_json(line).unwrap())
    }

    #[test]
    fn a_query_audit_has_the_subject_of_its_parameters_and_nothing_else_has_one() {
        let audit = r#"{"kind":"query_audit","body":{"params":{"subject":"Caf\u00e9/1","lens":"x"},"resultConfidence":1}}"#;
        assert_eq!(subject(audit).as_deref(), Some("Café/1"));
        for line in [
            r#"{"kind":"query_audit"}"#,
            r#"{"kind":"query_audit","body":{"params":{"subject":7}}}"#,
            r#"{"kind":"query_audit","body":{"params":{"subject":null}}}"#,
            r#"{"kind":"query_audit","body":{"params":{"lens":"x"}}}"#,
            r#"{"kind":"query_audit","body":[1]}"#,
            r#"{"kind":"custom","body":{"type":"note","data":{"params":{"subject":"a"}}}}"#,
        ] {
            assert_eq!(Event::from_json(line).ok().and_then(|event| of(&event)), None, "{line}");
        }
        let long = format!(
            r#"{{"kind":"query_audit","body":{{"params":{{"subject":"{}"}}}}}}"#,
            "a".repeat(NAME_BYTES_MAX + 1)
        );
        assert_eq!(subject(&long), None);
    }
}
