//! A sorted table: one immutable file of blocks, a filter and a footer.
//!
//! ```text
//! table = leaf-block… branch-block… filter footer        (branches stand between leaves as they fill)
//! ```
//!
//! Blocks form a tree: a branch block's entries say where the blocks below are, by the last key in each. Leaves and
//! branches share one format, and reading any of them checks it. The filter answers "surely not here" for whole keys.
//! What a table does not do: it never changes, and it does not know how it relates to other tables.

pub(crate) mod block;
mod cursor;
mod filter;
mod footer;
mod reader;
mod writer;

pub(crate) use self::cursor::TableCursor;
pub use self::filter::FirstBytes;
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
