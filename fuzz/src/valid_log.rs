//! A small log that nobody damaged: what targets start from.

use std::sync::LazyLock;

use runledger_wal::{Background, Durability, Options, SEGMENT_BYTES_MIN, Wal};

use crate::images::Images;
use crate::reseal;

/// Records of the log: enough for a few sealed segments, a batch among them.
const RECORDS: u32 = 60;

/// The name of its first segment, which is sealed.
pub const FIRST_SEGMENT: &str = "00000000000000000000.wal";

/// The files of the log.
pub static VALID: LazyLock<Images> = LazyLock::new(|| make(false));

/// The same with its sealed segments compressed.
pub static COMPRESSED: LazyLock<Images> = LazyLock::new(|| make(true));

fn make(compressed: bool) -> Images {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(directory.path(), options().create(true)).unwrap();
    for record in 0..RECORDS {
        wal.append(&vec![b'p'; (record * 7) as usize], Durability::Durable).unwrap();
    }
    wal.append_batch(&[b"first".as_slice(), b"", b"third"], Durability::Durable).unwrap();
    while wal.tend() {}
    if compressed {
        assert!(wal.compress(|_| ()).unwrap().segments > 0);
    }
    wal.close().unwrap();
    let images = Images::read(directory.path());
    let mut sealed_again = images.clone();
    reseal::log::reseal(&mut sealed_again);
    assert_eq!(
        sealed_again, images,
        "sealing what is undamaged changes nothing: is the layout still this one?"
    );
    images
}

/// Small segments, so that a small log has several, and no threads, so that an input always does the same.
pub fn options() -> Options {
    Options::new().segment_bytes(SEGMENT_BYTES_MIN).background(Background::Caller)
}
