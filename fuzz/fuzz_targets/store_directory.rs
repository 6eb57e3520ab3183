//! An index whose files somebody changed: opening, reading both ways and merging give an answer or a typed error,
//! never a panic, and never more memory than the files justify.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal::index::IndexSeals;
use runledger_store::{Batch, KeyRange, Options, PositionTags, Store};

static VALID: LazyLock<(Images, IndexSeals)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), options().create(true)).unwrap();
    for table in 0..3_u32 {
        let mut batch = Batch::new();
        for entry in 0..60_u32 {
            let key = format!("run/{:04}/{:04}", entry % 7, entry * 3 + table);
            batch.put(key.as_bytes(), &[b'v'; 24][..(entry % 24) as usize]);
        }
        for event in 0..50_u64 {
            let position =
                [(event * 1_000).to_be_bytes(), (event * 3 + u64::from(table)).to_be_bytes()].concat();
            batch.put(&[b"e", &position[..]].concat(), b"");
            let stream = format!("stream/{}/", event % 5);
            batch.put(&[stream.as_bytes(), &position].concat(), b"");
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

/// Small blocks, so that a small index has branches, and streams as posting lists; merging only when asked to, so that a run repeats.
fn options() -> Options {
    let tags = PositionTags::new(b'e', b"s");
    Options::new().block_bytes(256).position_tags(tags).merge_in_background(false)
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

/// Forwards, backwards, and by single keys.
fn read_everything(store: &Store) {
    let view = store.view();
    for (key, _) in view.range(KeyRange::all()).flatten() {
        let _ = view.get(&key);
    }
    view.range(KeyRange::all()).rev().for_each(drop);
}
