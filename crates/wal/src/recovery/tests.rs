//! Logs that died in many ways, opened again.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use crate::damage::Problem;
use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::testing::faulty::FaultyStorage;
use crate::testing::{append, contents, kill, open_in, payload, payloads, place, restore, small};
use crate::watermark::file::read_slots;
use crate::watermark::{Slots, Watermark};
use crate::{DiskStorage, Durability, OpenError, OpenReport, Options, Seq, VerifyOptions, Wal, verify};

mod death;

fn mark(path: &Path) -> Watermark {
    match read_slots(&DiskStorage, path).unwrap() {
        Some(Slots::Sound { newest, .. }) => newest,
        other => panic!("{other:?}"),
    }
}

/// Puts the log's watermark back to an earlier one, as a power cut can.
fn set_mark(path: &Path, mark: &Watermark) {
    let mut bytes = vec![0; 8192];
    for slot in [Watermark { update: mark.update - 1, ..*mark }, *mark] {
        let at = usize::try_from(slot.slot_offset()).unwrap();
        bytes[at..at + 128].copy_from_slice(&slot.encode());
    }
    std::fs::write(path.join(WATERMARK_NAME), bytes).unwrap();
}

/// Changes the bytes of a segment.
fn edit(path: &Path, segment: Seq, change: impl FnOnce(&mut Vec<u8>)) {
    let file = path.join(segment_name(segment));
    let mut bytes = std::fs::read(&file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

fn numbered(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(payload).collect()
}

/// A killed log with so many records, and its watermark from before the last of them.
fn lagging(path: &Path, records: u64, lag: u64) -> Watermark {
    let (wal, _) = open_in(path);
    (0..records - lag).for_each(|number| append(&wal, number));
    let earlier = mark(path);
    (records - lag..records).for_each(|number| append(&wal, number));
    kill(wal);
    earlier
}

#[test]
fn commits_behind_the_watermark_become_part_of_the_log() {
    let (_directory, path) = place();
    let earlier = lagging(&path, 70, 60);
    assert!(mark(&path).segment > earlier.segment, "the lag must span a rotation");
    set_mark(&path, &earlier);
    let report = verify(&path, &VerifyOptions::new()).unwrap();
    assert_eq!((report.is_sound(), report.records, report.recoverable_records), (true, 10, 60));
    let reader = crate::Reader::open(&path, crate::ReaderOptions::new()).unwrap();
    assert_eq!(payloads(&reader), numbered(10), "a reader shows nothing that could still vanish");
    let (wal, report) = open_in(&path);
    assert_eq!((report.recovered_records, report.next_seq, report.ambiguous), (60, Seq::new(70), false));
    append(&wal, 70);
    assert_eq!(payloads(&wal.reader()), numbered(71));
}

#[test]
fn torn_tail_is_cut_at_the_last_valid_record_and_kept_aside() {
    let (_directory, path) = place();
    let earlier = lagging(&path, 6, 2);
    let last_start = {
        let (end, bytes) = (mark(&path).offset, payload(5).len() + 104);
        usize::try_from(end).unwrap() - bytes.next_multiple_of(8)
    };
    set_mark(&path, &earlier);
    let mut torn = Vec::new();
    edit(&path, Seq::ZERO, |bytes| {
        bytes[last_start + 100] ^= 1;
        torn = bytes[last_start..].to_vec();
    });
    torn.truncate(torn.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    let found = verify(&path, &VerifyOptions::new()).unwrap();
    assert_eq!((found.is_sound(), found.torn_tail_bytes), (true, torn.len() as u64));
    let (wal, report) = open_in(&path);
    assert_eq!((report.recovered_records, report.torn_tail_bytes), (1, torn.len() as u64));
    assert!(!report.ambiguous, "the same boot: the page cache kept every update of the watermark");
    assert_eq!(std::fs::read(report.torn_file.unwrap()).unwrap(), torn);
    append(&wal, 5);
    assert_eq!(payloads(&wal.reader()), numbered(6));
}

#[test]
fn after_a_power_cut_a_bad_tail_is_said_to_be_ambiguous() {
    let (_directory, path) = place();
    let storage = FaultyStorage::default();
    let options = || small().storage(Arc::new(storage.clone()));
    let (wal, _) = Wal::open(&path, options()).unwrap();
    append(&wal, 0);
    kill(wal);
    let end = usize::try_from(mark(&path).offset).unwrap();
    edit(&path, Seq::ZERO, |bytes| bytes[end + 500] = 1);
    storage.reboot();
    let found = verify(&path, &VerifyOptions::new().storage(Arc::new(storage.clone()))).unwrap();
    assert_eq!((found.is_sound(), found.ambiguous, found.torn_tail_bytes), (true, true, 501));
    let (_, report) = Wal::open(&path, options()).unwrap();
    assert_eq!((report.ambiguous, report.torn_tail_bytes, report.next_seq), (true, 501, Seq::new(1)));
}

#[test]
fn a_bad_record_below_the_watermark_is_damage_even_if_it_is_the_last() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..3).for_each(|number| append(&wal, number));
    kill(wal);
    let end = usize::try_from(mark(&path).offset).unwrap();
    edit(&path, Seq::ZERO, |bytes| bytes[end - 1] ^= 1);
    let (wal, report) = open_in(&path);
    assert_eq!((report.torn_tail_bytes, report.next_seq), (0, Seq::new(3)));
    match wal.reader().read(Seq::new(2)) {
        Err(crate::ReadError::Damaged(damage)) => {
            assert_eq!((damage.seq_from, damage.seq_to), (Seq::new(2), Seq::new(3)));
        }
        other => panic!("{other:?}"),
    }
    drop(wal);
    assert_eq!(verify(&path, &VerifyOptions::new()).unwrap().damaged.len(), 1);
}

#[test]
fn a_frame_that_says_that_what_is_missing_was_durable_makes_it_damage() {
    let (_directory, path) = place();
    let earlier = lagging(&path, 6, 3);
    set_mark(&path, &earlier);
    let at = usize::try_from(earlier.offset).unwrap();
    edit(&path, Seq::ZERO, |bytes| bytes[at] ^= 1);
    let before = contents(&path);
    match Wal::open(&path, small()) {
        Err(OpenError::Damaged(damage)) => {
            assert_eq!((damage.seq_from, damage.offset), (Seq::new(3), earlier.offset));
            assert!(damage.seq_to > damage.seq_from);
        }
        other => panic!("{other:?}"),
    }
    let mut after = contents(&path);
    after.retain(|(name, _)| before.iter().any(|(other, _)| other == name));
    assert_eq!(after, before, "what is refused is left as it is");
    assert!(!verify(&path, &VerifyOptions::new()).unwrap().is_sound());
}

#[test]
fn nothing_valid_behind_a_hole_is_accepted() {
    let (_directory, path) = place();
    let options = small().sync_delay_max(std::time::Duration::from_secs(3600));
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    let earlier = mark(&path);
    // Two commits that were written and not synced: a power cut may lose the first and keep the second.
    for number in 1..3 {
        wal.append(&payload(number), Durability::Written).unwrap();
    }
    kill(wal);
    let at = usize::try_from(earlier.offset).unwrap();
    edit(&path, Seq::ZERO, |bytes| bytes[at..at + 64].fill(0));
    let (wal, report) = open_in(&path);
    assert_eq!((report.next_seq, report.ambiguous), (Seq::new(1), true));
    assert!(report.torn_tail_bytes > 0 && report.torn_file.is_some());
    append(&wal, 1);
    assert_eq!(payloads(&wal.reader()), numbered(2));
}

#[test]
fn a_last_segment_without_a_sound_commit_is_set_aside_and_its_name_used_again() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    let (mut number, mut earlier) = (0, mark(&path));
    while mark(&path).segment == Seq::ZERO {
        earlier = mark(&path);
        append(&wal, number);
        number += 1;
    }
    let last = mark(&path).segment;
    // Only the first commit of the last segment is wanted.
    let count = last.get() + 1;
    kill(wal);
    set_mark(&path, &Watermark { segment: Seq::ZERO, offset: sealed_end(&path), seq: last, ..earlier });
    for damage_at in [4200, 100] {
        let files = contents(&path);
        edit(&path, last, |bytes| {
            bytes.truncate(8192);
            bytes[damage_at] ^= 0x20;
        });
        let (wal, report) = open_in(&path);
        assert_eq!((report.next_seq, report.recovered_records), (last, 0), "{report:?}");
        assert!(report.torn_file.is_some());
        (last.get()..count).for_each(|number| append(&wal, number));
        assert_eq!(payloads(&wal.reader()), numbered(count));
        kill(wal);
        restore(&path, &files);
    }
}

