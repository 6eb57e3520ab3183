//! A sorted table: one immutable file of blocks, a filter and a footer.
//!
//! ```text
//! table = leaf-block… branch-block… filter positions footer        (branches stand between leaves as they fill)
//! ```
//!
//! Blocks form a tree: a branch block's entries say where the blocks below are, by the last key in each. Leaves and
//! branches share one format, and reading any of them checks it. The filter answers "surely not here" for whole keys.
//!
//! Many streams over the same events are small: what their keys end in, the positions, stands once in an area of its own,
//! and a leaf holds a stream as a list of numbers that count positions.
//!
//! What a table does not do: it never changes, and it does not know how it relates to other tables.

mod ascending;
mod bits;
pub(crate) mod block;
mod cursor;
mod filter;
mod footer;
pub(crate) mod leaf;
pub(crate) mod position_group;
mod position_tags;
pub(crate) mod positions;
pub(crate) mod postings;
mod reader;
mod writer;

pub(crate) use self::cursor::TableCursor;
pub use self::filter::FirstBytes;
pub use self::position_tags::PositionTags;
pub(crate) use self::reader::{Table, TableMeta};
pub(crate) use self::writer::{TableSettings, TableWriter};

/// How a table's file is named.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016}.table")
}

/// The id in a table's file name. `None` for a name that is none of ours.
pub(crate) fn id_in_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".table")?;
    let id = digits.parse().ok()?;
    (file_name(id) == name).then_some(id)
}

#[cfg(test)]
mod tests;
