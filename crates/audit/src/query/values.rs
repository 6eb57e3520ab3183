//! The values that events have in a dimension, by seeking from one to the next.

use std::collections::BTreeSet;

use runledger_store::{Cursor, KeyRange, View};

use super::moment::Moment;
use super::positions::StreamError;
use crate::key::prefix_end;
use crate::key::stream::StreamPrefix;
use crate::{Dimension, Glob};

/// The values of a dimension that start with a text, each with its stream, in ascending order. One seek each, however
/// many events have it.
pub(crate) struct Values {
    cursor: Cursor,
    /// Where the next seek goes.
    next: Vec<u8>,
}

impl Values {
    /// The values that events have now.
    pub(crate) fn now(view: &View, dimension: Dimension, starting_with: &str) -> Self {
        Self::behind(view, &StreamPrefix::values_from(dimension, starting_with))
    }

    /// The values that superseded events had.
    fn once(view: &View, dimension: Dimension, starting_with: &str) -> Self {
        Self::behind(view, &StreamPrefix::values_from(dimension, starting_with).history())
    }

    fn behind(view: &View, prefix: &StreamPrefix) -> Self {
        let next = prefix.as_bytes().to_vec();
        Self { cursor: view.cursor(KeyRange::new(next.clone()..prefix_end(&next))), next }
    }

    /// The next value and its stream (of the history, if these are values of the past).
    pub(crate) fn advance(&mut self) -> Result<Option<(String, StreamPrefix)>, StreamError> {
        self.cursor.seek(&self.next)?;
        let Some(key) = self.cursor.key() else { return Ok(None) };
        let (stream, value) = StreamPrefix::of_key(key)?;
        self.next = prefix_end(stream.as_bytes());
        Ok(Some((value, stream)))
    }
}

/// The values that match a pattern, and how many were looked at for it.
#[derive(Debug)]
pub(crate) struct Expansion {
    /// `None`: there are more than may be joined or looked at.
    pub(crate) matching: Option<Vec<String>>,
    pub(crate) looked_at: usize,
}

/// How many values a pattern may be held against. Each takes a seek.
const VALUES_LOOKED_AT_MAX: usize = 10_000;

/// The values of a dimension that match `glob`, at most `matching_max`.
pub(crate) fn expand(
    view: &View,
    dimension: Dimension,
    glob: &Glob,
    moment: Moment,
    matching_max: usize,
) -> Result<Expansion, StreamError> {
    let literal = glob.literal_prefix();
    let once = moment.needs_history().then(|| Values::once(view, dimension, &literal));
    let (mut matching, mut looked_at) = (Vec::new(), 0);
    for mut values in std::iter::once(Values::now(view, dimension, &literal)).chain(once) {
        while let Some((value, _)) = values.advance()? {
            looked_at += 1;
            if glob.matches(&value) {
                matching.push(value);
            }
            if looked_at > VALUES_LOOKED_AT_MAX || matching.len() > matching_max {
                return Ok(Expansion { matching: None, looked_at });
            }
        }
    }
    Ok(Expansion { matching: Some(matching), looked_at })
}

/// All values of a dimension that events had at `moment` or have now, in order. Some may have no event at that moment.
pub(crate) fn all(view: &View, dimension: Dimension, moment: Moment) -> Result<Vec<String>, StreamError> {
    let once = moment.needs_history().then(|| Values::once(view, dimension, ""));
    let mut all = BTreeSet::new();
    for mut values in std::iter::once(Values::now(view, dimension, "")).chain(once) {
        while let Some((value, _)) = values.advance()? {
            all.insert(value);
        }
    }
    Ok(all.into_iter().collect())
}
