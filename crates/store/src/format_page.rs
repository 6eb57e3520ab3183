//! Decodes the examples in FORMAT.md, so that the page can't drift from the code.

use std::sync::Arc;

use crate::directory::Map;
use crate::manifest::Manifest;
use crate::table::{TableMeta, block, leaf, position_group, positions, postings};

const PAGE: &str = include_str!("../../../FORMAT.md");

/// The bytes in the fenced dump with this info string: lines of an offset and hexadecimal bytes.
fn dump(info: &str) -> Vec<u8> {
    let (_, rest) = PAGE.split_once(&format!("```{info}\n")).expect("the page has this dump");
    let (dump, _) = rest.split_once("```").expect("the dump ends");
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let (offset, hex) = line.split_once("  ").expect("an offset and bytes");
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len());
        bytes.extend(hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

fn in_hex(bytes: &[u8]) -> String {
    let line = |(number, bytes): (usize, &[u8])| {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:04x}  {}\n", number * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

#[test]
fn the_manifest_on_the_page_is_what_the_code_writes() {
    let manifest = Manifest {
        update_number: 3,
        next_table_id: 2,
        checkpoint: Some(b"through 2".to_vec()),
        tables: vec![TableMeta {
            id: 1,
            bytes: 253,
            entries: 3,
            footer_crc: 0x1234_5678,
            smallest_key: b"run/1".to_vec(),
            largest_key: b"run/21".to_vec(),
        }],
    };
    assert_eq!(in_hex(&dump("manifest")), in_hex(&manifest.encode()));
    assert_eq!(Manifest::decode(&dump("manifest")).unwrap(), manifest);
}

#[test]
fn the_block_on_the_page_is_what_the_code_writes() {
    let entries: [(&[u8], Option<&[u8]>); 3] =
        [(b"run/1", Some(b"on")), (b"run/2", None), (b"run/21", Some(b""))];
    let mut builder = block::BlockBuilder::default();
    for (key, value) in entries {
        builder.add(key, block::Content::of(value));
    }
    let mut bytes = Vec::new();
    builder.finish(block::Encoding::Leaf, 5, 0, &mut bytes);
    assert_eq!(in_hex(&dump("block")), in_hex(&bytes));

    let length = u32::try_from(bytes.len()).unwrap();
    let (name, blocks_end) = ("page".to_owned(), u64::from(length));
    let source = block::BlockSource { map: Map::of_bytes(bytes), name, nonce: 5, blocks_end };
    let handle = block::Handle { offset: 0, length };
    let mut cursor = block::BlockCursor::new(
        block::Block::open(&Arc::new(source), handle, block::Encoding::Leaf).unwrap(),
    );
    cursor.first().unwrap();
    for (key, value) in entries {
        assert_eq!((cursor.key(), cursor.value()), (Some(key), value));
        cursor.next().unwrap();
    }
    assert_eq!(cursor.key(), None);
}

/// The four events of the page's example: time in milliseconds, and `Seq`.
const EVENTS: [(u64, u64); 4] = [(1_000, 0), (1_200, 1), (1_500, 3), (1_900, 2)];

/// What the keys of a stream start with, and its events.
type Stream = (&'static [u8], &'static [(u64, u64)]);

fn position((milliseconds, number): (u64, u64)) -> position_group::Position {
    position_group::Position { time: (1 << 63) + milliseconds * 1_000_000, number }
}

#[test]
fn the_leaf_and_the_positions_on_the_page_are_what_the_code_writes_and_give_the_keys() {
    let mut collected = positions::PositionsBuilder::new(1 << 20);
    for event in EVENTS {
        collected.push(position(event)).unwrap();
    }
    let lists: [Stream; 5] = [
        (b"\x10", &EVENTS),
        (b"\x11\x04r1\0\0", &[EVENTS[0], EVENTS[2], EVENTS[3]]),
        (b"\x11\x04r2\0\0", &[EVENTS[1]]),
        (b"\x11\x07custom\0\0", &[EVENTS[2]]),
        (b"\x11\x07message\0\0", &[EVENTS[0], EVENTS[1], EVENTS[3]]),
    ];
    let mut builder = block::BlockBuilder::default();
    let mut list = postings::PostingsBuilder::default();
    for (prefix, events) in lists {
        for event in events {
            assert!(list.push(collected.ordinal(position(*event)).unwrap()));
        }
        let mut bytes = Vec::new();
        list.finish(&mut bytes);
        builder.add(prefix, block::Content::Postings(&bytes));
    }
    let mut bytes = Vec::new();
    builder.finish(block::Encoding::Leaf, 5, 0, &mut bytes);
    let groups_start = bytes.len() as u64;
    collected
        .finish(5, groups_start, |piece| {
            bytes.extend_from_slice(piece);
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap();
    assert_eq!(in_hex(&dump("lists")), in_hex(&bytes));

    let directory = bytes.len() as u64 - positions::DIRECTORY_ENTRY_BYTES as u64;
    let (map, name) = (Map::of_bytes(bytes), "page".to_owned());
    let source = Arc::new(block::BlockSource { map, name, nonce: 5, blocks_end: groups_start });
    let positions = positions::Positions::new(&source, 4, groups_start, directory);
    let handle = block::Handle { offset: 0, length: u32::try_from(groups_start).unwrap() };
    let mut cursor =
        leaf::LeafCursor::new(block::Block::open(&source, handle, block::Encoding::Leaf).unwrap());
    cursor.first(&positions).unwrap();
    for (prefix, events) in lists {
        for event in events {
            let key = [prefix, &position(*event).to_bytes()].concat();
            assert_eq!((cursor.key(), cursor.value()), (Some(key.as_slice()), Some(&[][..])));
            cursor.next(&positions).unwrap();
        }
    }
    assert_eq!(cursor.key(), None);
}
