//! Logs whose machine or process dies at each operation in turn, on a disk that keeps only what it must.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::storage::{OpenMode, Storage};
use crate::testing::simulated::{Event, MOUNTED, SimulatedDisk};
use crate::testing::{kill, payloads};
use crate::{Background, Durability, Options, Reader, ReaderOptions, Seq, VerifyOptions, Wal, verify};

/// How many of the possible states of the disk are looked at after each power cut.
const POWER_CUTS: u64 = 3;

fn path() -> PathBuf {
    Path::new(MOUNTED).join("wal")
}

fn options(disk: &SimulatedDisk) -> Options {
    let options = Options::new().create(true).segment_bytes(16 << 10).storage(Arc::new(disk.clone()));
    let options = if disk.is_ruinous() { options.commit_alignment_bytes(512) } else { options };
    // Whatever is synced, is synced by a caller: otherwise runs would differ more than they must.
    options.sync_delay_max(Duration::from_secs(3600))
}

/// Long enough that a handful of records fill a segment and each spans several sectors.
fn long_payload(number: u64) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(1500, u8::try_from(number % 251).unwrap());
    bytes
}

/// What the log has let out, and so must keep.
#[derive(Debug, Default, Clone)]
struct Promised {
    acknowledged: BTreeMap<u64, Vec<u8>>,
    /// What readers were shown, from the first record on.
    shown: Vec<Vec<u8>>,
}

impl Promised {
    fn append(&mut self, wal: &Wal, numbers: std::ops::Range<u64>) {
        let payloads: Vec<_> = numbers.map(long_payload).collect();
        if let Ok(receipt) = wal.append_batch(&payloads, Durability::Durable) {
            self.acknowledged.extend((receipt.first_seq.get()..).zip(payloads));
        }
    }

    /// Notes what a reader in another process sees, and one in this.
    fn look(&mut self, disk: &SimulatedDisk, wal: &Wal) {
        let other = Reader::open(&path(), ReaderOptions::new().storage(Arc::new(disk.clone()))).unwrap();
        for shown in [payloads(&wal.reader()), payloads(&other)] {
            let common = shown.len().min(self.shown.len());
            assert_eq!(shown[..common], self.shown[..common]);
            if shown.len() > common {
                self.shown = shown;
            }
        }
    }

    fn check(&self, found: &[Vec<u8>], when: &str) {
        for (seq, payload) in &self.acknowledged {
            let kept = found.get(usize::try_from(*seq).unwrap()) == Some(payload);
            assert!(kept, "record {seq} was acknowledged and is lost: {when}");
        }
        assert!(found.starts_with(&self.shown), "readers saw {} records: {when}", self.shown.len());
    }
}

/// Opens the log, appends, and gives it up in good order or not at all.
fn session(disk: &SimulatedDisk, numbers: std::ops::Range<u64>, closes: bool, promised: &mut Promised) {
    let Ok((wal, _)) = Wal::open(&path(), options(disk)) else { return };
    for number in numbers {
        let first = 10 * number;
        match number % 4 {
            // Written and not acknowledged: may vanish, and may not keep what follows from being kept.
            1 => drop(wal.append(&long_payload(first), Durability::Written)),
            2 => promised.append(&wal, first..first + 3),
            _ => promised.append(&wal, first..first + 1),
        }
        promised.look(disk, &wal);
    }
    if closes { drop(wal.close()) } else { kill(wal) }
}

/// A log is made, closed, opened again and left behind. Returns what it promised.
fn life(disk: &SimulatedDisk) -> Promised {
    let mut promised = Promised::default();
    session(disk, 0..9, true, &mut promised);
    session(disk, 9..16, false, &mut promised);
    promised
}

/// Opens the log and checks that it keeps its promises; returns them with what this opening shows.
fn reopened(disk: &SimulatedDisk, promised: &Promised, when: &str) -> Promised {
    let opened = Wal::open(&path(), options(disk));
    let (wal, _) = opened.unwrap_or_else(|error| panic!("{error}: {when}"));
    let found = payloads(&wal.reader());
    promised.check(&found, when);
    let mut promised = promised.clone();
    promised.look(disk, &wal);
    kill(wal);
    promised
}

/// The power fails; the log keeps its promises, also those that it makes when it is opened, and goes on.
fn survives_power_cuts(disk: &SimulatedDisk, promised: &Promised, when: &str) {
    for choices in 0..POWER_CUTS {
        let when = format!("{when}, state {choices}");
        let found = disk.after_power_cut(choices);
        let promised = reopened(&found, promised, &when);
        let found = found.after_power_cut(choices);
        let mut promised = reopened(&found, &promised, &format!("{when}, power lost again"));
        session(&found, 100..103, true, &mut promised);
        let report = verify(&path(), &VerifyOptions::new().storage(Arc::new(found.clone()))).unwrap();
        assert!(report.is_sound(), "{report:?}: {when}");
        reopened(&found, &promised, &format!("{when}, used again"));
    }
}

