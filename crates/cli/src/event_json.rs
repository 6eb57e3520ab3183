//! An event's JSON with everything resolved that it says, and a look at JSON that keeps the order of its fields.
//!
//! What an imported event says may stand in a line that another event holds; its own JSON then gives only the place
//! (`contentAt`). Here the value is fetched and put beside it.

use anyhow::Context;
use runledger::{Body, Content, Ledger, StoredEvent};
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of a JSON object in their order.
pub(crate) struct Fields<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object; `None` if the text is another JSON value, or none.
    pub(crate) fn of(object: &'a str) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(object);
        deserializer.deserialize_map(FieldsVisitor).ok()
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry::<String, &RawValue>()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

/// The contents of an event's body, by their JSON names.
pub(crate) fn contents(body: &Body) -> Vec<(&'static str, &Content)> {
    let named: [(&'static str, Option<&Content>); 2] = match body {
        Body::RunStarted(body) => [("inputs", body.inputs.as_ref()), ("", None)],
        Body::RunFinished(body) => [("output", body.output.as_ref()), ("", None)],
        Body::RunLog(body) => [("payload", body.payload.as_ref()), ("", None)],
        Body::Message(body) => [("content", body.content.as_ref()), ("", None)],
        Body::ToolCall(body) => [("input", body.input.as_ref()), ("output", body.output.as_ref())],
        Body::Custom(body) => [("data", body.data.as_ref()), ("", None)],
        // The other kinds have none; a kind of a later version shows what its own JSON shows.
        _ => [("", None), ("", None)],
    };
    named.into_iter().filter_map(|(name, content)| Some((name, content?))).collect()
}

/// The JSON of an event, with the contents that stand in another event's line added to its body.
pub(crate) fn resolved(ledger: &Ledger, stored: &StoredEvent) -> anyhow::Result<String> {
    let json = stored.event.to_json(Some(stored.seq));
    let mut missing = Vec::new();
    for (name, content) in contents(&stored.event.body) {
        let Content::At(range) = content else { continue };
        if range.event.is_some_and(|event| event != stored.event.event_id)
            && let Some(value) = ledger.content(stored, content)?
        {
            missing.push((name, value));
        }
    }
    if missing.is_empty() {
        return Ok(json);
    }
    let fields = Fields::of(&json).context("the event's JSON is no object")?;
    let body = fields.0.iter().find(|(name, _)| name == "body").map(|(_, body)| body.get());
    let body = body.and_then(|body| body.strip_suffix('}')).context("the event's JSON has no body")?;
    let added =
        missing.iter().fold(String::new(), |added, (name, value)| added + &format!(",\"{name}\":{value}"));
    let whole = fields.0.iter().map(|(name, value)| {
        let name = serde_json::Value::from(name.as_str());
        if name == "body" { format!("{name}:{body}{added}}}") } else { format!("{name}:{value}") }
    });
    Ok(format!("{{{}}}", whole.collect::<Vec<_>>().join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_what_is_no_object_has_none() {
        let fields = Fields::of(r#"{"b":1.50,"a":{"x":[]}}"#).unwrap();
        let texts: Vec<_> = fields.0.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(texts, [("b", "1.50"), ("a", r#"{"x":[]}"#)]);
        for text in ["[1]", "3", "", "{"] {
            assert!(Fields::of(text).is_none(), "{text}");
        }
    }
}
