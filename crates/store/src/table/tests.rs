//! Tables against a sorted list, and against damage.

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::block::{Block, BlockBuilder, BlockCursor, BlockSource, Content, Encoding, Handle};
use super::*;
use crate::directory::simulated::SimulatedDirectory;
use crate::directory::{Directory, Map};
use crate::error::OpenError;

type Entries = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn any_entries() -> impl Strategy<Value = Entries> {
    let key = vec(prop_oneof![Just(0u8), Just(b'a'), Just(0xff)], 0..12);
    let value = proptest::option::weighted(0.8, vec(any::<u8>(), 0..40));
    btree_map(key, value, 1..200).prop_map(|map| map.into_iter().collect())
}

/// Streams over the same positions, some of which overlap as bytes, with all that does not fit a list in between:
/// values, deletions, and positions that the base lacks.
fn stream_entries() -> impl Strategy<Value = Entries> {
    let position = (prop_oneof![Just(7u64), 0u64..400, any::<u64>()], prop_oneof![0u64..300, any::<u64>()]);
    let contents = vec((0usize..PREFIXES.len(), odd_content()), 0..6);
    let base = prop_oneof![9 => Just(Some(Vec::new())), 1 => odd_content()];
    btree_map(position, (base, proptest::bool::weighted(0.95), contents), 1..300).prop_map(|events| {
        let mut entries = std::collections::BTreeMap::new();
        for ((time, number), (base, has_base, contents)) in events {
            let position = [time.to_be_bytes(), number.to_be_bytes()].concat();
            if has_base {
                entries.insert([BASE, &position].concat(), base);
            }
            for (prefix, content) in contents {
                entries.insert([PREFIXES[prefix], &position].concat(), content);
            }
        }
        entries.insert(b"z".to_vec(), Some(Vec::new()));
        entries.into_iter().collect()
    })
}

const BASE: &[u8] = &[0];
const PREFIXES: [&[u8]; 6] = [b"a", b"aa", &[b'a', 0], &[b'a', 0, 0, 0, 0, 0, 0], b"b-longer", b"\xff"];

/// Mostly nothing, as streams have it.
fn odd_content() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![18 => Just(Some(Vec::new())), 1 => Just(None), 1 => Just(Some(vec![1, 2, 3]))]
}

fn entries() -> impl Strategy<Value = Entries> {
    prop_oneof![any_entries(), stream_entries()]
}

/// Keys that are there, that start like one, that lie right beside one, and others.
fn target_among(entries: &Entries, at: prop::sample::Index, how: (u8, Vec<u8>)) -> Vec<u8> {
    let mut key = entries[at.index(entries.len())].0.clone();
    let (how, tail) = how;
    match how % 5 {
        0 => {}
        1 => key.truncate(key.len().saturating_sub(tail.len())),
        2 => key.extend_from_slice(&tail),
        3 => {
            let end = key.len().saturating_sub(tail.len());
            key.truncate(end);
            key.extend_from_slice(&tail);
        }
        _ => return tail,
    }
    key
}

fn target() -> impl Strategy<Value = (prop::sample::Index, (u8, Vec<u8>))> {
    (any::<prop::sample::Index>(), (any::<u8>(), vec(prop_oneof![Just(0u8), Just(b'a'), Just(0xff)], 0..20)))
}

fn write(directory: &SimulatedDirectory, entries: &Entries, settings: TableSettings) -> Arc<Table> {
    let mut writer = TableWriter::create(directory, 7, entries.len() as u64, settings).unwrap();
    for (key, value) in entries {
        writer.add(key, value.as_deref()).unwrap();
    }
    Arc::new(Table::open(directory, writer.finish().unwrap()).unwrap())
}

fn settings(block_bytes: usize) -> TableSettings {
    TableSettings { block_bytes, filtered: FirstBytes::all(), position_tags: Some(tags()) }
}

fn tags() -> PositionTags {
    PositionTags::new(BASE[0], b"ab\xff")
}

fn here(cursor: &TableCursor) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    cursor.key().map(|key| (key.to_vec(), cursor.value().map(<[u8]>::to_vec)))
}

