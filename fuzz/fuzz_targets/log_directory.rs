//! A log whose files somebody changed: verifying, reading, recovering and opening it for writing give an answer or a
//! typed error, never a panic, and never more memory than the files justify. What verifies can be read.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal;
use runledger_wal::{
    Durability, Options, Reader, ReaderOptions, RecoverOptions, SEGMENT_BYTES_MIN, Seq, VerifyOptions, Wal,
};

/// Records of the undamaged log: enough for a few sealed segments, a batch among them.
const RECORDS: u32 = 60;

static VALID: LazyLock<Images> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(directory.path(), options().create(true)).unwrap();
    for record in 0..RECORDS {
        wal.append(&vec![b'p'; (record * 7) as usize], Durability::Durable).unwrap();
    }
    wal.append_batch(&[b"first".as_slice(), b"", b"third"], Durability::Durable).unwrap();
    wal.close().unwrap();
    let images = Images::read(directory.path());
    let mut sealed_again = images.clone();
    reseal::log::reseal(&mut sealed_again);
    assert_eq!(
        sealed_again, images,
        "sealing what is undamaged changes nothing: is the layout still this one?"
    );
    images
});

/// Small segments, so that a small log has several.
fn options() -> Options {
    Options::new().segment_bytes(SEGMENT_BYTES_MIN)
}

fuzz_target!(|damage: Damage| {
    let mut images = VALID.clone();
    damage.apply(&mut images);
    if damage.reseal {
        reseal::log::reseal(&mut images);
    }
    let directory = images.write();
    examine(directory.path());
    if runledger_wal::recover(directory.path(), &RecoverOptions::default()).is_ok() {
        examine(directory.path());
    }
    if let Ok((wal, _)) = Wal::open(directory.path(), options()) {
        let appended = wal.append(b"one more", Durability::Durable);
        if wal.close().is_ok() && appended.is_ok() {
            examine(directory.path());
        }
    }
});

/// Verifies, reads in order, and reads each record by itself.
fn examine(directory: &Path) {
    let report = runledger_wal::verify(directory, &VerifyOptions::default());
    let whole = report.ok().filter(|report| report.damaged.is_empty());
    let reader = match Reader::open(directory, ReaderOptions::default()) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(whole.is_none(), "the log verifies and can't be opened: {error}");
            return;
        }
    };
    let mut records = 0;
    for record in reader.scan(Seq::new(0)) {
        match record {
            Ok(record) => {
                records += 1;
                assert!(
                    matches!(reader.read(record.seq()), Ok(Some(same)) if same.payload() == record.payload())
                );
            }
            Err(error) => {
                assert!(whole.is_none(), "the log verifies and can't be read: {error}");
                return;
            }
        }
    }
    if let Some(report) = whole {
        assert_eq!(records, report.records, "records that verify and records that are read");
    }
}