/// Where the commits of the first segment end, by its trailer.
fn sealed_end(path: &Path) -> u64 {
    let bytes = std::fs::read(path.join(segment_name(Seq::ZERO))).unwrap();
    let trailer = &bytes[bytes.len() - 64..];
    u64::from_le_bytes(trailer[..8].try_into().unwrap())
}

#[test]
fn a_footer_that_was_cut_short_is_finished_and_not_taken_for_a_torn_tail() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..20).for_each(|number| append(&wal, number));
    kill(wal);
    drop(open_in(&path));
    let whole = std::fs::read(path.join(segment_name(Seq::ZERO))).unwrap();
    for missing in [1, 64, 100, 180] {
        edit(&path, Seq::ZERO, |bytes| bytes.truncate(whole.len() - missing));
        let found = verify(&path, &VerifyOptions::new()).unwrap();
        assert_eq!((found.is_sound(), found.torn_tail_bytes), (true, 0), "{missing} bytes missing");
        let (wal, report) = open_in(&path);
        assert_eq!((report.torn_tail_bytes, report.next_seq), (0, Seq::new(20)), "{missing} bytes missing");
        wal.close().unwrap();
    }
}

/// A sealed segment and its successor, of a log whose commits are aligned so. Returns where the first one's last commit
/// ends, and the footer starts.
fn aligned(path: &Path, alignment_bytes: u32) -> (u64, u64) {
    let (wal, _) = Wal::open(path, small().commit_alignment_bytes(alignment_bytes)).unwrap();
    let (mut number, mut end) = (0, 0);
    while mark(path).segment == Seq::ZERO {
        end = mark(path).offset;
        append(&wal, number);
        number += 1;
    }
    wal.close().unwrap();
    (end, sealed_end(path))
}

