//! One look into a block: no cursor is made, and no key is put together.
//!
//! INVARIANT: it finds the entry that a cursor would come to stand on.

use std::cmp::Ordering;

use super::{Encoding, Entry, Handle, Layout};
use crate::error::Damage;
use crate::table::pages::TableFile;

/// A block that is looked into once: no cursor is made, and no key is put together.
#[derive(Debug)]
pub(crate) struct BlockLookup<'f> {
    file: &'f TableFile,
    layout: Layout,
}

/// What [`BlockLookup::first_from`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LookedUp<'f> {
    /// Whether the key is the one that was sought, and not one behind it.
    pub(crate) is_target: bool,
    /// `None` when the key was deleted.
    pub(crate) value: Option<&'f [u8]>,
}

impl<'f> BlockLookup<'f> {
    /// Finds and checks the block at `handle`.
    pub(crate) fn open(file: &'f TableFile, handle: Handle, encoding: Encoding) -> Result<Self, Damage> {
        Ok(Self { file, layout: Layout::of(file, handle, encoding)? })
    }

    /// The first entry at or behind `target`: where [`BlockCursor::seek`] would come to stand.
    pub(crate) fn first_from(&self, target: &[u8]) -> Result<Option<LookedUp<'f>>, Damage> {
        let Self { file, layout } = self;
        let entries = layout.entries(file);
        let mut at = layout.restart_before(file, target)?;
        // Of the key in front, which is before the target: its length, and how much of it is as in the target.
        let (mut key_bytes, mut matched) = (0, 0);
        while at != entries.len() {
            let entry = Entry::parse(entries, at).ok_or_else(|| layout.malformed(file, at))?;
            if entry.shared > key_bytes {
                return Err(layout.malformed(file, at));
            }
            key_bytes = entry.shared + entry.unshared.len();
            at = entry.next;
            // It begins as the key in front does, up to where that is less than the target: so it is less, too.
            if entry.shared > matched {
                continue;
            }
            let own = entries.get(entry.unshared.clone()).unwrap_or_default();
            let wanted = target.get(entry.shared..).unwrap_or_default();
            let same = own.iter().zip(wanted).take_while(|(own, wanted)| own == wanted).count();
            matched = entry.shared + same;
            let order = own.get(same).cmp(&wanted.get(same));
            if order != Ordering::Less {
                let (is_target, value) = (order == Ordering::Equal, entry.value_in(entries));
                return Ok(Some(LookedUp { is_target, value }));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::directory::Map;
    use crate::table::block::{Block, BlockBuilder, BlockCursor};
    use crate::table::pages::PageChecksums;

    /// A file that is one block.
    fn block_of(entries: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> (TableFile, Handle) {
        let (mut builder, mut bytes) = (BlockBuilder::default(), Vec::new());
        for (key, value) in entries {
            builder.add(key, value.as_deref());
        }
        builder.finish(Encoding::Leaf, &mut bytes);
        let (end, mut checksums) = (bytes.len(), PageChecksums::default());
        checksums.update(5, &bytes);
        bytes.extend(checksums.finish());
        let file = TableFile::new(Map::of_bytes(bytes), "block".into(), 5, end);
        (file, Handle { offset: 0, length: u32::try_from(end).unwrap() })
    }

    proptest! {
        #[test]
        fn a_look_finds_what_a_cursor_stands_on(
            entries in btree_map(vec(0u8..3, 0..7), option::of(vec(any::<u8>(), 0..3)), 1..120),
            targets in vec(vec(0u8..3, 0..8), 0..40),
        ) {
            let (file, handle) = block_of(&entries);
            let file = Arc::new(file);
            let lookup = BlockLookup::open(&file, handle, Encoding::Leaf).unwrap();
            let mut cursor = BlockCursor::new(Block::open(&file, handle, Encoding::Leaf).unwrap());
            for target in entries.keys().chain(&targets) {
                cursor.seek(target).unwrap();
                let expected = cursor.key().map(|key| LookedUp { is_target: key == target, value: cursor.value() });
                prop_assert_eq!(lookup.first_from(target).unwrap(), expected);
            }
        }
    }
}
