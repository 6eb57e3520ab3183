//! What a filter wants a value to be.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Glob, GlobError};

/// Any of several texts, or whatever matches one of several patterns. Without either it is nothing: no value is wanted.
///
/// ```
/// use runledger_audit::{AnyOf, EventFilter};
///
/// let filter = EventFilter {
///     run: Some("run-1".into()),
///     tool: Some(AnyOf::texts(["Bash", "Read"])),
///     agent: Some(AnyOf::glob("claude-*")?.or("tester")),
///     ..EventFilter::default()
/// };
/// assert!(filter.agent.unwrap().matches("claude-code"));
/// # Ok::<(), runledger_audit::GlobError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AnyOf {
    texts: BTreeSet<String>,
    globs: BTreeSet<Glob>,
}

impl AnyOf {
    /// Any of these texts, taken as they are.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self { texts: texts.into_iter().map(Into::into).collect(), globs: BTreeSet::new() }
    }

    /// Whatever matches this pattern (see [`Glob`]).
    ///
    /// # Errors
    ///
    /// `pattern` is none.
    pub fn glob(pattern: &str) -> Result<Self, GlobError> {
        Ok(pattern.parse::<Glob>()?.into())
    }

    /// This, or that as well.
    #[must_use]
    pub fn or(mut self, other: impl Into<Self>) -> Self {
        let other = other.into();
        self.texts.extend(other.texts);
        self.globs.extend(other.globs);
        self
    }

    /// Whether `value` is wanted.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.texts.contains(value) || self.globs.iter().any(|glob| glob.matches(value))
    }

    pub(crate) fn wanted_texts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    pub(crate) fn wanted_globs(&self) -> impl ExactSizeIterator<Item = &Glob> {
        self.globs.iter()
    }
}

impl From<&str> for AnyOf {
    fn from(text: &str) -> Self {
        Self::texts([text])
    }
}

impl From<String> for AnyOf {
    fn from(text: String) -> Self {
        Self::texts([text])
    }
}

impl From<&String> for AnyOf {
    fn from(text: &String) -> Self {
        Self::texts([text])
    }
}

impl From<Glob> for AnyOf {
    fn from(glob: Glob) -> Self {
        Self { texts: BTreeSet::new(), globs: BTreeSet::from([glob]) }
    }
}

impl<T: Into<String>> FromIterator<T> for AnyOf {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Self::texts(texts)
    }
}

/// As a condition behind a field's name: `= "a"`, `= "a" or = "b"`, `like "a*"`.
impl fmt::Display for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.texts.iter().map(|text| format!("= {text:?}"));
        let globs = self.globs.iter().map(|glob| format!("like {:?}", glob.as_str()));
        let terms: Vec<String> = texts.chain(globs).collect();
        f.write_str(if terms.is_empty() { "is nothing" } else { "" })?;
        f.write_str(&terms.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_its_texts_and_patterns_matches_and_nothing_else() {
        let wanted = AnyOf::texts(["a", "b"]).or(AnyOf::glob("c*").unwrap());
        assert!(["a", "b", "c", "cd"].iter().all(|value| wanted.matches(value)));
        assert!(["", "ab", "d"].iter().all(|value| !wanted.matches(value)));
        assert!(!AnyOf::default().matches(""), "nothing is wanted");
        assert_eq!(wanted.to_string(), r#"= "a" or = "b" or like "c*""#);
    }
}