proptest! {
    #[test]
    fn a_table_shows_what_was_written_in_both_directions_and_from_any_place(
        entries in entries(), block_bytes in 1usize..300, tagged: bool, targets in vec(target(), 1..8)
    ) {
        let directory = SimulatedDirectory::default();
        let position_tags = tagged.then(tags);
        let table = write(&directory, &entries, TableSettings { position_tags, ..settings(block_bytes) });
        let mut cursor = TableCursor::new(Arc::clone(&table));
        prop_assert_eq!(cursor.key(), None);

        cursor.first().unwrap();
        for entry in &entries {
            prop_assert_eq!(here(&cursor), Some(entry.clone()));
            cursor.next().unwrap();
        }
        prop_assert_eq!(cursor.key(), None);
        cursor.last().unwrap();
        for entry in entries.iter().rev() {
            prop_assert_eq!(here(&cursor), Some(entry.clone()));
            cursor.prev().unwrap();
        }
        prop_assert_eq!(cursor.key(), None);

        for (key, value) in &entries {
            let found = table.find(key).unwrap().expect("a key that was written is found");
            prop_assert_eq!(found.value(), value.as_deref());
        }
        // With the same cursor, so that each search starts where the last one ended.
        for (at, how) in targets {
            let target = target_among(&entries, at, how);
            let at = entries.partition_point(|(key, _)| *key < target);
            cursor.seek(&target).unwrap();
            prop_assert_eq!(here(&cursor), entries.get(at).cloned());
            let is_here = entries.get(at).is_some_and(|(key, _)| *key == target);
            prop_assert_eq!(table.find(&target).unwrap().is_some(), is_here);
            cursor.prev().unwrap();
            if at > 0 && at < entries.len() {
                prop_assert_eq!(here(&cursor), entries.get(at - 1).cloned());
            }
            let at = entries.partition_point(|(key, _)| *key <= target).checked_sub(1);
            cursor.seek_for_prev(&target).unwrap();
            prop_assert_eq!(here(&cursor), at.map(|at| entries[at].clone()));
            if let Some(at) = at {
                cursor.next().unwrap();
                prop_assert_eq!(here(&cursor), entries.get(at + 1).cloned());
            }
        }
    }

    #[test]
    fn any_changed_byte_behind_right_checksums_never_panics_nor_allocates_without_bound(
        entries in stream_entries(), block_bytes in prop_oneof![Just(200usize), Just(1 << 20)], at: prop::sample::Index, values in vec(any::<u8>(), 1..9), target: Vec<u8>
    ) {
        let directory = SimulatedDirectory::default();
        let table = write(&directory, &entries, settings(block_bytes));
        let mut bytes = directory.map(&file_name(7)).unwrap().to_vec();
        let footer = bytes.len() - footer::FOOTER_BYTES;
        let at = at.index(footer);
        for (to, from) in bytes[at..footer].iter_mut().zip(&values) {
            *to = *from;
        }
        seal_root(&mut bytes);
        seal_positions(&mut bytes);
        directory.overwrite(&file_name(7), bytes);
        let table = Arc::new(Table::open(&directory, table.meta().clone()).unwrap());
        let mut cursor = TableCursor::new(Arc::clone(&table));
        let _ = cursor.seek(&target);
        let _ = cursor.prev();
        let mut steps = 0;
        let _ = cursor.first();
        while cursor.key().is_some() && cursor.next().is_ok() {
            steps += 1;
        }
        let _ = cursor.last();
        while cursor.key().is_some() && cursor.prev().is_ok() {
            steps += 1;
        }
        prop_assert!(steps <= 2 * 128 * usize::try_from(table.meta().bytes).unwrap(), "it ends: {steps} steps");
        for ordinal in 0..=table.positions().count() {
            let _ = table.positions().get(ordinal);
        }
    }

    #[test]
    fn hostile_bytes_behind_a_right_checksum_never_panic(
        entries in entries(), at: prop::sample::Index, values in vec(any::<u8>(), 1..9), target: Vec<u8>
    ) {
        let mut builder = BlockBuilder::default();
        for (key, value) in &entries {
            builder.add(key, Content::of(value.as_deref()));
        }
        let mut bytes = Vec::new();
        builder.finish(Encoding::Leaf, 5, 0, &mut bytes);
        let end = bytes.len() - 4;
        let at = at.index(end);
        for (to, from) in bytes[at..end].iter_mut().zip(&values) {
            *to = *from;
        }
        let crc = crate::checksum::seeded(5, 0, &bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());

        let length = u32::try_from(bytes.len()).unwrap();
        let source = BlockSource { name: "hostile".into(), nonce: 5, blocks_end: u64::from(length), map: Map::of_bytes(bytes) };
        let Ok(block) = Block::open(&Arc::new(source), Handle { offset: 0, length }, Encoding::Leaf) else { return Ok(()) };
        let mut cursor = BlockCursor::new(block);
        let _ = cursor.seek(|key, _| Ok(key < target.as_slice()));
        let _ = cursor.prev();
        let _ = cursor.last();
        let _ = cursor.first();
        while cursor.key().is_some() && cursor.next().is_ok() {
            let _ = cursor.value();
        }
    }
}

