//! Decodes the examples in FORMAT.md, so that the page can't drift from the code.

use std::sync::Arc;

use crate::directory::Directory;
use crate::directory::simulated::SimulatedDirectory;
use crate::manifest::Manifest;
use crate::table::TableMeta;
use crate::{Batch, FirstBytes, Options, Position, Selection, Store};

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

/// The four events of the page's example: time in milliseconds, `Seq`, and their streams.
const EVENTS: [(u64, u64, &[&[u8]]); 4] = [
    (1_000, 0, &[b"\x04r1", b"\x07message"]),
    (1_200, 1, &[b"\x04r2", b"\x07message"]),
    (1_900, 2, &[b"\x04r1", b"\x07message"]),
    (1_500, 3, &[b"\x04r1", b"\x07custom"]),
];

#[test]
fn the_table_on_the_page_is_what_the_code_writes_and_is_read_as_it_says() {
    let directory = SimulatedDirectory::default();
    let options = || Options::new().create(true).filtered(FirstBytes::none()).merge_in_background(false);
    let store = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
    let mut batch = Batch::new();
    batch.put(b"run/1", b"on");
    batch.delete(b"run/2");
    batch.put(b"run/21", b"");
    let position =
        |milliseconds: u64, number: u64| Position { time: (1 << 63) + milliseconds * 1_000_000, number };
    for (milliseconds, number, streams) in EVENTS {
        batch.post(position(milliseconds, number), streams.iter().copied());
    }
    // The event of `Seq` 3 supersedes that of `Seq` 1.
    batch.end(position(1_200, 1), 3);
    store.apply(&batch, b"through 3").unwrap();
    store.close().unwrap();
    let table = directory.read("0000000000000001.table", u64::MAX).unwrap();
    let content = table.len() - 208 - 4;
    assert_eq!(in_hex(&dump("table")), in_hex(&table[..content]));

    let view = Store::open_in(Arc::new(directory), options()).unwrap().view();
    let numbers = |stream: &[u8], as_of| {
        let all_of = vec![vec![stream.to_vec()]];
        let found = view.select(&Selection { all_of, as_of, ..Selection::default() }).unwrap();
        found.map(|position| position.unwrap().number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(b"\x04r1", None), [0, 3, 2]);
    assert_eq!(numbers(b"\x07message", None), [0, 2]);
    assert_eq!(numbers(b"\x07message", Some(3)), [0, 1, 2]);
}
