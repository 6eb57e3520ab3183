//! Tables against a sorted list, and against damage.

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::block::{Block, BlockBuilder, BlockCursor, BlockLookup, Encoding, Handle};
use super::pages::{PageChecksums, TableFile};
use super::*;
use crate::directory::simulated::SimulatedDirectory;
use crate::directory::{Directory, Map};
use crate::error::OpenError;
use crate::streams::StreamSink;

type Entries = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn entries() -> impl Strategy<Value = Entries> {
    let key = vec(prop_oneof![Just(0u8), Just(b'a'), Just(0xff)], 0..12);
    let value = proptest::option::weighted(0.8, vec(any::<u8>(), 0..40));
    btree_map(key, value, 1..200).prop_map(|map| map.into_iter().collect())
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
    writer.finish_entries().unwrap();
    writer.begin_streams().unwrap();
    Arc::new(Table::open(directory, writer.finish(None).unwrap().unwrap()).unwrap())
}

fn settings(block_bytes: usize) -> TableSettings {
    TableSettings { block_bytes, filtered: FirstBytes::all() }
}

fn here(cursor: &TreeCursor) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    cursor.key().map(|key| (key.to_vec(), cursor.value().map(<[u8]>::to_vec)))
}

proptest! {
    #[test]
    fn a_table_shows_what_was_written_in_both_directions_and_from_any_place(
        entries in entries(), block_bytes in 1usize..300, targets in vec(target(), 1..8)
    ) {
        let directory = SimulatedDirectory::default();
        let table = write(&directory, &entries, settings(block_bytes));
        let mut cursor = table.entries();
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
            let found = table.get(Sought::new(key)).unwrap().expect("a key that was written is found");
            prop_assert_eq!(found.value(), value.as_deref());
        }
        // With the same cursor, so that each search starts where the last one ended.
        for (at, how) in targets {
            let target = target_among(&entries, at, how);
            let at = entries.partition_point(|(key, _)| *key < target);
            cursor.seek(&target).unwrap();
            prop_assert_eq!(here(&cursor), entries.get(at).cloned());
            let is_here = entries.get(at).is_some_and(|(key, _)| *key == target);
            prop_assert_eq!(table.get(Sought::new(&target)).unwrap().is_some(), is_here);
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
        entries in entries(), block_bytes in prop_oneof![Just(200usize), Just(1 << 20)], at: prop::sample::Index, values in vec(any::<u8>(), 1..9), target: Vec<u8>
    ) {
        let directory = SimulatedDirectory::default();
        let table = write(&directory, &entries, settings(block_bytes));
        let mut bytes = directory.map(&file_name(7)).unwrap().to_vec();
        let content = content_bytes(&bytes);
        let at = at.index(content);
        for (to, from) in bytes[at..content].iter_mut().zip(&values) {
            *to = *from;
        }
        seal_pages(&mut bytes);
        directory.overwrite(&file_name(7), bytes);
        let table = Arc::new(Table::open(&directory, table.meta().clone()).unwrap());
        let mut cursor = table.entries();
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
    }

    #[test]
    fn hostile_bytes_behind_a_right_checksum_never_panic(
        entries in entries(), at: prop::sample::Index, values in vec(any::<u8>(), 1..9), target: Vec<u8>
    ) {
        let mut builder = BlockBuilder::default();
        for (key, value) in &entries {
            builder.add(key, value.as_deref());
        }
        let mut bytes = Vec::new();
        builder.finish(Encoding::Leaf, &mut bytes);
        let end = bytes.len();
        let at = at.index(end);
        for (to, from) in bytes[at..end].iter_mut().zip(&values) {
            *to = *from;
        }
        let mut checksums = PageChecksums::default();
        checksums.update(5, &bytes);
        bytes.extend(checksums.finish());

        let length = u32::try_from(end).unwrap();
        let file = Arc::new(TableFile::new(Map::of_bytes(bytes), "hostile".into(), 5, end));
        let handle = Handle { offset: 0, length };
        let Ok(block) = Block::open(&file, handle, Encoding::Leaf) else { return Ok(()) };
        let _ = BlockLookup::open(&file, handle, Encoding::Leaf).unwrap().first_from(&target);
        let mut cursor = BlockCursor::new(block);
        let _ = cursor.seek(&target);
        let _ = cursor.prev();
        let _ = cursor.last();
        let _ = cursor.first();
        while cursor.key().is_some() && cursor.next().is_ok() {
            let _ = cursor.value();
        }
    }
}

fn content_bytes(bytes: &[u8]) -> usize {
    let (footer, _) = footer::Footer::decode(bytes, "table").unwrap();
    usize::try_from(footer.content_bytes).unwrap()
}

/// Makes the checksums of all pages right again.
pub(crate) fn seal_pages(bytes: &mut [u8]) {
    let (footer, _) = footer::Footer::decode(bytes, "table").unwrap();
    let content = content_bytes(bytes);
    let mut checksums = PageChecksums::default();
    checksums.update(footer.nonce, &bytes[..content]);
    let crcs = checksums.finish();
    bytes[content..content + crcs.len()].copy_from_slice(&crcs);
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
    let asks = |key: String| {
        let sought = Sought::new(key.as_bytes());
        let line = sought.line_start(footer.filter_lines).unwrap();
        sought.may_be_in(&bytes[start + usize::try_from(line).unwrap()..][..filter::LINE_BYTES])
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
        assert_eq!(table.get(Sought::new(key)).unwrap().unwrap().value(), value.as_deref());
    }
    for absent in [b"a2", b"b0"] {
        assert_eq!(table.get(Sought::new(absent)).unwrap(), None);
    }
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
    bytes[version] = 4;
    directory.overwrite(&file_name(7), bytes.clone());
    assert!(matches!(Table::open(&directory, table.meta().clone()), Err(OpenError::Damaged(_))));
    let (start, crc) = (bytes.len() - footer::FOOTER_BYTES, bytes.len() - 12);
    let sum = crate::checksum::plain(&bytes[start..crc]).to_le_bytes();
    bytes[crc..crc + 4].copy_from_slice(&sum);
    directory.overwrite(&file_name(7), bytes);
    assert!(matches!(
        Table::open(&directory, table.meta().clone()),
        Err(OpenError::UnsupportedVersion { found: 4, supported: 3, .. })
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
