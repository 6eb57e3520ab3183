//! What must be true of a log whatever was done to its files.
//!
//! Nobody panics. A reader gives every record as it was appended, or an error that names it. Opening for writing and
//! recovering either go on with everything that isn't damaged, and change none of it, or refuse and change nothing.
//! A log that had records is never an empty one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use runledger_wal::{
    Durability, OpenError, ReadError, Reader, ReaderOptions, RecoverOptions, Seq, VerifyError, VerifyOptions,
    VerifyReport, Wal,
};

use crate::small_log::{DIRECTORY, options};
use crate::sparse_storage::SparseStorage;

/// Judges a damaged log; returns what verification says of it.
pub(crate) fn judge(
    storage: &SparseStorage,
    payloads: &[Vec<u8>],
    ways: &[Way],
    what: &str,
) -> Result<VerifyReport, VerifyError> {
    let report = verify(storage);
    let readable = read(storage, payloads, what);
    if let Ok(report) = &report {
        let damaged =
            |seq: u64| report.damaged.iter().any(|damage| covers(damage.seq_from, damage.seq_to, seq));
        assert!(readable.is_some() || !report.is_sound(), "{what}: sound and not readable: {report:?}");
        for (seq, is_readable) in readable.iter().flatten().enumerate() {
            let said = *is_readable || damaged(seq as u64);
            assert!(said, "{what}: record {seq} is lost and not reported: {report:?}");
        }
        let known = report.records + report.recoverable_records;
        assert!(
            !report.is_sound() || known == payloads.len() as u64,
            "{what}: records are missing: {report:?}"
        );
    }
    for &way in ways {
        let changed = storage.copy();
        let went_on = way.go(&changed, payloads, what);
        let (before, after) = (storage.files(), changed.files());
        if !went_on {
            assert!(same_but_lock(&before, &after), "{what}: {way:?} was refused and changed files");
        }
        check_kept(&before, &after, what, way);
        let readable_after = read(&changed, payloads, what);
        let lost = readable.iter().flatten().zip(readable_after.iter().flatten());
        assert!(readable_after.is_some() || readable.is_none(), "{what}: {way:?} left nothing to be read");
        for (seq, (before, after)) in lost.enumerate() {
            assert!(*after || !*before, "{what}: record {seq} was lost by {way:?}");
        }
    }
    report
}

fn covers(from: Seq, to: Seq, seq: u64) -> bool {
    (from..to).contains(&Seq::new(seq))
}

fn verify(storage: &SparseStorage) -> Result<VerifyReport, VerifyError> {
    let options = VerifyOptions::new().storage(Arc::new(storage.clone()));
    runledger_wal::verify(Path::new(DIRECTORY), &options)
}

/// Reads everything. Which records can be read, of those that were appended; what lies behind the watermark counts as
/// readable, for it can only be read once it is recovered.
fn read(storage: &SparseStorage, payloads: &[Vec<u8>], what: &str) -> Option<Vec<bool>> {
    let options = ReaderOptions::new().storage(Arc::new(storage.clone()));
    let reader = Reader::open(Path::new(DIRECTORY), options).ok()?;
    let mut scan = reader.scan(Seq::ZERO);
    let mut readable = vec![true; payloads.len()];
    let end = reader.durable_end().unwrap();
    assert!(end.get() <= payloads.len() as u64 + 1, "{what}: {end} records");
    loop {
        let expected = scan.position();
        let Some(found) = scan.next() else { break };
        match found {
            Ok(record) => {
                let at = usize::try_from(record.seq().get()).unwrap();
                assert_eq!(record.seq(), expected, "{what}");
                let appended = payloads.get(at).map_or(ONE_MORE, Vec::as_slice);
                assert!(record.payload() == appended, "{what}: record {at} is another one");
            }
            Err(ReadError::Damaged(damage)) => {
                assert!(
                    covers(damage.seq_from, damage.seq_to, expected.get()),
                    "{what}: {expected} {damage:?}"
                );
                let (from, to) = (expected.get(), damage.seq_to.get().min(payloads.len() as u64));
                (from..to).for_each(|seq| readable[usize::try_from(seq).unwrap()] = false);
            }
            Err(error) => panic!("{what}: {error}: {:?}", std::error::Error::source(&error)),
        }
    }
    let mut replay = reader.replay(Seq::ZERO);
    let mut replayed = payloads.len();
    while let Some(found) = replay.next_record() {
        let Ok(record) = found else { continue };
        let at = usize::try_from(record.seq().get()).unwrap();
        let appended = payloads.get(at).map_or(ONE_MORE, Vec::as_slice);
        assert!(record.payload() == appended, "{what}: replayed record {at} is another one");
        assert!(readable.get(at).is_none_or(|readable| *readable), "{what}: record {at} is only replayed");
        replayed -= usize::from(at < payloads.len());
    }
    let unread = readable.iter().filter(|readable| !**readable).count();
    let behind = payloads.len().saturating_sub(usize::try_from(end.get()).unwrap());
    assert_eq!(replayed, unread + behind, "{what}: not all that can be read was replayed");
    Some(readable)
}

