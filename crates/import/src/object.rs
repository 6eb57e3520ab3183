//! A JSON object read leniently: its fields in order, each value left as the text that it is.
//!
//! The importers never refuse a line for a field that has another type than they expect, that stands there twice, or
//! that they don't know: a getter then answers `None` (for a field given twice, the last one counts). Values stay
//! borrowed from the line, so that their place in it can be named (see [`crate::offsets`]).

use std::borrow::Cow;
use std::fmt;

use runledger_audit::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The longest name of a run, session, agent, tool or model that is taken over. The ledger refuses events with longer
/// names than four times this; a run may be named by two of these.
pub(crate) const NAME_BYTES_MAX: usize = 1024;

/// The fields of an object, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    fields: Vec<(Key<'a>, &'a RawValue)>,
}

/// A field's name; borrowed unless it holds an escape.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Object<'a> {
    /// Reads `value` as an object; `None` if it is something else.
    pub(crate) fn of(value: &'a RawValue) -> Option<Self> {
        value.get().starts_with('{').then(|| serde_json::from_str(value.get()).ok()).flatten()
    }

    /// The field's value.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().rev().find(|(key, _)| key.0 == name).map(|(_, value)| *value)
    }

    /// The field's value, if it is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Object<'a>> {
        self.get(name).and_then(Object::of)
    }

    /// The field's value, if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    /// The field's value, if it is a text that can name something: neither empty nor longer than
    /// [`NAME_BYTES_MAX`].
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        (1..=NAME_BYTES_MAX).contains(&text.len()).then(|| text.into_owned())
    }

    /// The field's value, if it is a whole number that is not negative; 0 otherwise.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.get().parse().ok()).unwrap_or(0)
    }

    /// The field's value, if it is a number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(|value| value.get().parse().ok()).filter(|number: &f64| number.is_finite())
    }

    /// Whether the field is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() == "true")
    }

    /// The field's value, if it is an RFC 3339 time.
    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }
}

/// What `value` says, if it is a text.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(value.get()).ok().map(|key| key.0)
}

/// The values of `value`, if it is a list; none otherwise.
pub(crate) fn list(value: &RawValue) -> Vec<&RawValue> {
    if value.get().starts_with('[') {
        serde_json::from_str(value.get()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Object { fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fields_of_another_type_are_no_error() {
        let object = object(r#"{"a":1,"b":"x","c":{"d":true},"e":[1,2],"f":-1,"g":1.5,"n":null}"#);
        assert_eq!((object.text("a"), object.text("b").as_deref()), (None, Some("x")));
        assert_eq!(
            (object.count("a"), object.count("f"), object.count("g"), object.count("z")),
            (1, 0, 0, 0)
        );
        assert_eq!((object.number("g"), object.number("n")), (Some(1.5), None));
        assert!(object.object("c").unwrap().is_true("d"));
        assert!(object.object("e").is_none() && object.object("n").is_none());
        assert_eq!(list(object.get("e").unwrap()).len(), 2);
        assert!(list(object.get("c").unwrap()).is_empty());
    }

    #[test]
    fn the_last_of_two_fields_counts_and_escaped_names_are_found() {
        let object = object(r#"{"t\u0079pe":"first","type":"last","x":"a\nb"}"#);
        assert_eq!(object.text("type").as_deref(), Some("last"));
        assert_eq!(object.name("x").as_deref(), Some("a\nb"));
    }

    #[test]
    fn what_is_too_long_for_a_name_names_nothing() {
        let line = format!(
            r#"{{"a":"{}","b":"{}","c":""}}"#,
            "x".repeat(NAME_BYTES_MAX),
            "x".repeat(NAME_BYTES_MAX + 1)
        );
        let object = object(&line);
        assert!(object.name("a").is_some() && object.name("b").is_none() && object.name("c").is_none());
    }

    #[test]
    fn deep_nesting_is_no_error() {
        let deep = format!(r#"{{"a":{}{},"b":"x"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(object(&deep).text("b").as_deref(), Some("x"));
    }
}
