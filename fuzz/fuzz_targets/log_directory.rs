//! A log whose files somebody changed: verifying, reading, recovering and opening it for writing give an answer or a
//! typed error, never a panic, and never more memory than the files justify. What verifies can be read, what is refused
//! is left as it was, and no record that could be read is another one, or gone, after somebody went on with the log.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal;
use runledger_fuzz::valid_log::{COMPRESSED, VALID, options};
use runledger_wal::{Durability, ReadError, Reader, ReaderOptions, RecoverOptions, Seq, VerifyOptions, Wal};

/// The payloads that can be read, by number.
type Readable = BTreeMap<u64, Vec<u8>>;

fuzz_target!(|input: (bool, Damage)| {
    let (compressed, damage) = input;
    let mut images = if compressed { COMPRESSED.clone() } else { VALID.clone() };
    damage.apply(&mut images);
    if damage.reseal {
        reseal::log::reseal(&mut images);
    }
    let directory = images.write();
    let readable = examine(directory.path());

    if recover(directory.path()) {
        kept(&readable, &examine(directory.path()), "recovering");
        let once = Images::read(directory.path());
        assert!(recover(directory.path()), "a log that was recovered can be recovered");
        assert_eq!(
            segments(once),
            segments(Images::read(directory.path())),
            "recovering twice changes nothing more"
        );
    }

    let directory = images.write();
    match Wal::open(directory.path(), options()) {
        Ok((wal, report)) => {
            let appended = wal.append(b"one more", Durability::Durable);
            while wal.tend() {}
            if wal.close().is_ok()
                && let Ok(receipt) = appended
            {
                assert_eq!(receipt.seq, report.next_seq);
                let after = examine(directory.path());
                assert_eq!(after.get(&receipt.seq.get()).map(Vec::as_slice), Some(b"one more".as_slice()));
                kept(&readable, &after, "opening");
            }
        }
        Err(_) => {
            assert_eq!(segments(images), segments(Images::read(directory.path())), "refused, and changed");
        }
    }
});

fn recover(directory: &Path) -> bool {
    runledger_wal::recover(directory, &RecoverOptions::default()).is_ok()
}

/// All files but those that say who was there and when.
fn segments(mut images: Images) -> Images {
    images.0.retain(|name, _| name != "lock" && name != "watermark");
    images
}

fn kept(before: &Readable, after: &Readable, what: &str) {
    for (seq, payload) in before {
        assert_eq!(after.get(seq), Some(payload), "record {seq} is another one or gone after {what}");
    }
}

/// Verifies, reads in order, and reads each record by itself.
fn examine(directory: &Path) -> Readable {
    let report = runledger_wal::verify(directory, &VerifyOptions::default());
    let whole = report.ok().filter(|report| report.damaged.is_empty());
    let mut readable = Readable::new();
    let reader = match Reader::open(directory, ReaderOptions::default()) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(whole.is_none(), "the log verifies and can't be opened: {error}");
            return readable;
        }
    };
    for record in reader.scan(Seq::new(0)) {
        match record {
            Ok(record) => {
                assert!(
                    matches!(reader.read(record.seq()), Ok(Some(same)) if same.payload() == record.payload())
                );
                assert!(readable.insert(record.seq().get(), record.payload().to_vec()).is_none());
            }
            Err(error) => {
                assert!(whole.is_none(), "the log verifies and can't be read: {error}");
                if !matches!(error, ReadError::Damaged(_)) {
                    break;
                }
            }
        }
    }
    if let Some(report) = whole {
        assert_eq!(readable.len() as u64, report.records, "records that verify and records that are read");
    }
    readable
}