#[test]
fn a_footer_starts_where_a_commit_could() {
    for alignment_bytes in [8, 512, 4096] {
        let (_directory, path) = place();
        let (end, footer_offset) = aligned(&path, alignment_bytes);
        assert_eq!(footer_offset, end.next_multiple_of(u64::from(alignment_bytes)));
        let found = verify(&path, &VerifyOptions::new()).unwrap();
        assert!(found.is_sound() && found.unsealed_segments == 1, "{found:?}");
    }
}

#[test]
fn padding_in_front_of_a_footer_that_is_not_zero_is_damage_and_repaired() {
    let (_directory, path) = place();
    let (end, footer_offset) = aligned(&path, 4096);
    assert!(end + 1 < footer_offset);
    let before = contents(&path);
    edit(&path, Seq::ZERO, |bytes| bytes[usize::try_from(end).unwrap() + 1] = 1);
    let found = verify(&path, &VerifyOptions::new()).unwrap();
    let expected = Problem::NotZero { part: "footer", field: "padding in front" };
    assert_eq!((found.damaged[0].offset, &found.damaged[0].problem), (end, &expected));
    let report = crate::recover(&path, &crate::RecoverOptions::new()).unwrap();
    let segment = segment_name(Seq::ZERO);
    assert_eq!(report.repaired, [crate::Repair::FooterWritten { segment: segment.clone() }]);
    let is_segment = |(file, _): &&(std::path::PathBuf, Vec<u8>)| file.ends_with(&segment);
    assert!(contents(&path).iter().find(is_segment) == before.iter().find(is_segment));
}

#[test]
fn recovering_twice_gives_the_same_bytes() {
    let (_directory, path) = place();
    let earlier = lagging(&path, 40, 25);
    set_mark(&path, &earlier);
    let segments = |path: &Path| {
        let mut files = contents(path);
        files.retain(|(name, _)| name.extension().is_some_and(|extension| extension == "wal"));
        files
    };
    let recover_once = || {
        let (wal, _) = open_in(&path);
        // The background has the segments to seal, and nothing else to do.
        wal.close().unwrap();
        segments(&path)
    };
    let once = recover_once();
    assert_eq!(recover_once(), once);
    set_mark(&path, &earlier);
    assert_eq!(recover_once(), once);
}

#[test]
fn a_watermark_beyond_the_files_is_damage() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    wal.close().unwrap();
    let files = contents(&path);
    edit(&path, Seq::ZERO, |bytes| bytes.truncate(4100));
    assert!(matches!(Wal::open(&path, small()), Err(OpenError::Damaged(_))));
    restore(&path, &files);
    std::fs::remove_file(path.join(segment_name(Seq::ZERO))).unwrap();
    match Wal::open(&path, small()) {
        Err(OpenError::Damaged(damage)) => assert_eq!(damage.problem, Problem::Missing),
        other => panic!("{other:?}"),
    }
}

/// One step of a log's life.
#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Batch(u8),
    Unsynced(u8),
    Close,
    /// The process dies, and bytes behind the watermark are garbled, from this place on and this many.
    Kill {
        at: u16,
        bytes: u16,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..30_u8).prop_map(Step::Append),
        2 => (0..40_u8).prop_map(Step::Batch),
        2 => (1..6_u8).prop_map(Step::Unsynced),
        1 => Just(Step::Close),
        2 => (0..3000_u16, 0..400_u16).prop_map(|(at, bytes)| Step::Kill { at, bytes }),
    ];
    proptest::collection::vec(step, 1..25)
}

/// Appends, batches, closes, and deaths with garbled bytes behind the watermark, against a plain list.
struct Model {
    path: std::path::PathBuf,
    options: Options,
    wal: Option<Wal>,
    /// What was placed; up to `durable` acknowledged.
    placed: Vec<Vec<u8>>,
    durable: usize,
}