#[test]
fn a_leaf_is_searched_from_any_place_in_it() {
    let directory = SimulatedDirectory::default();
    let key = |prefix: &[u8], n: u64| [prefix, &(n / 3 * 3_000).to_be_bytes(), &n.to_be_bytes()].concat();
    let events = (0..300).map(|n| if n % 2 == 0 { vec![BASE, b"a"] } else { vec![BASE, b"a", b"b"] });
    let keys =
        (0..).zip(events).flat_map(|(n, prefixes)| prefixes.into_iter().map(move |prefix| key(prefix, n)));
    let keys: std::collections::BTreeSet<_> = keys.collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let entries = keys.iter().map(|key| (key.clone(), Some(Vec::new()))).collect();
    let table = write(&directory, &entries, settings(1 << 20));
    assert_eq!(table.levels(), 1);
    let block = Block::open(table.source(), table.root(), Encoding::Leaf).unwrap();
    let mut cursor = leaf::LeafCursor::new(block);
    for step in [1, 7, 40, 127, 300, keys.len() - 1] {
        for n in 0..keys.len() {
            let sought = &keys[n * step % keys.len()];
            cursor.seek(sought, table.positions()).unwrap();
            assert_eq!(cursor.key(), Some(sought.as_slice()));
        }
    }
}

