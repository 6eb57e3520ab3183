//! A sorted table: one immutable file of blocks, a filter and a footer.
//!
//! ```text
//! table   = content pages footer
//! content = entries filter positions streams        (blocks stand between others as they fill)
//! ```
//!
//! Entries are a tree of blocks: a branch block's entries say where the blocks below are, by the last key in each. The
//! filter answers "surely not here" for whole keys. Positions stand once, in ascending order; streams are a tree of
//! names, each with a list of numbers that count positions. Every page of the content has a checksum.
//!
//! What a table does not do: it never changes, and it does not know how it relates to other tables.

mod ascending;
mod bits;
mod block;
mod cursor;
mod filter;
mod footer;
mod lists;
mod lookup;
mod output;
mod pages;
mod position_group;
mod positions;
mod postings;
mod reader;
mod tree;
mod writer;

pub(crate) use self::cursor::TreeCursor;
pub use self::filter::FirstBytes;
pub(crate) use self::filter::{Filter, Sought};
pub(crate) use self::lists::{StreamCursor, TableList};
pub(crate) use self::positions::POSITIONS_MAX;
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
pub(crate) mod tests;