/// Lives the life again and again, with this event at each operation in turn, and hands over what is left of it.
fn at_each_operation(event: Event, check: impl Fn(&SimulatedDisk, &Promised, &str)) {
    at_each_operation_of(&SimulatedDisk::default(), event, check);
}

/// The same, beginning with this disk.
fn at_each_operation_of(new: &SimulatedDisk, event: Event, check: impl Fn(&SimulatedDisk, &Promised, &str)) {
    for operation in 0.. {
        let disk = new.after_kill();
        disk.plan(operation, event);
        let promised = life(&disk);
        check(&disk, &promised, &format!("{event:?} at operation {operation}"));
        if operation > disk.operations() {
            assert!(promised.acknowledged.len() > 15 && disk.operations() > 60, "{promised:?}");
            return;
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged_or_shown() {
    at_each_operation(Event::Death, survives_power_cuts);
}

#[test]
fn aligned_commits_survive_on_a_medium_that_ruins_the_sectors_being_written() {
    at_each_operation_of(&SimulatedDisk::ruinous(), Event::Death, survives_power_cuts);
    at_each_operation_of(&SimulatedDisk::ruinous(), Event::Death, |disk, promised, when| {
        let disk = disk.after_kill();
        let promised = reopened(&disk, promised, when);
        survives_power_cuts(&disk, &promised, &format!("{when}, killed"));
    });
}

#[test]
fn what_a_log_shows_after_a_kill_survives_a_power_cut() {
    at_each_operation(Event::Death, |disk, promised, when| {
        let disk = disk.after_kill();
        let promised = reopened(&disk, promised, when);
        survives_power_cuts(&disk, &promised, &format!("{when}, killed"));
    });
}

#[test]
fn what_a_failed_sync_lost_is_neither_acknowledged_nor_shown_before_it_is_written_again() {
    at_each_operation(Event::FailedSync, |disk, promised, when| {
        survives_power_cuts(disk, promised, when);
        let disk = disk.after_kill();
        let promised = reopened(&disk, promised, when);
        survives_power_cuts(&disk, &promised, &format!("{when}, killed"));
    });
}

#[test]
fn a_log_that_died_before_its_first_append_is_not_said_to_be_clean() {
    let disk = SimulatedDisk::default();
    session(&disk, 0..4, true, &mut Promised::default());
    let (wal, report) = Wal::open(&path(), options(&disk)).unwrap();
    assert!(report.clean);
    let power_cuts = (0..8).map(|choices| disk.after_power_cut(choices));
    for disk in power_cuts.chain([disk.after_kill()]) {
        let (wal, report) = Wal::open(&path(), options(&disk)).unwrap();
        assert!(!report.clean);
        kill(wal);
    }
    kill(wal);
}

#[test]
fn a_log_that_was_closed_is_clean_also_after_a_power_cut() {
    let disk = SimulatedDisk::default();
    session(&disk, 0..4, true, &mut Promised::default());
    for choices in 0..8 {
        let (wal, report) = Wal::open(&path(), options(&disk.after_power_cut(choices))).unwrap();
        assert!(report.clean && !report.ambiguous);
        kill(wal);
    }
}

#[test]
fn the_directories_that_were_made_for_a_log_survive_with_it() {
    for choices in 0..20 {
        let disk = SimulatedDisk::default();
        let place = Path::new(MOUNTED).join("ledgers/of/today/wal");
        let (wal, _) = Wal::open(&place, options(&disk)).unwrap();
        wal.append(b"kept", Durability::Durable).unwrap();
        kill(wal);
        let (wal, _) = Wal::open(&place, options(&disk.after_power_cut(choices)).create(false)).unwrap();
        assert_eq!(payloads(&wal.reader()), [b"kept"]);
    }
}

#[test]
fn recovery_that_is_cut_short_at_any_moment_is_done_again_and_shows_nothing_that_can_vanish() {
    recovery_is_cut_short(&SimulatedDisk::default());
}

#[test]
fn recovery_that_is_cut_short_ruins_no_sector_that_holds_an_acknowledged_commit() {
    recovery_is_cut_short(&SimulatedDisk::ruinous());
}

fn recovery_is_cut_short(new: &SimulatedDisk) {
    // These are a write, a sync and a move of the watermark, in some order.
    for death in [60, 61, 62] {
        let disk = new.after_kill();
        disk.plan(death, Event::Death);
        let promised = life(&disk);
        let power_cuts = (0..4).map(|choices| disk.after_power_cut(choices));
        for (state, found) in [disk.after_kill()].into_iter().chain(power_cuts).enumerate() {
            for operation in 0..40 {
                let disk = found.after_kill();
                disk.plan(disk.operations() + operation, Event::Death);
                let mut promised = promised.clone();
                if let Ok((wal, _)) = Wal::open(&path(), options(&disk)) {
                    promised.look(&disk, &wal);
                    kill(wal);
                }
                let when = format!("death at {death}, state {state}, recovery cut at {operation}");
                survives_power_cuts(&disk, &promised, &when);
            }
        }
    }
}

/// Opens a log that is found like this, dies at each operation of that, and loses power: nothing acknowledged is lost.
fn opening_may_die(found: &SimulatedDisk, promised: &Promised) {
    for operation in 0..30 {
        let disk = found.after_kill();
        disk.plan(disk.operations() + operation, Event::Death);
        if let Ok((wal, _)) = Wal::open(&path(), options(&disk).background(Background::Caller)) {
            while wal.tend() {}
            kill(wal);
        }
        for choices in 0..10 {
            let when = format!("opening cut at {operation}, state {choices}");
            reopened(&disk.after_power_cut(choices), promised, &when);
        }
    }
}

#[test]
fn opening_writes_nothing_into_the_sector_where_the_last_acknowledged_commit_ends() {
    let disk = SimulatedDisk::ruinous();
    let (wal, _) = Wal::open(&path(), options(&disk).background(Background::Caller)).unwrap();
    let mut promised = Promised::default();
    promised.append(&wal, 0..1);
    promised.append(&wal, 1..2);
    let end = wal.durable_end();
    // To be written once more, by whoever finds it.
    wal.append(&long_payload(2), Durability::Written).unwrap();
    kill(wal);
    assert_eq!(end, Seq::new(2));
    opening_may_die(&disk, &promised);

    // To be cut.
    let segment = PathBuf::from(segment_name(Seq::ZERO));
    let written_end = contents(&disk, &segment).iter().rposition(|byte| *byte != 0).unwrap();
    let file = disk.open(&path().join(segment), OpenMode::Write).unwrap();
    file.sync_data().unwrap();
    promised.acknowledged.insert(2, long_payload(2));
    file.write_at(&[9; 700], (written_end as u64).next_multiple_of(512)).unwrap();
    file.sync_data().unwrap();
    opening_may_die(&disk.after_power_cut(0), &promised);
}

#[test]
fn opening_never_puts_the_only_sound_slot_of_the_watermark_at_risk() {
    let disk = SimulatedDisk::ruinous();
    let mut promised = Promised::default();
    session(&disk, 0..3, true, &mut promised);
    for slot_offset in [0, 4096] {
        let disk = disk.after_kill();
        let file = disk.open(&path().join(WATERMARK_NAME), OpenMode::Write).unwrap();
        file.write_at(&[9; 128], slot_offset).unwrap();
        file.sync_data().unwrap();
        opening_may_die(&disk, &promised);
    }
}

fn contents(disk: &SimulatedDisk, name: &Path) -> Vec<u8> {
    let file = disk.open(&path().join(name), OpenMode::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
    let read = file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(read, bytes.len());
    bytes
}

#[test]
fn torn_bytes_are_in_one_file_or_another_whenever_recovery_dies() {
    let disk = SimulatedDisk::default();
    session(&disk, 0..4, false, &mut Promised::default());
    let segment = PathBuf::from(segment_name(Seq::ZERO));
    let last = contents(&disk, &segment).iter().rposition(|byte| *byte != 0).unwrap();
    let torn: Vec<u8> = (1..=250).cycle().take(2000).collect();
    let file = disk.open(&path().join(segment), OpenMode::Write).unwrap();
    file.write_at(&torn, (last as u64 + 1).next_multiple_of(8)).unwrap();
    file.sync_data().unwrap();
    let is_kept = |disk: &SimulatedDisk| {
        let names = disk.list(&path()).unwrap();
        let holds = |name: &Path| contents(disk, name).windows(torn.len()).any(|bytes| bytes == torn);
        names.iter().any(|name| holds(Path::new(name)))
    };
    for operation in 0..30 {
        let dying = disk.after_kill();
        dying.plan(dying.operations() + operation, Event::Death);
        if let Ok((wal, _)) = Wal::open(&path(), options(&dying)) {
            kill(wal);
        }
        for choices in 0..4 {
            let found = dying.after_power_cut(choices);
            assert!(is_kept(&found), "recovery cut at {operation}, state {choices}");
            kill(Wal::open(&path(), options(&found)).unwrap().0);
            assert!(is_kept(&found.after_power_cut(choices)), "recovered again after {operation}");
        }
    }
}
