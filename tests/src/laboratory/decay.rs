//! Bytes that changed at rest, and bytes that lie where they don't belong: what a crash can't do, and a log must notice.

use runledger_wal::{
    OpenError, OpenReport, ReadError, Reader, ReaderOptions, Record, Seq, VerifyOptions, VerifyReport, Wal,
    verify,
};
use std::ops::Not as _;
use std::path::Path;
use std::sync::Arc;

use crate::laboratory::choice::Replay;
use crate::laboratory::disk::crash_point::CrashPoint;
use crate::laboratory::disk::medium::{Inode, Medium, Operation};
use crate::laboratory::disk::simulated::SimulatedDisk;
use crate::laboratory::explorer::guarded;
use crate::laboratory::history::{Violation, claim};
use crate::laboratory::life::{directory, live, options};
use crate::laboratory::workload::{Size, Step, Workload};

/// How a log was left before it decays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Closed in good order.
    Closed,
    /// By a process that died.
    Killed,
    /// Closed in good order, with its sealed segments compressed.
    Compressed,
    /// By a power cut that lost all updates of the watermark.
    WithoutItsLastWatermark,
}

/// A log at rest.
pub struct Specimen {
    workload: Workload,
    medium: Medium,
    left: Left,
    /// What a reader shows of it: payload and commit time of each record.
    records: Vec<(Vec<u8>, i64)>,
    /// Records in the last commit.
    last_commit_records: usize,
    sound: VerifyReport,
}

impl Specimen {
    /// A log of a few segments, left so.
    pub fn prepare(left: Left) -> Result<Specimen, Violation> {
        let durable = runledger_wal::Durability::Durable;
        let mut steps: Vec<_> = [20, 300, 1700, 1500].map(|bytes| Step::Append(Size(bytes), durable)).into();
        steps.push(Step::Batch(vec![Size(40), Size(90), Size(8)], durable));
        steps.extend([2500, 60, 33].map(|bytes| Step::Append(Size(bytes), durable)));
        if left == Left::Compressed {
            steps.extend([Step::Close, Step::Compress]);
        }
        if matches!(left, Left::Closed | Left::Compressed) {
            steps.push(Step::Close);
        }
        let workload = Workload::of_steps(steps);
        let life = live(&workload)?;
        let mut medium = Medium::new(workload.geometry);
        life.trace.iter().for_each(|operation| medium.apply(operation));
        // What is on the medium decays, so everything must be there.
        let inodes: Vec<_> = medium.contents().into_keys().filter_map(|name| medium.find(&name)).collect();
        let watermark = medium.find(&directory().join("watermark"));
        for inode in inodes
            .into_iter()
            .filter(|inode| left != Left::WithoutItsLastWatermark || Some(*inode) != watermark)
        {
            medium.apply(&Operation::Sync(inode));
        }
        if left == Left::WithoutItsLastWatermark {
            medium.apply(&Operation::SyncDirectory(directory()));
            medium = CrashPoint::of(&medium).state(&mut Replay::new(&[]));
        }
        let sound = verified(&medium)?;
        let disk = SimulatedDisk::new(medium.clone(), 1);
        let (wal, _) =
            opened(&workload, &disk).map_err(|error| Violation::new("it opens", format!("{error:?}")))?;
        let records = wal.reader().scan(Seq::ZERO).map(|record| record.map(|record| shown(&record)));
        let records: Result<Vec<_>, _> = records.collect();
        let records = records.map_err(|error| Violation::new("it can be read", format!("{error:?}")))?;
        disk.kill();
        claim(records.len() == 10, "nothing is missing before decay", || format!("{}", records.len()))?;
        Ok(Specimen { workload, medium, left, records, last_commit_records: 1, sound })
    }

    /// Flips one bit in each byte, one at a time, of all segments and the watermark.
    pub fn flip_each_byte(&self, stride: usize) -> Result<u64, Violation> {
        let mut flips = 0;
        for (name, contents) in self.medium.contents() {
            let is_log = name.extension().is_some_and(|extension| extension == "wal");
            let is_spare = name.file_name().is_some_and(|name| name == "spare.wal");
            let is_watermark = name.file_name().is_some_and(|name| name == "watermark");
            if !(is_log && !is_spare || is_watermark) {
                continue;
            }
            let Some(file) = self.medium.find(&name) else { continue };
            let written = contents.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            for at in (0..contents.len()).filter(|at| *at % stride == 0 || *at >= 4096 && *at < written) {
                self.flip(&name, file, at, written, is_watermark)?;
                flips += 1;
            }
        }
        Ok(flips)
    }

