//! The values that events have in a dimension, by seeking from one to the next.

use runledger_store::{ReadError, StreamNames, View};

use crate::key::{MalformedKey, stream};
use crate::{Dimension, Glob};

/// The values of a dimension could not be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// The index could not be read.
    #[error("cannot read the index")]
    Store(#[from] ReadError),
    /// The index holds what this version did not write.
    #[error(transparent)]
    Malformed(#[from] MalformedKey),
}

/// The values of a dimension that start with a text, in ascending order, however many events have them. Those are among
/// them that only superseded events had.
struct Values(StreamNames);

impl Values {
    fn new(view: &View, dimension: Dimension, starting_with: &str) -> Result<Self, ReadError> {
        view.streams(&stream::name(dimension, starting_with)).map(Self)
    }

    fn advance(&mut self) -> Result<Option<String>, ValuesError> {
        Ok(self.0.next_name()?.map(stream::value_of).transpose()?)
    }
}

/// The values that match a pattern, and how many were looked at for it.
#[derive(Debug)]
pub(crate) struct Expansion {
    /// `None`: there are more than may be joined or looked at.
    pub(crate) matching: Option<Vec<String>>,
    pub(crate) looked_at: usize,
}

/// How many values a pattern may be held against.
const VALUES_LOOKED_AT_MAX: usize = 10_000;

/// The values of a dimension that match `glob`, at most `matching_max`.
pub(crate) fn expand(
    view: &View,
    dimension: Dimension,
    glob: &Glob,
    matching_max: usize,
) -> Result<Expansion, ValuesError> {
    let literal = glob.literal_prefix();
    let mut values = Values::new(view, dimension, &literal)?;
    let (mut matching, mut looked_at) = (Vec::new(), 0);
    while let Some(value) = values.advance()? {
        looked_at += 1;
        if glob.matches(&value) {
            matching.push(value);
        }
        if looked_at > VALUES_LOOKED_AT_MAX || matching.len() > matching_max {
            return Ok(Expansion { matching: None, looked_at });
        }
    }
    Ok(Expansion { matching: Some(matching), looked_at })
}

/// All values of a dimension, in order. Some may have no event now, as those that had them were superseded.
pub(crate) fn all(view: &View, dimension: Dimension) -> Result<Vec<String>, ValuesError> {
    let mut values = Values::new(view, dimension, "")?;
    let mut all = Vec::new();
    while let Some(value) = values.advance()? {
        all.push(value);
    }
    Ok(all)
}