impl Model {
    fn wal(&mut self) -> &Wal {
        if self.wal.is_none() {
            let (wal, report) = Wal::open(&self.path, self.options.clone()).unwrap();
            self.check_opened(&wal, &report);
            self.wal = Some(wal);
        }
        self.wal.as_ref().unwrap()
    }

    fn check_opened(&mut self, wal: &Wal, report: &OpenReport) {
        let found = payloads(&wal.reader());
        assert_eq!(report.next_seq.get(), found.len() as u64);
        assert!(found.len() >= self.durable, "{} acknowledged, {} found", self.durable, found.len());
        assert_eq!(found, self.placed[..found.len()]);
        self.durable = found.len();
        self.placed.truncate(found.len());
    }

    fn run(&mut self, step: &Step) {
        let next = self.placed.len() as u64;
        match step {
            Step::Append(count) => {
                for number in next..next + u64::from(*count) {
                    append(self.wal(), number);
                    self.placed.push(payload(number));
                }
                self.durable = self.placed.len();
            }
            Step::Batch(count) => {
                let batch: Vec<_> = (next..next + u64::from(*count)).map(payload).collect();
                self.wal().append_batch(&batch, Durability::Durable).unwrap();
                self.placed.extend(batch);
                self.durable = self.placed.len();
            }
            Step::Unsynced(count) => {
                for number in next..next + u64::from(*count) {
                    let durability = if number % 2 == 0 { Durability::Written } else { Durability::Buffered };
                    self.wal().append(&payload(number), durability).unwrap();
                    self.placed.push(payload(number));
                }
            }
            Step::Close => {
                self.wal();
                self.wal.take().unwrap().close().unwrap();
                self.durable = self.placed.len();
            }
            Step::Kill { at, bytes } => self.kill(usize::from(*at), usize::from(*bytes)),
        }
    }

    fn kill(&mut self, at: usize, bytes: usize) {
        self.wal();
        let wal = self.wal.take().unwrap();
        self.durable = self.durable.max(usize::try_from(wal.durable_end().get()).unwrap());
        kill(wal);
        let mark = mark(&self.path);
        let file = self.path.join(segment_name(mark.segment));
        let Ok(mut contents) = std::fs::read(&file) else { return };
        if contents.ends_with(b"RLSEALED") {
            // Behind the watermark lies a footer, and a garbled one is damage.
            return;
        }
        let from = (usize::try_from(mark.offset).unwrap() + at).min(contents.len());
        let to = (from + bytes).min(contents.len());
        contents[from..to].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(7));
        std::fs::write(&file, contents).unwrap();
        let found = verify(&self.path, &VerifyOptions::new()).unwrap();
        assert!(found.is_sound(), "{found:?}");
        assert_eq!(found.records, mark.seq.get());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_log_is_a_dense_prefix_with_everything_acknowledged(
        steps in steps(),
        alignment_bytes in prop_oneof![Just(8_u32), Just(512)],
    ) {
        let (_directory, path) = place();
        let options = small()
            .segment_bytes(12 << 10)
            .commit_alignment_bytes(alignment_bytes)
            .sync_delay_max(std::time::Duration::from_secs(3600));
        let mut model = Model { path, options, wal: None, placed: Vec::new(), durable: 0 };
        for step in &steps {
            model.run(step);
        }
        model.run(&Step::Close);
        let found = verify(&model.path, &VerifyOptions::new()).unwrap();
        prop_assert!(found.is_sound() && found.torn_tail_bytes == 0);
        prop_assert_eq!(found.records, model.placed.len() as u64);
    }

    #[test]
    fn any_bytes_in_place_of_a_file_are_refused_or_read_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        at in 0_usize..5000,
        file in 0_usize..4,
    ) {
        let (_directory, path) = place();
        let (wal, _) = open_in(&path);
        (0..40).for_each(|number| append(&wal, number));
        wal.close().unwrap();
        let mut files = contents(&path);
        let chosen = file % files.len();
        let contents = &mut files[chosen].1;
        let start = at.min(contents.len());
        let end = (start + bytes.len()).min(contents.len());
        contents[start..end].copy_from_slice(&bytes[..end - start]);
        restore(&path, &files);
        let _ = verify(&path, &VerifyOptions::new());
        if let Ok(reader) = crate::Reader::open(&path, crate::ReaderOptions::new()) {
            for record in reader.scan(Seq::ZERO).flatten() {
                prop_assert_eq!(record.payload(), payload(record.seq().get()));
            }
        }
        let _ = crate::recover(&path, &crate::RecoverOptions::new());
        if let Ok((wal, _)) = Wal::open(&path, small()) {
            for record in wal.reader().scan(Seq::ZERO).flatten() {
                prop_assert_eq!(record.payload(), payload(record.seq().get()));
            }
        }
    }
}