    fn flip(
        &self,
        name: &Path,
        file: Inode,
        at: usize,
        written: usize,
        is_watermark: bool,
    ) -> Result<(), Violation> {
        let mut medium = self.medium.clone();
        medium.flip(file, at, 1 << (at % 8));
        let place = || format!("{} byte {at}, {:?}", name.display(), self.left);
        let checked = guarded(|| {
            let report = verified(&medium)?;
            let noticed = report != self.sound;
            claim(
                noticed || is_watermark || at >= written,
                "verification notices a flipped bit",
                String::new,
            )?;
            let disk = SimulatedDisk::new(medium.clone(), 1);
            self.check_reader(&disk, is_watermark)?;
            self.check_opening(&disk, is_watermark)
        });
        checked.map_err(|Violation { claim, detail }| Violation {
            claim,
            detail: format!("{}: {detail}", place()),
        })
    }

    /// Takes away each file that holds something, one at a time, and what the watermark says in both its slots.
    pub fn lose_each_file(&self) -> Result<(), Violation> {
        for name in self.medium.contents().into_keys() {
            let is_segment = name.extension().is_some_and(|extension| extension == "wal")
                && name.file_name().is_some_and(|name| name != "spare.wal");
            let is_watermark = name.file_name().is_some_and(|name| name == "watermark");
            if !is_segment && !is_watermark {
                continue;
            }
            let mut medium = self.medium.clone();
            medium.apply(&Operation::Remove(Arc::clone(&name)));
            self.check_lost(&medium, &name)?;
            if let Some(file) = self.medium.find(&name).filter(|_| is_watermark) {
                let mut medium = self.medium.clone();
                medium.flip(file, 40, 0xff);
                medium.flip(file, 4096 + 40, 0xff);
                self.check_lost(&medium, &name)?;
            }
        }
        Ok(())
    }

    /// A log that lacks something says so: to whoever verifies it, and to whoever opens it or reads what is gone.
    fn check_lost(&self, medium: &Medium, name: &Path) -> Result<(), Violation> {
        let place = || format!("{}, {:?}", name.display(), self.left);
        let report = verified(medium)?;
        claim(!report.is_sound(), "verification notices a lost file", place)?;
        let disk = SimulatedDisk::new(medium.clone(), 1);
        self.check_reader(&disk, true)?;
        match opened(&self.workload, &disk) {
            Err(OpenError::Damaged(_)) => Ok(()),
            Err(error) => {
                Err(Violation::new("a lost file is called damage", format!("{}: {error:?}", place())))
            }
            // Opening looks no farther back than the watermark.
            Ok((wal, report)) => {
                let all = self.records.len() as u64;
                claim(!report.created && report.next_seq.get() == all, "a log with a gap is refused", place)?;
                self.check_records(&wal.reader(), report.next_seq)
            }
        }
    }

    /// Whatever a reader shows is right, and what it doesn't show, it says.
    fn check_reader(&self, disk: &SimulatedDisk, is_watermark: bool) -> Result<(), Violation> {
        let reader = match Reader::open(&directory(), ReaderOptions::new().storage(disk.process())) {
            Ok(reader) => reader,
            Err(OpenError::Damaged(_)) => return Ok(()),
            Err(error) => return Err(Violation::new("decay is called damage", format!("{error:?}"))),
        };
        let end = match reader.durable_end() {
            Ok(end) => end,
            Err(error) => return Err(Violation::new("the end is known", format!("{error:?}"))),
        };
        let may_lag = is_watermark || self.left == Left::WithoutItsLastWatermark;
        claim(may_lag || end.get() == self.records.len() as u64, "a reader knows the end", || {
            format!("{end}")
        })?;
        self.check_records(&reader, end)
    }

    fn check_records(&self, reader: &Reader, end: Seq) -> Result<(), Violation> {
        for seq in 0..end.get() {
            match reader.read(Seq::new(seq)) {
                Ok(Some(record)) => {
                    let expected = usize::try_from(seq).ok().and_then(|seq| self.records.get(seq));
                    claim(expected == Some(&shown(&record)), "no changed record is shown", || {
                        format!("record {seq}")
                    })?;
                }
                Ok(None) => return Err(Violation::new("no record is passed over", format!("record {seq}"))),
                Err(ReadError::Damaged(_)) => {}
                Err(error) => return Err(Violation::new("decay is called damage", format!("{error:?}"))),
            }
        }
        Ok(())
    }