/// Makes the checksum of the topmost block right again: with blocks that are large enough, of the only one.
fn seal_root(bytes: &mut [u8]) {
    let (footer, _) = footer::Footer::decode(bytes, "table").unwrap();
    let start = usize::try_from(footer.root.offset).unwrap();
    let crc_at = start + footer.root.length as usize - 4;
    let crc = crate::checksum::seeded(footer.nonce, footer.root.offset, &bytes[start..crc_at]);
    bytes[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Makes the checksums of the positions right again, of entries that still say where a group lies in the file.
fn seal_positions(bytes: &mut [u8]) {
    let (footer, _) = footer::Footer::decode(bytes, "table").unwrap();
    let end = bytes.len() - footer::FOOTER_BYTES;
    let start = end - usize::try_from(footer.directory_bytes()).unwrap();
    for entry in (start..end).step_by(positions::DIRECTORY_ENTRY_BYTES) {
        let place = u64::from_le_bytes(bytes[entry + 16..entry + 24].try_into().unwrap());
        let (offset, length) = (place & ((1 << 48) - 1), usize::try_from(place >> 48).unwrap());
        let group = usize::try_from(offset).unwrap();
        if let Some(group) = bytes.get(group..group.saturating_add(length)) {
            let crc = crate::checksum::seeded(footer.nonce, offset, group);
            bytes[entry + 24..entry + 28].copy_from_slice(&crc.to_le_bytes());
        }
        let crc = crate::checksum::seeded(footer.nonce, entry as u64, &bytes[entry..entry + 28]);
        bytes[entry + 28..entry + 32].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn a_filter_lets_few_absent_keys_through_and_no_present_one_is_lost() {
    let directory = SimulatedDirectory::default();
    let entries: Entries =
        (0..20_000u32).map(|n| (format!("k{n:08}").into_bytes(), Some(Vec::new()))).collect();
    write(&directory, &entries, settings(4096));
    let bytes = directory.map(&file_name(7)).unwrap();
    let (footer, _) = footer::Footer::decode(&bytes, "table").unwrap();
    let start = usize::try_from(footer.filter_offset).unwrap();
    let filter = &bytes[start..usize::try_from(footer.filter_end().unwrap()).unwrap()];
    let asks = |key: String| {
        filter::may_contain(filter, "table", footer.nonce, footer.filter_offset, key.as_bytes()).unwrap()
    };
    assert!((0..20_000).all(|n| asks(format!("k{n:08}"))));
    let passed = (20_000..120_000).filter(|n| asks(format!("k{n:08}"))).count();
    assert!(passed < 2_000, "{passed} of 100,000 absent keys passed");
}

#[test]
fn the_filter_hash_is_part_of_the_format() {
    // A change of these values would make filters of existing tables deny keys that are there.
    let hashes: Vec<u64> = [&b""[..], b"a", b"12345678", b"123456789"].map(filter::hash).to_vec();
    assert_eq!(hashes, GOLDEN_HASHES, "{hashes:x?}");
}

/// Computed by another implementation of the description in FORMAT.md.
const GOLDEN_HASHES: [u64; 4] =
    [0x04af_0e9f_ec27_4548, 0x06be_36ac_5519_4b5d, 0xa59e_b4cc_d38e_dacf, 0x0394_b707_f86e_2854];

#[test]
fn keys_outside_the_filtered_set_are_found_without_a_filter() {
    let directory = SimulatedDirectory::default();
    let entries: Entries = vec![(b"a1".to_vec(), Some(vec![1])), (b"b1".to_vec(), Some(vec![2]))];
    let table =
        write(&directory, &entries, TableSettings { filtered: FirstBytes::of(b"b"), ..settings(4096) });
    assert_eq!(table.filter_keys(), 1);
    for (key, value) in &entries {
        assert_eq!(table.find(key).unwrap().unwrap().value(), value.as_deref());
    }
    assert!(table.find(b"a2").unwrap().is_none() && table.find(b"b0").unwrap().is_none());
}

#[test]
fn a_table_cut_at_any_length_is_refused() {
    let directory = SimulatedDirectory::default();
    let entries: Entries = (0..50u8).map(|n| (vec![n], Some(vec![n; 9]))).collect();
    let table = write(&directory, &entries, settings(64));
    let bytes = directory.map(&file_name(7)).unwrap().to_vec();
    for length in 0..bytes.len() {
        directory.overwrite(&file_name(7), bytes[..length].to_vec());
        // Also when the manifest is made to fit the cut file.
        for meta in [table.meta().clone(), TableMeta { bytes: length as u64, ..table.meta().clone() }] {
            let error = Table::open(&directory, meta).unwrap_err();
            assert!(error.is_rebuildable(), "{error}");
        }
    }
}

#[test]
fn a_table_of_a_newer_version_is_refused_as_such_and_only_with_its_checksum() {
    let directory = SimulatedDirectory::default();
    let table = write(&directory, &vec![(b"k".to_vec(), None)], settings(64));
    let mut bytes = directory.map(&file_name(7)).unwrap().to_vec();
    let version = bytes.len() - 20;
    bytes[version] = 3;
    directory.overwrite(&file_name(7), bytes.clone());
    assert!(matches!(Table::open(&directory, table.meta().clone()), Err(OpenError::Damaged(_))));
    let (start, crc) = (bytes.len() - footer::FOOTER_BYTES, bytes.len() - 12);
    let sum = crate::checksum::plain(&bytes[start..crc]).to_le_bytes();
    bytes[crc..crc + 4].copy_from_slice(&sum);
    directory.overwrite(&file_name(7), bytes);
    assert!(matches!(
        Table::open(&directory, table.meta().clone()),
        Err(OpenError::UnsupportedVersion { found: 3, supported: 2, .. })
    ));
}

#[test]
fn names_of_tables_are_recognised_and_others_are_not() {
    assert_eq!(id_in_name("0000000000000042.table"), Some(42));
    assert_eq!(id_in_name(&file_name(u64::MAX)), Some(u64::MAX));
    for name in ["42.table", "+000000000000042.table", "0000000000000042.tmp", "manifest", ""] {
        assert_eq!(id_in_name(name), None, "{name}");
    }
}
