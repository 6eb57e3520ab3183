//! An index whose files somebody changed: opening, reading both ways and merging give an answer or a typed error,
//! never a panic, and never more memory than the files justify.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal::index::IndexSeals;
use runledger_store::{Batch, KeyRange, Options, Position, Selection, Store};

static VALID: LazyLock<(Images, IndexSeals)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), options().create(true)).unwrap();
    for table in 0..3_u32 {
        let mut batch = Batch::new();
        for entry in 0..60_u32 {
            let key = format!("run/{:04}/{:04}", entry % 7, entry * 3 + table);
            batch.put(key.as_bytes(), &[b'v'; 24][..(entry % 24) as usize]);
        }
        for event in 0..200_u64 {
            let position = Position { time: event * 1_000, number: u64::from(table) * 1_000 + event };
            batch.post(position, STREAMS.iter().copied().cycle().skip(event as usize % 3).take(3));
        }
        if table > 0 {
            let number = u64::from(table) * 1_000 + 200;
            batch.end(Position { time: 7_000, number: number - 1_193 }, number);
            batch.end(Position { time: 9_000, number: number - 191 }, number);
        }
        batch.delete(format!("run/0001/{:04}", 3 + table).as_bytes());
        store.apply(&batch, b"checkpoint").unwrap();
        store.flush().unwrap();
    }
    store.close().unwrap();
    let images = Images::read(directory.path());
    let seals = IndexSeals::learn(&images);
    let mut sealed_again = images.clone();
    seals.reseal(&mut sealed_again);
    assert_eq!(
        sealed_again, images,
        "sealing what is undamaged changes nothing: is the layout still this one?"
    );
    (images, seals)
});

const STREAMS: [&[u8]; 5] = [b"agent/a", b"agent/b", b"kind/message", b"tool/read", b"tool/write"];

/// Small blocks, so that a small index has branches; merging only when asked to, so that a run repeats.
fn options() -> Options {
    Options::new().block_bytes(256).merge_in_background(false)
}

fuzz_target!(|damage: Damage| {
    let (valid, seals) = &*VALID;
    let mut images = valid.clone();
    damage.apply(&mut images);
    if damage.reseal {
        seals.reseal(&mut images);
    }
    let directory = images.write();
    if let Ok(store) = Store::open_read_only(directory.path(), options()) {
        read_everything(&store);
    }
    if let Ok(store) = Store::open(directory.path(), options()) {
        read_everything(&store);
        if store.compact().is_ok() {
            read_everything(&store);
        }
    }
});

/// Forwards, backwards, by single keys, and streams alone and joined.
fn read_everything(store: &Store) {
    let view = store.view();
    for (key, _) in view.range(KeyRange::all()).flatten() {
        let _ = view.get(&key);
    }
    view.range(KeyRange::all()).rev().for_each(drop);
    if let Ok(mut names) = view.streams(b"") {
        while let Ok(Some(_)) = names.next_name() {}
    }
    let alone = STREAMS.map(|name| vec![vec![name.to_vec()]]);
    let joined = vec![vec![STREAMS[0].to_vec(), STREAMS[1].to_vec()], vec![STREAMS[3].to_vec()]];
    for all_of in alone.into_iter().chain([joined, Vec::new()]) {
        for (as_of, descending) in [(None, false), (None, true), (Some(1_100), false)] {
            let selection = Selection { all_of: all_of.clone(), as_of, descending, ..Selection::default() };
            let _ = view.count(&selection);
            if let Ok(matches) = view.select(&selection) {
                matches.for_each(drop);
            }
        }
    }
}