    /// A writer gives up nothing that was acknowledged without saying so.
    fn check_opening(&self, disk: &SimulatedDisk, is_watermark: bool) -> Result<(), Violation> {
        let (wal, report) = match opened(&self.workload, disk) {
            Ok(opened) => opened,
            Err(OpenError::Damaged(_)) => return Ok(()),
            Err(error) => return Err(Violation::new("decay is called damage", format!("{error:?}"))),
        };
        claim(!report.created, "a damaged log is no new one", String::new)?;
        let (kept, all) = (usize::try_from(report.next_seq.get()).unwrap_or(usize::MAX), self.records.len());
        if kept < all {
            claim(report.ambiguous, "what is given up is said to be", || format!("{report:?}"))?;
            let lags = is_watermark || self.left == Left::WithoutItsLastWatermark;
            claim(lags, "what the watermark covers is never cut", || format!("{report:?}"))?;
            // The next commit says that this one was durable.
            claim(kept + self.last_commit_records >= all, "damage in the middle is refused", || {
                format!("{report:?}")
            })?;
        }
        self.check_records(&wal.reader(), report.next_seq)
    }
}

/// Every way in which a log is left.
pub const ALL_LEFT: [Left; 4] = [Left::Closed, Left::Compressed, Left::Killed, Left::WithoutItsLastWatermark];

/// A segment in which a byte was flipped isn't compressed: that would make the checksums right that say so.
pub fn compressing_hides_no_damage() -> Result<(), Violation> {
    const STRIDE: usize = 5;
    let specimen = Specimen::prepare(Left::Closed)?;
    let first = directory().join("00000000000000000000.wal");
    let Some(file) = specimen.medium.find(&first) else {
        return Err(Violation::new("a log has a first segment", ""));
    };
    for at in (4096..specimen.medium.live(file).len()).step_by(STRIDE) {
        let mut medium = specimen.medium.clone();
        medium.flip(file, at, 1 << (at % 8));
        let disk = SimulatedDisk::new(medium, 1);
        let place =
            |error: String| Violation::new("a log with old damage opens", format!("byte {at}: {error}"));
        let (wal, _) = opened(&specimen.workload, &disk).map_err(|error| place(error.to_string()))?;
        wal.compress(|_| ()).map_err(|error| place(error.to_string()))?;
        let noticed = !verified(&disk.medium())?.is_sound();
        claim(noticed, "compressing hides no damage", || format!("byte {at}"))?;
        specimen.check_reader(&disk, false)?;
        disk.kill();
    }
    Ok(())
}

fn opened(workload: &Workload, disk: &SimulatedDisk) -> Result<(Wal, OpenReport), OpenError> {
    Wal::open(&directory(), options(workload, disk.process()))
}

fn verified(medium: &Medium) -> Result<VerifyReport, Violation> {
    let disk = SimulatedDisk::new(medium.clone(), 1);
    let report = verify(&directory(), &VerifyOptions::new().storage(disk.process()));
    report.map_err(|error| Violation::new("a damaged log can be verified", format!("{error:?}")))
}

fn shown(record: &Record) -> (Vec<u8>, i64) {
    (record.payload().to_vec(), record.commit_time())
}

