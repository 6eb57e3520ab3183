//! JSON that the ledger carries without reading it: kept as text, so that numbers keep their digits and objects the
//! order of their fields.

use std::fmt;

use serde_json::value::RawValue;

/// One JSON value as text, on a single line.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

/// The text is not one JSON value.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct InvalidJson(#[from] serde_json::Error);

impl Json {
    /// Checks that `text` is one JSON value and keeps it, without the white space between its tokens if it has line
    /// breaks.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, InvalidJson> {
        let value: &RawValue = serde_json::from_str(text)?;
        Ok(Self::from_raw(value))
    }

    /// Keeps a value that a parser has already checked.
    #[must_use]
    pub fn from_raw(value: &RawValue) -> Self {
        Self::on_one_line(value.get().to_owned())
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    ///
    /// It can't be written: a map has keys that are no strings, or its own code refuses.
    pub fn from_value<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, InvalidJson> {
        Ok(Self::on_one_line(serde_json::to_string(value)?))
    }

    fn on_one_line(text: String) -> Self {
        Self(if text.contains(['\n', '\r']) { without_white_space(&text).into() } else { text.into() })
    }

    /// The text of the value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the value as `T`.
    ///
    /// # Errors
    ///
    /// It is no `T`.
    pub fn read<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, InvalidJson> {
        Ok(serde_json::from_str(&self.0)?)
    }
}

/// White space between tokens dropped; the text is valid JSON, so a quote outside a string opens one.
fn without_white_space(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character == '"' {
            in_string = true;
        } else if matches!(character, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        compact.push(character);
    }
    compact
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_field_order_survive() {
        let text = r#"{"b": 1.000000000000000000001, "a": 12345678901234567890123}"#;
        assert_eq!(Json::parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn several_lines_become_one_and_strings_keep_their_white_space() {
        let text = "{\n  \"a b\": [1,\r\n\t2],\n  \"c\": \"x \\\" \\\\\", \"d\" : \"\\n \"\n}";
        assert_eq!(Json::parse(text).unwrap().as_str(), r#"{"a b":[1,2],"c":"x \" \\","d":"\n "}"#);
    }

    #[test]
    fn a_carried_value_with_line_breaks_becomes_one_line() {
        let value: Box<RawValue> = serde_json::from_str("[1,\n2]").unwrap();
        assert_eq!(Json::from_value(&value).unwrap().as_str(), "[1,2]");
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for text in ["", "{", "1 2", "{\"a\":1}{}", "nul"] {
            assert!(Json::parse(text).is_err(), "{text:?}");
        }
    }
}
