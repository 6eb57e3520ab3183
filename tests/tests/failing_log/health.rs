//! What a ledger says of itself when its log fails.

use std::time::{Duration, Instant};

use runledger_audit::{Health, Ledger, Timestamp};

use super::{Place, custom};

/// The health of a ledger that has been told of a failure. Who appended may hear of it a moment sooner.
fn told(ledger: &Ledger) -> Health {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let health = ledger.health().unwrap();
        if health.log_last_failure.is_some() {
            return health;
        }
        assert!(Instant::now() < deadline, "{health:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_failed_sync_is_told_with_its_time_until_the_ledger_is_opened_again() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("before")).unwrap();
    let well = ledger.health().unwrap();
    assert!(well.is_well() && well.log_failure.is_none());
    assert_eq!((well.log_last_failure, well.log_last_failure_at), (None, None));

    place.disk.fail_syncs(1);
    let before = Timestamp::now();
    assert!(ledger.append(custom("a")).unwrap_err().is_outcome_unknown());
    place.disk.fail_syncs(0);
    let failed = told(&ledger);
    let after = Timestamp::now();
    assert!(!failed.is_well() && failed.log_failure.is_some(), "{failed:?}");
    let reason = failed.log_last_failure.as_ref().unwrap();
    assert!(reason.contains("given up") && reason.contains("os error 5"), "{reason}");
    assert!((before..=after).contains(&failed.log_last_failure_at.unwrap()), "{failed:?}");
    assert!(ledger.append(custom("b")).is_err(), "nothing more is taken");
    let _ = ledger.close();

    let again = place.open().health().unwrap();
    assert!(again.is_well() && again.log_last_failure.is_none(), "{again:?}");
}

#[test]
fn a_full_disk_is_told_with_its_time_also_when_it_has_passed() {
    let place = Place::new();
    let ledger = place.open();
    place.disk.fill(true);
    assert!(ledger.append(custom("a")).is_err());
    place.disk.fill(false);
    let refused = told(&ledger);
    assert!(refused.log_failure.is_none() && refused.is_well(), "the log goes on: {refused:?}");
    assert!(refused.log_last_failure.as_ref().unwrap().contains("os error 28"), "{refused:?}");
    ledger.append(custom("a")).unwrap();
    let later = ledger.health().unwrap();
    assert_eq!(later.log_last_failure, refused.log_last_failure);
    assert_eq!(later.log_last_failure_at, refused.log_last_failure_at);
    assert!(later.log_last_failure_at.unwrap() <= Timestamp::now());
}