/// With a watermark as old as the log itself, all is found, and a segment that is missing before others is missed.
pub fn gaps_behind_an_old_watermark_are_refused() -> Result<(), Violation> {
    let durable = runledger_wal::Durability::Durable;
    let workload = Workload::of_steps(vec![Step::Append(Size(2500), durable); 4]);
    let watermark = directory().join("watermark");
    let (mut medium, mut first) = (Medium::new(workload.geometry), None);
    for operation in &live(&workload)?.trace {
        medium.apply(operation);
        if let Some(file) = medium.find(&watermark).filter(|_| first.is_none()) {
            first = Some(Arc::clone(medium.live(file)));
        }
    }
    let (Some(file), Some(first)) = (medium.find(&watermark), first) else {
        return Err(Violation::new("a log has a watermark", ""));
    };
    medium.apply(&Operation::Write(file, 0, first[..].into()));
    let look = |medium: &Medium| opened(&workload, &SimulatedDisk::new(medium.clone(), 1));
    let whole =
        look(&medium).map_err(|error| Violation::new("an old watermark is enough", format!("{error:?}")))?;
    claim(whole.1.next_seq == Seq::new(4), "an old watermark loses nothing", || format!("{:?}", whole.1))?;
    let segments: Vec<_> =
        medium.contents().into_keys().filter(|name| name.ends_with("spare.wal").not()).collect();
    let segments: Vec<_> =
        segments.iter().filter(|name| name.extension().is_some_and(|it| it == "wal")).collect();
    for name in segments.iter().take(segments.len().saturating_sub(1)) {
        let mut gap = medium.clone();
        gap.apply(&Operation::Remove(Arc::clone(name)));
        let refused = matches!(look(&gap), Err(OpenError::Damaged(_)));
        claim(refused, "a log with a gap is refused", || name.display().to_string())?;
    }
    Ok(())
}

/// A commit of another log, at the right offset and with the right number, isn't taken for one of this.
pub fn stale_bytes_are_never_accepted() -> Result<(), Violation> {
    let durable = runledger_wal::Durability::Durable;
    let steps = |count: usize| vec![Step::Append(Size(120), durable); count];
    let (short, long) = (Workload::of_steps(steps(3)), Workload { seed: 2, ..Workload::of_steps(steps(4)) });
    let settled = |workload: &Workload| {
        let mut medium = Medium::new(workload.geometry);
        live(workload)?.trace.iter().for_each(|operation| medium.apply(operation));
        Ok::<_, Violation>(medium)
    };
    let (mine, other) = (settled(&short)?, settled(&long)?);
    let first = directory().join("00000000000000000000.wal");
    let (Some(file), Some(theirs)) = (mine.find(&first), other.find(&first)) else {
        return Err(Violation::new("a log has a first segment", ""));
    };
    let used = |bytes: &[u8]| {
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 1).next_multiple_of(8))
    };
    let (from, to) = (used(mine.live(file)), used(other.live(theirs)));
    let stale: Arc<[u8]> = other.live(theirs)[from..to].into();
    let mut recycled = mine.clone();
    recycled.apply(&Operation::Write(file, from, stale));
    let disk = SimulatedDisk::new(recycled, 1);
    let opened = opened(&short, &disk)
        .map_err(|error| Violation::new("stale bytes are no damage", format!("{error:?}")))?;
    claim(opened.1.next_seq == Seq::new(3), "stale bytes are never accepted", || format!("{:?}", opened.1))
}

/// A copy of a frame inside a payload, at an offset that isn't its own, decides nothing.
pub fn misplaced_frames_are_never_accepted() -> Result<(), Violation> {
    let workload = Workload::of_steps(Vec::new());
    let disk = SimulatedDisk::new(Medium::new(workload.geometry), 1);
    let failed = |error: String| Violation::new("a log can be written", error);
    let (wal, _) = opened(&workload, &disk).map_err(|error| failed(error.to_string()))?;
    let append = |payload: &[u8], durability| {
        wal.append(payload, durability).map(drop).map_err(|error| failed(error.to_string()))
    };
    append(b"first", runledger_wal::Durability::Durable)?;
    append(b"other", runledger_wal::Durability::Durable)?;
    let name = directory().join("00000000000000000000.wal");
    let storage = disk.process();
    let file =
        storage.open(&name, runledger_wal::OpenMode::Write).map_err(|error| failed(error.to_string()))?;
    let mut frame = [0; 64];
    // Header, then a frame of 64 bytes and a record of 48: the second commit's frame follows.
    let second_at = 4096 + 64 + 48;
    file.read_at(&mut frame, second_at).map_err(|error| failed(error.to_string()))?;
    // A record that quotes it, on its way when the process dies, and torn in its own frame.
    append(&frame, runledger_wal::Durability::Written)?;
    let third_at = second_at + 64 + 48;
    file.write_at(&[0xff; 4], third_at).map_err(|error| failed(error.to_string()))?;
    disk.kill();
    drop(wal);
    let (_, report) = opened(&workload, &disk).map_err(|error| failed(error.to_string()))?;
    claim(!report.ambiguous && report.torn_tail_bytes > 0, "a quoted frame decides nothing", || {
        format!("{report:?}")
    })
}
