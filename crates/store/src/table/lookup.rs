//! Looking one key up in a tree, from the root to a leaf, without a cursor: nothing is allocated.
//!
//! Invariant: each child lies before its parent in the file, so that no table, however hostile, leads in a circle.

use super::block::{BlockLookup, Encoding, Handle};
use super::pages::TableFile;
use super::tree::Tree;
use crate::batch::Change;
use crate::error::{Damage, ReadError};

/// What the tree knows of `key`.
pub(super) fn look_up<'f>(
    file: &'f TableFile,
    tree: Tree,
    key: &[u8],
) -> Result<Option<Change<'f>>, ReadError> {
    let mut handle = tree.root;
    for _ in 1..tree.levels {
        let branch = BlockLookup::open(file, handle, Encoding::Branch)?;
        // Only the root can lack an entry at or behind the key: then the table has none.
        let Some(entry) = branch.first_from(key)? else { return Ok(None) };
        handle =
            entry.value.and_then(Handle::decode).and_then(|child| child.below(handle)).ok_or_else(|| {
                let problem = "a branch that leads nowhere";
                let expected = format_args!("an offset below {}", handle.offset);
                Damage::new(file.name(), handle.offset, problem, expected, "another")
            })?;
    }
    // Without a tree there is nothing to look into.
    if tree.levels == 0 {
        return Ok(None);
    }
    let leaf = BlockLookup::open(file, handle, Encoding::Leaf)?.first_from(key)?;
    Ok(leaf.filter(|entry| entry.is_target).map(|entry| Change::of(entry.value)))
}