/// What is appended to a log that could be opened.
const ONE_MORE: &[u8] = b"one more";

/// How somebody may go on with a damaged log.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Open,
    Recover,
}

impl Way {
    pub(crate) const ALL: [Way; 2] = [Way::Open, Way::Recover];

    /// Goes on with the log. Whether that was possible.
    fn go(self, storage: &SparseStorage, payloads: &[Vec<u8>], what: &str) -> bool {
        let directory = Path::new(DIRECTORY);
        match self {
            Way::Open => match Wal::open(directory, options(storage)) {
                Ok((wal, report)) => {
                    assert_eq!(report.next_seq.get(), payloads.len() as u64, "{what}: {report:?}");
                    while wal.tend() {}
                    wal.append(ONE_MORE, Durability::Durable).unwrap();
                    while wal.tend() {}
                    wal.close().unwrap();
                    true
                }
                Err(OpenError::Storage(error)) => panic!("{what}: {error}"),
                Err(_) => false,
            },
            Way::Recover => {
                let options = RecoverOptions::new().storage(Arc::new(storage.clone()));
                match runledger_wal::recover(directory, &options) {
                    Ok(report) => {
                        let again = runledger_wal::recover(directory, &options).unwrap();
                        assert_eq!(again.repaired, [], "{what}: repaired twice, after {report:?}");
                        assert_eq!(again.damaged, report.damaged, "{what}");
                        let known = report.records;
                        let damaged = !report.damaged.is_empty();
                        assert!(damaged || known == payloads.len() as u64, "{what}: {report:?}");
                        true
                    }
                    Err(_) => false,
                }
            }
        }
    }
}

type Files = BTreeMap<String, Vec<u8>>;

fn same_but_lock(before: &Files, after: &Files) -> bool {
    let segments = |files: &Files| {
        files
            .iter()
            .filter(|(name, _)| *name != "lock")
            .map(|(n, b)| (n.clone(), b.clone()))
            .collect::<Vec<_>>()
    };
    segments(before) == segments(after)
}

/// The written part of every segment is the same, or what changed of it is kept aside.
fn check_kept(before: &Files, after: &Files, what: &str, way: Way) {
    for (name, bytes) in before.iter().filter(|(name, _)| is_segment(name)) {
        let is_torn = |torn: &str| torn.starts_with(name.as_str()) && torn.strip_suffix(".torn").is_some();
        let torn: Vec<_> = after.iter().filter(|(torn, _)| is_torn(torn)).map(|(_, kept)| kept).collect();
        let Some(now) = after.get(name) else {
            let kept = torn.contains(&bytes);
            assert!(kept, "{what}: {way:?} lost {name}");
            continue;
        };
        let differs = bytes.iter().zip(now).position(|(before, now)| before != now);
        let Some(at) = differs.or((now.len() < bytes.len()).then_some(now.len())) else { continue };
        // Behind the first difference there was nothing, or a footer, or bytes that are kept now.
        let rest = &bytes[at..];
        let footer = bytes.windows(8).rposition(|mark| mark == b"RLFOOTER").is_some_and(|start| start <= at)
            || bytes.ends_with(b"RLSEALED");
        // A byte that is still there isn't lost either: it can be one of the footer's that was written around it.
        let nothing = rest.iter().zip(at..).all(|(byte, at)| *byte == 0 || now.get(at) == Some(byte));
        let kept = torn.iter().any(|kept| {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            bytes[..end].ends_with(kept.as_slice()) && end - kept.len() <= at
        });
        assert!(footer || nothing || kept, "{what}: {way:?} changed {name} at byte {at}");
    }
}

fn is_segment(name: &str) -> bool {
    name.len() == 24
}
