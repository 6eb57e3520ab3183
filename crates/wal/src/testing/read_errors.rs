//! A read that fails says nothing about the data: it is never reported as damage, and never makes a log shorter.

use std::path::Path;
use std::sync::Arc;

use crate::testing::faulty::{Call, Fault, FaultyStorage};
use crate::testing::{append, contents, kill, payload, payloads, place, restore, small};
use crate::{
    Background, OpenError, ReadError, Reader, ReaderOptions, RecoverError, RecoverOptions, Seq, VerifyError,
    VerifyOptions, Wal, recover, verify,
};

const INPUT_OUTPUT_ERROR: i32 = 5;

/// Every call that only looks.
const LOOKS: [Call; 4] = [Call::Open, Call::Read, Call::Length, Call::List];

/// Does something once for each call of a kind, with that call failing, until none is left to fail. What is done says
/// whether it noticed.
fn fail_each(call: Call, mut attempt: impl FnMut(&FaultyStorage, &str) -> Result<(), String>) -> u32 {
    let mut failed = 0;
    for after in 0.. {
        let storage = FaultyStorage::default();
        storage.fail(Fault { call, path_end: "", after, times: 1, errno: INPUT_OUTPUT_ERROR });
        let what = format!("{call:?} number {after}");
        let result = attempt(&storage, &what);
        if !storage.has_failed() {
            result.unwrap_or_else(|error| panic!("{what}, with nothing failing: {error}"));
            break;
        }
        failed += u32::from(result.is_err());
    }
    failed
}

const RECORDS: u64 = 60;

/// A log of some segments; killed, so that its end must be looked at and its last segment sealed.
fn killed_log(path: &Path) {
    let (wal, _) = Wal::open(path, small()).unwrap();
    (0..RECORDS).for_each(|number| append(&wal, number));
    kill(wal);
}

/// Whether an error is of a call that failed. Nothing else may come of one.
fn expect_storage<E: std::fmt::Debug>(error: E, is_storage: impl Fn(&E) -> bool, what: &str) -> String {
    assert!(is_storage(&error), "{what}: {error:?}");
    format!("{error:?}")
}

#[test]
fn a_failing_call_while_verifying_is_an_error_and_never_damage() {
    let (_directory, path) = place();
    killed_log(&path);
    for call in LOOKS {
        let failed = fail_each(call, |storage, what| {
            match verify(&path, &VerifyOptions::new().storage(Arc::new(storage.clone()))) {
                Ok(report) => {
                    assert!(report.is_sound() && report.torn_tail_bytes == 0, "{what}: {report:?}");
                    assert_eq!(report.records, RECORDS, "{what}");
                    Ok(())
                }
                Err(error) => {
                    Err(expect_storage(error, |error| matches!(error, VerifyError::Storage(_)), what))
                }
            }
        });
        assert!(failed > 0, "{call:?}");
    }
}

#[test]
fn a_failing_call_while_reading_is_an_error_or_made_good_by_another() {
    let (_directory, path) = place();
    killed_log(&path);
    let is_storage = |error: &ReadError| matches!(error, ReadError::Storage(_));
    for call in LOOKS {
        fail_each(call, |storage, what| {
            let options = ReaderOptions::new().storage(Arc::new(storage.clone()));
            let reader = Reader::open(&path, options).map_err(|error| {
                expect_storage(error, |error| matches!(error, OpenError::Storage(_)), what)
            })?;
            for seq in [0, 30, RECORDS - 1] {
                match reader.read(Seq::new(seq)) {
                    Ok(record) => assert_eq!(record.unwrap().payload(), payload(seq), "{what}"),
                    Err(error) => return Err(expect_storage(error, is_storage, what)),
                }
            }
            let mut seen = 0;
            for record in reader.scan(Seq::ZERO) {
                match record {
                    Ok(record) => assert_eq!(record.payload(), payload(seen), "{what}"),
                    Err(error) => return Err(expect_storage(error, is_storage, what)),
                }
                seen += 1;
            }
            assert_eq!(seen, RECORDS, "{what}: the log seemed shorter");
            Ok(())
        });
    }
}

