//! Reports of made-up rounds.

use std::time::Duration;

use super::*;
use crate::workload::{Aim, Setting};

fn series(label: &str, rates: &[u64]) -> Series {
    let mut series = Series::new(label);
    for &records in rates {
        series.add(Outcome {
            records,
            elapsed: Duration::from_secs(1),
            syncs: Some(records / 4),
            latency_ns: vec![(250_000, records)],
            ..Outcome::default()
        });
    }
    series
}

fn workload(aim: Aim) -> Workload {
    Workload {
        group: "made-up",
        title: "made up".to_owned(),
        entries: Vec::new(),
        reference: Some("reference"),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim,
    }
}

#[test]
fn ratios_are_taken_within_rounds() {
    // Both grow slower from round to round; the ratio stays one half.
    let (own, bare) = (series("log", &[400, 200, 100]), series("reference", &[800, 400, 200]));
    assert_eq!(own.ratios(&bare, Figure::RecordsPerSecond), [0.5, 0.5, 0.5]);
}

#[test]
fn a_row_shows_rate_ratio_records_per_sync_and_quantiles_and_no_empty_column() {
    let all = [series("log", &[400, 800, 1200]), series("reference", &[800, 800, 800])];
    assert_eq!(
        table(&workload(Aim::default()), &all),
        "| engine | records/s | × reference | records/sync | p50 µs | p99 µs | p99.9 µs |\n\
         |---|---:|---:|---:|---:|---:|---:|\n\
         | log | 800 (400–1,200) | 1.00 (0.50–1.50) | 4.0 | 250 | 250 | 250 |\n\
         | reference | 800 | 1.00 | 4.0 | 250 | 250 | 250 |\n"
    );
}

#[test]
fn an_aim_is_met_only_if_all_of_it_is() {
    let all = [series("runledger-wal", &[900]), series("reference", &[1000]), series("peer", &[700])];
    let line = |aim| summary(&workload(aim), &all);
    let met = Aim { ratio_min: Some(0.9), records_per_sync_min: Some(4.0), ..Aim::default() };
    assert!(
        line(met.clone()).contains("**0.90** (900 records/s), met | peer 0.70 |"),
        "{}",
        line(met.clone())
    );
    let missed = Aim { records_per_sync_min: Some(4.1), ..met };
    assert!(line(missed.clone()).contains(", missed |"), "{}", line(missed));
    assert_eq!(line(Aim::default()), "| made up | – | **0.90** (900 records/s) | peer 0.70 |");
}

#[test]
fn a_peer_that_failed_is_named_with_its_reason_and_is_nobodys_best() {
    let mut peer = series("peer", &[5000]);
    peer.failure = Some("lost a record".to_owned());
    let all = [series("runledger-wal", &[900]), series("reference", &[1000]), peer];
    assert!(table(&workload(Aim::default()), &all).contains("| peer | left out: lost a record |  |"));
    assert!(summary(&workload(Aim::default()), &all).ends_with("| – |"));
}
