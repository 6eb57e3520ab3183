//! Numbers at their extremes behind right checksums, and bytes that mean nothing: an answer or a typed error, in few
//! steps, and what is refused stays as it was.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{
    Durability, Reader, ReaderOptions, RecoverOptions, Seq, VerifyOptions, Wal, recover, verify,
};

use crate::forge::{seal_footer, seal_frame, seal_header, seal_slot, set};
use crate::small_log::{DIRECTORY, Ending, SmallLog, options};
use crate::sparse_storage::SparseStorage;

const EXTREMES: [u64; 16] = [
    0,
    1,
    7,
    8,
    4096,
    65_536,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 62,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 65_535,
    u64::MAX - 63,
    u64::MAX - 7,
    u64::MAX,
];

/// A damaged log of a few dozen records never makes a scan take more steps than this.
const STEPS_MAX: usize = 10_000;

/// Does everything that can be done with a log.
fn try_all(storage: &SparseStorage, what: &str) {
    let directory = Path::new(DIRECTORY);
    let read = |storage: &SparseStorage| {
        let reader = Reader::open(directory, ReaderOptions::new().storage(Arc::new(storage.clone())))?;
        assert!(reader.scan(Seq::ZERO).take(STEPS_MAX).count() < STEPS_MAX, "{what}: a scan without end");
        for seq in [0, 5, 1 << 40, (1 << 62) - 1, u64::MAX] {
            let _ = reader.read(Seq::new(seq));
        }
        Ok::<_, runledger_wal::OpenError>(())
    };
    let verified = VerifyOptions::new().storage(Arc::new(storage.clone()));
    if let Ok(report) = verify(directory, &verified)
        && report.is_sound()
    {
        read(storage).unwrap_or_else(|error| panic!("{what}: verifies and can't be read: {error}"));
    }
    let before = storage.files();
    let copy = storage.copy();
    match Wal::open(directory, options(&copy)) {
        Ok((wal, _)) => {
            while wal.tend() {}
            let _ = wal.append(b"one more", Durability::Durable);
            while wal.tend() {}
            let _ = wal.close();
            read(&copy).unwrap_or_else(|error| panic!("{what}: was opened and can't be read: {error}"));
        }
        Err(_) => assert!(before == copy.files(), "{what}: refused, and changed"),
    }
    let copy = storage.copy();
    let recovered = RecoverOptions::new().storage(Arc::new(copy.clone()));
    if recover(directory, &recovered).is_ok() {
        let once = copy.files();
        assert_eq!(recover(directory, &recovered).unwrap().repaired, [], "{what}: repaired twice");
        let segments = |name: &&String| name.len() == 24;
        let names = |files: &std::collections::BTreeMap<String, _>| files.keys().filter(segments).count();
        assert_eq!(names(&once), names(&copy.files()), "{what}");
    }
    let _ = read(&copy);
}

/// Puts each extreme into a field of a file and makes the checksums right again.
fn try_field(log: &SmallLog, name: &str, (field, at, bytes): (&str, usize, usize), seal: impl Fn(&mut [u8])) {
    let original = log.storage.files()[name].clone();
    for value in EXTREMES {
        let mut changed = original.clone();
        set(&mut changed, at, &value.to_le_bytes()[..bytes]);
        seal(&mut changed);
        log.storage.put(name, &changed);
        try_all(&log.storage, &format!("{name}, {field} = {value:#x}"));
    }
    log.storage.put(name, &original);
}

fn segments(log: &SmallLog) -> Vec<String> {
    log.storage.files().into_keys().filter(|name| name.len() == 24).collect()
}

#[test]
fn no_number_in_a_header_leads_astray() {
    for ending in [Ending::Killed, Ending::Closed] {
        let log = SmallLog::make(ending, 8);
        for name in segments(&log) {
            for field in [
                ("first seq", 32, 8),
                ("generation", 56, 8),
                ("created", 64, 8),
                ("leaf function", 80, 4),
                ("alignment", 84, 4),
                ("capacity", 88, 8),
            ] {
                try_field(&log, &name, field, seal_header);
            }
        }
    }
}

#[test]
fn no_number_in_a_frame_leads_astray() {
    for ending in [Ending::Killed, Ending::Closed] {
        let log = SmallLog::make(ending, 8);
        for name in segments(&log) {
            let bytes = &log.storage.files()[&name];
            let frames: Vec<_> =
                (4096..bytes.len()).step_by(8).filter(|at| bytes[*at..].starts_with(b"RLCF")).collect();
            for at in [frames[0], frames[1], *frames.last().unwrap()] {
                for (field, offset, bytes) in [
                    ("first seq", 8, 8),
                    ("durable before", 16, 8),
                    ("time", 24, 8),
                    ("records", 32, 4),
                    ("length", 40, 8),
                ] {
                    try_field(&log, &name, (field, at + offset, bytes), |segment| seal_frame(segment, at));
                }
            }
        }
    }
}

#[test]
fn no_number_in_a_footer_leads_astray() {
    let log = SmallLog::make(Ending::Closed, 8);
    let name = segments(&log).remove(0);
    let bytes = log.storage.files()[&name].clone();
    let trailer = bytes.len() - 64;
    let footer = bytes.windows(8).rposition(|mark| mark == b"RLFOOTER").unwrap();
    for (field, at) in [
        ("footer offset", trailer),
        ("records", trailer + 8),
        ("commits", trailer + 16),
        ("nodes", trailer + 24),
        ("last time", trailer + 32),
        ("first record's offset", footer + 16),
        ("second record's offset", footer + 24),
    ] {
        try_field(&log, &name, (field, at, 8), seal_footer);
    }
}

#[test]
fn no_number_in_a_watermark_leads_astray() {
    for ending in [Ending::Killed, Ending::Closed] {
        let log = SmallLog::make(ending, 8);
        for at in [0, 4096] {
            for (field, offset) in
                [("update", 32), ("segment", 40), ("offset", 48), ("seq", 56), ("time", 64)]
            {
                try_field(&log, "watermark", (field, at + offset, 8), |watermark| seal_slot(watermark, at));
            }
        }
    }
}

#[test]
fn bytes_that_mean_nothing_lead_nobody_astray() {
    let mut random = 7_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    for ending in [Ending::Killed, Ending::Closed] {
        let log = SmallLog::make(ending, 8);
        for (name, original) in log.storage.files() {
            for round in 0..20 {
                let length = usize::try_from(next() % 12_000).unwrap();
                let mut bytes: Vec<_> = (0..length).map(|_| next().to_le_bytes()[0]).collect();
                if round % 2 == 0 {
                    // Only a part of the file is noise.
                    let at = usize::try_from(next() % 9_000).unwrap();
                    let noise = std::mem::replace(&mut bytes, original.clone());
                    bytes.iter_mut().skip(at).zip(noise.iter().take(300)).for_each(|(to, from)| *to = *from);
                }
                log.storage.put(&name, &bytes);
                try_all(&log.storage, &format!("{name}, noise number {round}"));
            }
            log.storage.put(&name, &original);
        }
    }
}
