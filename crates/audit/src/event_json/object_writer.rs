//! Writes one JSON object, field by field, on one line.
//!
//! INVARIANT: what comes out is JSON if the raw values that go in are. The writer does not check that names differ;
//! `known_fields` does, before an event is stored.

use std::fmt::{Display, Write};

use super::OwnLine;
use crate::body::Extra;
use crate::{Content, Json};

/// A JSON object under construction.
pub(crate) struct ObjectWriter {
    text: String,
    /// Whether the object that is being written has a field already.
    has_fields: bool,
}

impl ObjectWriter {
    /// An object without fields.
    pub(crate) fn new() -> Self {
        Self { text: "{".to_owned(), has_fields: false }
    }

    /// The text of the object.
    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// The object as a value to be carried.
    pub(crate) fn finish_json(self) -> Json {
        Json::parse(&self.finish()).expect("the writer puts commas, quotes and braces where they belong")
    }

    /// A field that is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.text.push_str(json);
    }

    /// A field that is a string.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push_string(&mut self.text, value);
    }

    /// A field that is a string, if there is one.
    pub(crate) fn optional_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A field whose text has no character that needs escaping: an id, a time, a hash.
    pub(crate) fn word(&mut self, name: &str, value: impl Display) {
        self.name(name);
        push_display(&mut self.text, format_args!("\"{value}\""));
    }

    /// A field whose text needs no escaping, if there is one.
    pub(crate) fn optional_word(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.word(name, value);
        }
    }

    /// A field that is a whole number.
    pub(crate) fn unsigned(&mut self, name: &str, value: u64) {
        self.name(name);
        push_display(&mut self.text, value);
    }

    /// A field that is a whole number, if there is one.
    pub(super) fn optional_unsigned(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.unsigned(name, value);
        }
    }

    /// A field that is a number. JSON has no word for an infinite one; the codec refuses to store it.
    pub(super) fn optional_figure(&mut self, name: &str, value: Option<f64>) {
        if let Some(number) = value.and_then(serde_json::Number::from_f64) {
            self.raw(name, &number.to_string());
        }
    }

    /// A field that is a number of 32 bits. As [`Self::optional_figure`], in as few digits as tell it from its neighbours.
    pub(super) fn optional_short_figure(&mut self, name: &str, value: Option<f32>) {
        if let Some(number) = value.filter(|number| number.is_finite()) {
            // The debug form has an exponent where that is shorter, and JSON's grammar allows all that it writes.
            self.raw(name, &format!("{number:?}"));
        }
    }

    /// A field that is JSON, with its range where it stands in an imported line.
    pub(super) fn optional_content(&mut self, name: &str, content: Option<&Content>, line: OwnLine<'_>) {
        match content {
            None => {}
            Some(Content::Inline(json)) => self.raw(name, json.as_str()),
            Some(Content::At(range)) => {
                if let Some(json) = line.resolve(*range) {
                    self.raw(name, json.as_str());
                }
                self.object(&format!("{name}At"), |json| {
                    json.optional_word("eventId", range.event);
                    json.unsigned("offset", range.offset.into());
                    json.unsigned("length", range.length.into());
                });
            }
        }
    }

    /// A field that is an object.
    pub(super) fn object(&mut self, name: &str, write_fields: impl FnOnce(&mut Self)) {
        self.name(name);
        self.text.push('{');
        self.has_fields = false;
        write_fields(self);
        self.text.push('}');
        self.has_fields = true;
    }

    /// A field that is a list of objects.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write_fields: impl FnMut(T, &mut Self),
    ) {
        self.name(name);
        self.text.push('[');
        for (index, item) in items.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "{" } else { ",{" });
            self.has_fields = false;
            write_fields(item, self);
            self.text.push('}');
        }
        self.text.push(']');
        self.has_fields = true;
    }

    /// A field that is a list of JSON values.
    pub(super) fn raws(&mut self, name: &str, items: impl IntoIterator<Item = String>) {
        self.name(name);
        self.text.push('[');
        for (index, item) in items.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "" } else { "," });
            self.text.push_str(&item);
        }
        self.text.push(']');
    }

    /// A field that is a list of strings.
    pub(crate) fn texts(&mut self, name: &str, texts: &[String]) {
        self.raw(name, &Self::list_of_texts(texts));
    }

    /// A list of strings, as a value of its own.
    pub(super) fn list_of_texts(texts: &[String]) -> String {
        let mut list = "[".to_owned();
        for (index, text) in texts.iter().enumerate() {
            list.push_str(if index == 0 { "" } else { "," });
            push_string(&mut list, text);
        }
        list.push(']');
        list
    }

    /// The fields that this version does not know.
    pub(super) fn extra(&mut self, extra: &Extra) {
        for (name, value) in extra {
            self.raw(name, value.as_str());
        }
    }

    fn name(&mut self, name: &str) {
        if self.has_fields {
            self.text.push(',');
        }
        self.has_fields = true;
        push_string(&mut self.text, name);
        self.text.push(':');
    }
}

/// RFC 8259, section 7: the quote, the backslash and the control characters must be escaped, nothing else need be.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\x1f' => push_display(text, format_args!("\\u{:04x}", u32::from(character))),
            _ => text.push(character),
        }
    }
    text.push('"');
}

fn push_display(text: &mut String, value: impl Display) {
    write!(text, "{value}").expect("writing to a string cannot fail");
}