/// Opens or recovers a killed log with each call failing once; then nothing may be missing or set aside.
fn go_on_with_each_call_failing(go_on: impl Fn(&Path, &FaultyStorage, &str) -> Result<(), String>) {
    let (_directory, path) = place();
    killed_log(&path);
    let files = contents(&path);
    for call in LOOKS {
        let failed = fail_each(call, |storage, what| {
            restore(&path, &files);
            let result = go_on(&path, storage, what);
            storage.heal();
            let (wal, report) = Wal::open(&path, small().storage(Arc::new(storage.clone()))).unwrap();
            assert_eq!((report.next_seq, report.ambiguous), (Seq::new(RECORDS), false), "{what}");
            assert!(payloads(&wal.reader()).into_iter().eq((0..RECORDS).map(payload)), "{what}");
            wal.close().unwrap();
            let torn = contents(&path)
                .into_iter()
                .any(|(name, _)| name.extension().is_some_and(|end| end == "torn"));
            assert!(!torn, "{what}: bytes were set aside");
            result
        });
        assert!(failed > 0, "{call:?}");
    }
}

#[test]
fn a_failing_call_while_opening_is_an_error_and_cuts_nothing() {
    go_on_with_each_call_failing(|path, storage, what| {
        let options = small().create(false).background(Background::Caller).storage(Arc::new(storage.clone()));
        let opened = Wal::open(path, options);
        let (wal, report) = opened
            .map_err(|error| expect_storage(error, |error| matches!(error, OpenError::Storage(_)), what))?;
        assert_eq!((report.next_seq, report.torn_tail_bytes), (Seq::new(RECORDS), 0), "{what}");
        while wal.tend() {}
        kill(wal);
        Ok(())
    });
}

#[test]
fn a_failing_call_while_recovering_is_an_error_and_cuts_nothing() {
    go_on_with_each_call_failing(|path, storage, what| {
        let report = recover(path, &RecoverOptions::new().storage(Arc::new(storage.clone())));
        let is_storage = |error: &RecoverError| {
            matches!(
                error,
                RecoverError::Storage(_)
                    | RecoverError::Open(OpenError::Storage(_))
                    | RecoverError::Verify(VerifyError::Storage(_))
            )
        };
        let report = report.map_err(|error| expect_storage(error, is_storage, what))?;
        assert_eq!(
            (report.records, &report.damaged, report.torn_tail_bytes),
            (RECORDS, &vec![], 0),
            "{what}"
        );
        Ok(())
    });
}

#[test]
fn a_failing_call_while_a_half_written_footer_is_looked_at_does_not_make_it_junk() {
    let (_directory, path) = place();
    killed_log(&path);
    recover(&path, &RecoverOptions::new()).unwrap();
    // As if the power had failed while the last segment was sealed, and before the log was closed.
    let mut segments =
        contents(&path).into_iter().filter(|(name, _)| name.extension().is_some_and(|end| end == "wal"));
    let (last, bytes) = segments.rfind(|(name, _)| !name.ends_with("spare.wal")).unwrap();
    std::fs::write(last, &bytes[..bytes.len() - 70]).unwrap();
    let files = contents(&path);
    for call in [Call::Read, Call::Length] {
        fail_each(call, |storage, what| {
            restore(&path, &files);
            let options =
                small().create(false).background(Background::Caller).storage(Arc::new(storage.clone()));
            let (wal, report) = Wal::open(&path, options).map_err(|error| format!("{error:?}"))?;
            assert_eq!(report.torn_tail_bytes, 0, "{what}: part of a footer was taken for a torn tail");
            kill(wal);
            Ok(())
        });
    }
}
