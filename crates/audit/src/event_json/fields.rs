//! The fields of a JSON object, taken one at a time by those who know them; what nobody took is handed back whole.
//!
//! INVARIANT: an object that gives a field twice is refused, so nothing that was written is lost. `null` counts as
//! absent, but for fields that carry any JSON, where it is a value like others. Depth and length of the values do not
//! matter here: they stay text, which the parser passes over without recursion.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::EventJsonError;
use crate::body::Extra;
use crate::{Content, Json, SourceRange};

/// A string that is longer is none of those that a field with few possible values may hold, and is not repeated in
/// an error.
const WORD_BYTES_MAX: usize = 128;

/// How much of an unexpected value an error repeats.
const FOUND_CHARACTERS_MAX: usize = 60;

/// The fields of an object that nobody has taken yet.
pub(super) struct Fields<'a> {
    /// Where the object stands: empty for the event itself, `body`, `body.usage`…
    path: String,
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// The fields of the object that is `line`.
    pub(super) fn of_line(line: &'a str) -> Result<Self, EventJsonError> {
        Self::parse(String::new(), line)
    }

    /// No fields, at `path`.
    pub(super) fn none(path: &str) -> Self {
        Self { path: path.to_owned(), entries: Vec::new() }
    }

    fn parse(path: String, text: &'a str) -> Result<Self, EventJsonError> {
        let Object(entries) = serde_json::from_str(text).map_err(EventJsonError::NotAnObject)?;
        let fields = Self { path, entries };
        let mut names = HashSet::with_capacity(fields.entries.len());
        match fields.entries.iter().find(|(name, _)| !names.insert(name.as_ref())) {
            Some((name, _)) => Err(EventJsonError::Twice {
                path: fields.path_of(&clipped(name)),
                problem: "given twice".to_owned(),
            }),
            None => Ok(fields),
        }
    }

    /// The value of the field `name`, whatever it is.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let index = self.entries.iter().position(|(entry, _)| entry == name)?;
        Some(self.entries.remove(index).1)
    }

    /// Takes `name` unless it is absent or null.
    fn take_value(&mut self, name: &str) -> Option<&'a RawValue> {
        self.take(name).filter(|value| value.get() != "null")
    }

    /// A field that is a string.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, EventJsonError> {
        let Some(value) = self.take_value(name) else { return Ok(None) };
        // Fails also for a lone surrogate, which JSON can write and a string cannot hold.
        serde_json::from_str(value.get()).map(Some).map_err(|_| self.unexpected(name, "a string", value))
    }

    /// A field that is a string of a certain form.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        expected: &'static str,
    ) -> Result<Option<T>, EventJsonError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let Some(value) = self.take_value(name) else { return Ok(None) };
        let text: Cow<'_, str> = serde_json::from_str::<Name<'_>>(value.get())
            .map(|text| text.0)
            .map_err(|_| self.unexpected(name, expected, value))?;
        if text.len() > WORD_BYTES_MAX {
            return Err(self.unexpected(name, expected, value));
        }
        text.parse().map(Some).map_err(|problem| self.invalid(name, Box::new(problem)))
    }

    /// A field that is a whole number.
    pub(super) fn unsigned(&mut self, name: &str) -> Result<Option<u64>, EventJsonError> {
        self.number(name, "a whole number from 0 to 18446744073709551615")
    }

    /// A field that is a finite number.
    pub(super) fn figure(&mut self, name: &str) -> Result<Option<f64>, EventJsonError> {
        const EXPECTED: &str = "a number that 64 bits of floating point can hold";
        let Some(value) = self.take_value(name) else { return Ok(None) };
        // Rust's own parser, since it gives the nearest float; what JSON calls a number, it can read.
        is_number(value)
            .then(|| value.get().parse().ok())
            .flatten()
            .filter(|figure: &f64| figure.is_finite())
            .map(Some)
            .ok_or_else(|| self.unexpected(name, EXPECTED, value))
    }

    /// A field that is a finite number of few digits.
    pub(super) fn short_figure(&mut self, name: &str) -> Result<Option<f32>, EventJsonError> {
        const EXPECTED: &str = "a number that 32 bits of floating point can hold";
        let Some(value) = self.take_value(name) else { return Ok(None) };
        // From the text, not by way of 64 bits: rounding twice can give another number than rounding once.
        is_number(value)
            .then(|| value.get().parse().ok())
            .flatten()
            .filter(|figure: &f32| figure.is_finite())
            .map(Some)
            .ok_or_else(|| self.unexpected(name, EXPECTED, value))
    }

    /// A field that is `true` or `false`; absent, it is false.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, EventJsonError> {
        match self.take_value(name) {
            None => Ok(false),
            Some(value) => value.get().parse().map_err(|_| self.unexpected(name, "true or false", value)),
        }
    }

    /// A field that is any JSON.
    pub(super) fn json(&mut self, name: &str) -> Option<Json> {
        self.take(name).map(Json::from_raw)
    }

    /// A field that is any JSON, or stands in an imported line as `{name}At` says. If both are given, the range holds:
    /// the value is what it resolved to when it was printed.
    pub(super) fn content(&mut self, name: &str) -> Result<Option<Content>, EventJsonError> {
        const EXPECTED: &str = "a number of bytes from 0 to 4294967295";
        let inline = self.json(name);
        let Some(mut range) = self.object(&format!("{name}At"))? else {
            return Ok(inline.map(Content::Inline));
        };
        let event = range.parsed("eventId", "a UUID")?;
        let offset = range.number("offset", EXPECTED)?;
        let length = range.number("length", EXPECTED)?;
        let range_of = SourceRange {
            event,
            offset: range.require("offset", offset, EXPECTED)?,
            length: range.require("length", length, EXPECTED)?,
        };
        range.refuse_rest("eventId, offset, length")?;
        Ok(Some(Content::At(range_of)))
    }

    /// A field that is an object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, EventJsonError> {
        let Some(value) = self.take_value(name) else { return Ok(None) };
        if !value.get().starts_with('{') {
            return Err(self.unexpected(name, "an object", value));
        }
        Self::parse(self.path_of(name), value.get()).map(Some)
    }

    /// A field that is a list of objects; absent, it is empty.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Self>, EventJsonError> {
        const EXPECTED: &str = "a list of objects";
        let Some(value) = self.take_value(name) else { return Ok(Vec::new()) };
        let items: Vec<&'a RawValue> =
            serde_json::from_str(value.get()).map_err(|_| self.unexpected(name, EXPECTED, value))?;
        let object = |(index, item): (usize, &'a RawValue)| {
            let name = format!("{name}[{index}]");
            if !item.get().starts_with('{') {
                return Err(self.unexpected(&name, "an object", item));
            }
            Self::parse(self.path_of(&name), item.get())
        };
        items.into_iter().enumerate().map(object).collect()
    }

    /// Whether the field `name` is given and nobody took it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(entry, _)| entry == name)
    }

    /// What nobody took, in the order in which it came.
    pub(super) fn rest(self) -> Extra {
        self.entries.into_iter().map(|(name, value)| (name.into_owned(), Json::from_raw(value))).collect()
    }

    /// Makes sure that everything was taken, in an object that has no place for more.
    pub(super) fn refuse_rest(&self, accepted: &'static str) -> Result<(), EventJsonError> {
        match self.entries.first() {
            None => Ok(()),
            Some((name, _)) => Err(EventJsonError::UnknownValue {
                path: self.path.clone(),
                found: format!("{:?}", clipped(name)),
                accepted: accepted.to_owned(),
            }),
        }
    }

    /// The value of a field that must be given.
    pub(super) fn require<T>(
        &self,
        name: &str,
        value: Option<T>,
        expected: &'static str,
    ) -> Result<T, EventJsonError> {
        value.ok_or_else(|| self.missing(name, expected))
    }

    /// The error for a field that is absent.
    pub(super) fn missing(&self, name: &str, expected: &'static str) -> EventJsonError {
        EventJsonError::Missing { path: self.path_of(name), expected }
    }

    /// The error for a string that does not say what it should.
    pub(super) fn invalid(
        &self,
        name: &str,
        problem: Box<dyn std::error::Error + Send + Sync>,
    ) -> EventJsonError {
        EventJsonError::Invalid { path: self.path_of(name), problem }
    }

    /// The error for a string that is none of those `accepted`.
    pub(super) fn unknown_value(&self, name: &str, found: &str, accepted: &[&str]) -> EventJsonError {
        EventJsonError::UnknownValue {
            path: self.path_of(name),
            found: format!("{:?}", clipped(found)),
            accepted: accepted.join(", "),
        }
    }

    /// The error for two fields that exclude each other.
    pub(super) fn conflict(&self, name: &str, other: &str) -> EventJsonError {
        EventJsonError::Twice { path: self.path_of(name), problem: format!("given beside {other}") }
    }

    fn number<T: FromStr>(
        &mut self,
        name: &str,
        expected: &'static str,
    ) -> Result<Option<T>, EventJsonError> {
        let Some(value) = self.take_value(name) else { return Ok(None) };
        value.get().parse().map(Some).map_err(|_| self.unexpected(name, expected, value))
    }

    fn unexpected(&self, name: &str, expected: &'static str, value: &RawValue) -> EventJsonError {
        EventJsonError::Unexpected { path: self.path_of(name), expected, found: clipped(value.get()) }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn is_number(value: &RawValue) -> bool {
    value.get().starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(FOUND_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object's fields as they stand, doubles included.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    entries.push((name, value));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
