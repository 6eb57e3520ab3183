//! The fields of a span or event, as JSON, and which of them are of agents.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Number, Value};
use tracing_core::field::{Field, Visit};

/// Our own names of who acts, beside those of OpenTelemetry's GenAI conventions, which all begin alike.
const OWN_FIELDS: [&str; 7] =
    ["run_id", "agent_id", "session_id", "correlation_id", "workspace_id", "lane_id", "tool_id"];
/// How the names of the GenAI conventions begin.
const GEN_AI_PREFIX: &str = "gen_ai.";

/// Whether a field of this name says that an agent acts.
pub(super) fn is_agent_field(name: &str) -> bool {
    name.starts_with(GEN_AI_PREFIX) || OWN_FIELDS.contains(&name)
}

/// Fields by name. One that is recorded again has its last value.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(BTreeMap<&'static str, Value>);

impl Fields {
    /// Takes the first of these that is there, as text.
    pub(super) fn take_text(&mut self, names: &[&str]) -> Option<String> {
        let taken: Vec<_> = names.iter().filter_map(|name| self.0.remove(*name)).collect();
        taken.into_iter().find_map(|value| match value {
            Value::Null => None,
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            other => Some(other.to_string()),
        })
    }

    /// Takes the first of these that is there, as a number that is not negative.
    pub(super) fn take_unsigned(&mut self, names: &[&str]) -> Option<u64> {
        let taken: Vec<_> = names.iter().filter_map(|name| self.0.remove(*name)).collect();
        taken.into_iter().find_map(|value| match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        })
    }

    /// Takes the first of these that is there, as a finite number.
    pub(super) fn take_figure(&mut self, names: &[&str]) -> Option<f64> {
        let taken: Vec<_> = names.iter().filter_map(|name| self.0.remove(*name)).collect();
        taken.into_iter().find_map(|value| match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_f64(),
        })
    }

    /// Takes the first of these that is there, as JSON: text that is JSON as what it says.
    pub(super) fn take_content(&mut self, names: &[&str]) -> Option<Value> {
        let taken: Vec<_> = names.iter().filter_map(|name| self.0.remove(*name)).collect();
        let value = taken.into_iter().find(|value| !value.is_null())?;
        let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
        Some(parsed.unwrap_or(value))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What is left of them, as an object.
    pub(super) fn rest(self) -> Option<Value> {
        let rest: serde_json::Map<_, _> =
            self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (!rest.is_empty()).then_some(Value::Object(rest))
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for an infinite number.
        let number = Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number);
        self.put(field, number);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, value.to_string().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
