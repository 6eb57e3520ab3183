//! What a log must be like after the world ended: looked at, verified, read, opened, used, and lost again.

use std::fmt::Write as _;
use std::path::Path;

use runledger_wal::{
    Durability, OpenError, OpenReport, Reader, ReaderOptions, RecoverOptions, VerifyError, VerifyOptions,
    VerifyReport, Wal, recover, verify,
};

use crate::laboratory::choice::{Choose as _, Leaning, Replay};
use crate::laboratory::disk::crash_point::CrashPoint;
use crate::laboratory::disk::medium::Medium;
use crate::laboratory::disk::simulated::SimulatedDisk;
use crate::laboratory::history::{Ending, History, Moment, Violation, claim};
use crate::laboratory::life::{directory, options, records};
use crate::laboratory::workload::{Size, Workload, payload};
use crate::random::Random;

/// What follows the first opening of a state, now and then one of them, because each costs as much again.
const SEQUELS: usize = 12;

/// Numbers of records that are appended to a recovered log, to tell them from those of its life.
const LATER_NUMBERS: u64 = 1 << 40;

/// A state of the disk, and what was promised when it arose.
pub struct Examination<'a> {
    /// The life that led to it.
    pub workload: &'a Workload,
    /// What the log said in it.
    pub history: &'a History,
    /// When it ended.
    pub moment: Moment,
    /// How.
    pub ending: Ending,
    /// What is there now.
    pub state: &'a Medium,
    /// Decides what is done with the recovered log.
    pub seed: u64,
}

impl Examination<'_> {
    /// Recovers the log and checks all that must hold. Returns how many states were recovered.
    pub fn run(&self) -> Result<u64, Violation> {
        let disk = SimulatedDisk::new(self.state.clone(), self.seed);
        let verified = verified(&disk)?;
        let shown = shown(&disk)?;
        let (wal, report) = self.opened(&disk)?;
        let found = self.checked(&wal)?;
        claim(found.starts_with(&shown), "a reader shows nothing that can vanish", || {
            format!("{} records were shown before recovery, {} found after", shown.len(), found.len())
        })?;
        let counted = verified.map(|report| report.records + report.recoverable_records);
        claim(
            counted.is_none_or(|counted| counted == found.len() as u64),
            "verification counts what is found",
            || format!("{counted:?} counted, {} found", found.len()),
        )?;
        claim(report.next_seq.get() == found.len() as u64, "the report says what was found", || {
            format!("{report:?}, {} found", found.len())
        })?;
        claim(
            !report.clean || report.torn_tail_bytes == 0,
            "a log that was closed has no torn tail",
            || format!("{report:?}"),
        )?;
        self.torn_bytes_are_kept(&disk, &report)?;
        let mut recovered = 1;
        if Random::new(!self.seed).once_in(4) {
            let state = CrashPoint::of(&disk.medium()).state(&mut Replay::new(&[]));
            recovered += self.exact(&state, &found, "what was shown at once survives a power cut at once")?;
        }
        let next = directory().join(format!("{:020}.wal", found.len()));
        let found = appended(&wal, found)?;
        claim(
            report.clean || disk.medium().find(&next).is_some(),
            "a recovered log goes on in a new segment",
            || format!("{report:?}"),
        )?;
        Ok(recovered + self.sequel(&disk, wal, &found)?)
    }

    fn opened(&self, disk: &SimulatedDisk) -> Result<(Wal, OpenReport), Violation> {
        let opened = Wal::open(&directory(), options(self.workload, disk.process()));
        opened.map_err(|error| Violation::new("a log can be opened again", format!("{error:?}")))
    }

    /// The records of an opened log, which must be what was promised.
    fn checked(&self, wal: &Wal) -> Result<Vec<Vec<u8>>, Violation> {
        let found = read(wal)?;
        self.history.check(self.moment, self.ending, &found)?;
        Ok(found)
    }

    /// What recovery cut off lies, byte for byte, in the file that it names.
    fn torn_bytes_are_kept(&self, disk: &SimulatedDisk, report: &OpenReport) -> Result<(), Violation> {
        const CLAIM: &str = "what is cut is kept aside";
        let Some(torn) = &report.torn_file else {
            return claim(report.torn_tail_bytes == 0, CLAIM, || format!("{report:?}"));
        };
        let medium = disk.medium();
        let kept = medium.find(torn).map(|file| medium.live(file));
        let kept = kept.ok_or_else(|| Violation::new(CLAIM, format!("{} is missing", torn.display())))?;
        let Some((segment, offset)) = origin(torn) else {
            return Err(Violation::new(CLAIM, format!("{} says nothing of its origin", torn.display())));
        };
        let before = self.state.find(&directory().join(segment)).map(|file| self.state.live(file));
        let original = before.and_then(|bytes| bytes.get(offset..offset + kept.len()));
        claim(original == Some(kept.as_slice()), CLAIM, || format!("{report:?}"))?;
        let whole = offset == 0 || kept.len() as u64 == report.torn_tail_bytes;
        claim(whole, CLAIM, || format!("{} bytes of {report:?}", kept.len()))?;
        let after = CrashPoint::of(&medium).state(&mut Replay::new(&[]));
        let survives = after.find(torn).is_some_and(|file| after.live(file) == kept);
        claim(survives, "what is cut is kept aside, also after a power cut", || format!("{report:?}"))
    }

    /// What happens next, one of several things. Returns how many more states were recovered.
    fn sequel(&self, disk: &SimulatedDisk, wal: Wal, found: &[Vec<u8>]) -> Result<u64, Violation> {
        let mut random = Random::new(self.seed);
        match random.below(SEQUELS) {
            0..=3 => {
                let state = CrashPoint::of(&disk.medium()).state(&mut Replay::new(&[]));
                self.exact(&state, found, "what was recovered survives the loss of all that isn't synced")
            }
            4 => {
                let state = CrashPoint::of(&disk.medium()).state(&mut Leaning::new(self.seed));
                self.exact(&state, found, "what was recovered survives a power cut")
            }
            5 => {
                disk.kill();
                drop(wal);
                self.exact(&disk.medium(), found, "what was recovered survives a kill")
            }
            6 => self.closed(disk, wal, found),
            7 => self.same_bytes_when_recovered_twice(),
            8 => self.repaired(),
            _ => Ok(0),
        }
    }

    /// The log on this disk holds exactly these records.
    fn exact(&self, state: &Medium, expected: &[Vec<u8>], what: &'static str) -> Result<u64, Violation> {
        let disk = SimulatedDisk::new(state.clone(), self.seed);
        let (wal, _) = self.opened(&disk)?;
        let found = read(&wal)?;
        claim(found == expected, what, || format!("{} records of {}", found.len(), expected.len()))?;
        Ok(1)
    }

    fn closed(&self, disk: &SimulatedDisk, wal: Wal, found: &[Vec<u8>]) -> Result<u64, Violation> {
        let closed = wal.close();
        claim(closed.is_ok(), "a recovered log can be closed", || format!("{closed:?}"))?;
        let state = CrashPoint::of(&disk.medium()).state(&mut Replay::new(&[]));
        let disk = SimulatedDisk::new(state, self.seed);
        let report = verified(&disk)?;
        let is_settled = |report: &VerifyReport| {
            report.recoverable_records == 0 && report.torn_tail_bytes == 0 && !report.ambiguous
        };
        claim(
            report.as_ref().is_some_and(is_settled),
            "a closed log has nothing behind its watermark",
            || format!("{report:?}"),
        )?;
        let (wal, report) = self.opened(&disk)?;
        claim(report.clean, "a closed log is clean, also after a power cut", || format!("{report:?}"))?;
        claim(read(&wal)? == found, "a closed log keeps everything", String::new)?;
        Ok(1)
    }

    fn same_bytes_when_recovered_twice(&self) -> Result<u64, Violation> {
        let (once, report) = self.recovered(self.state)?;
        if report.clean {
            // There was nothing to recover. Its last segment goes on, so that the next opening finds it unsealed.
            return Ok(1);
        }
        let (twice, _) = self.recovered(&once)?;
        let segments = |medium: &Medium| {
            let mut contents = medium.contents();
            contents.retain(|name, _| {
                name.extension().is_some_and(|extension| extension == "wal" || extension == "torn")
            });
            contents
        };
        let same = segments(&once) == segments(&twice);
        claim(same, "recovering twice gives the same bytes", || differences(&once, &twice))?;
        Ok(2)
    }

    /// What opening, and all that follows from it in the background, leaves behind when the process then dies.
    fn recovered(&self, state: &Medium) -> Result<(Medium, OpenReport), Violation> {
        let disk = SimulatedDisk::new(state.clone(), self.seed);
        let (wal, report) = self.opened(&disk)?;
        while wal.tend() {}
        disk.kill();
        Ok((disk.medium(), report))
    }

    /// Repairing gives up nothing, and leaves nothing to repair.
    fn repaired(&self) -> Result<u64, Violation> {
        let disk = SimulatedDisk::new(self.state.clone(), self.seed);
        let repair = || recover(&directory(), &RecoverOptions::new().storage(disk.process()));
        let first = match repair() {
            Ok(report) => report,
            Err(_) if shown(&disk)?.is_empty() => return Ok(0),
            Err(error) => return Err(Violation::new("a log can be repaired", format!("{error:?}"))),
        };
        claim(first.damaged.is_empty(), "a crash damages nothing", || format!("{first:?}"))?;
        let once = disk.medium();
        let second = repair();
        let nothing = second.as_ref().is_ok_and(|report| report.repaired.is_empty());
        claim(nothing, "a repaired log needs no repair", || format!("{first:?}, then {second:?}"))?;
        let segments = |medium: &Medium| {
            let mut contents = medium.contents();
            contents.retain(|name, _| name.extension().is_some());
            contents
        };
        let same = segments(&once) == segments(&disk.medium());
        claim(same, "repairing twice gives the same bytes", || differences(&once, &disk.medium()))?;
        let (wal, report) = self.opened(&disk)?;
        claim(report.clean, "a repaired log is clean", || format!("{report:?}"))?;
        self.checked(&wal)?;
        Ok(2)
    }
}

/// A crash damages nothing that was acknowledged, so verification must not say so.
fn verified(disk: &SimulatedDisk) -> Result<Option<VerifyReport>, Violation> {
    match verify(&directory(), &VerifyOptions::new().storage(disk.process())) {
        Ok(report) => {
            claim(report.is_sound(), "a crash damages nothing", || format!("{report:?}"))?;
            Ok(Some(report))
        }
        // Its creation was cut short; whether anything was promised, the check of the records says.
        Err(VerifyError::NotALedger { .. }) => Ok(None),
        Err(error) => Err(Violation::new("a log can be verified", format!("{error:?}"))),
    }
}

/// What a reader shows that comes before any writer.
fn shown(disk: &SimulatedDisk) -> Result<Vec<Vec<u8>>, Violation> {
    match Reader::open(&directory(), ReaderOptions::new().storage(disk.process())) {
        Ok(reader) => {
            records(&reader).map_err(|error| Violation::new("a reader reads", format!("{error:?}")))
        }
        Err(OpenError::NotALedger { .. }) => Ok(Vec::new()),
        Err(error) => Err(Violation::new("a reader opens", format!("{error:?}"))),
    }
}

/// Appends to the recovered log. Returns what must be in it from now on.
fn appended(wal: &Wal, mut found: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Violation> {
    const CLAIM: &str = "a recovered log goes on";
    let later = payload(LATER_NUMBERS, Size(300));
    let receipt = wal.append(&later, Durability::Durable);
    let receipt = receipt.map_err(|error| Violation::new(CLAIM, format!("{error:?}")))?;
    claim(receipt.seq.get() == found.len() as u64, CLAIM, || {
        format!("record {} follows {} records", receipt.seq, found.len())
    })?;
    found.push(later);
    claim(read(wal)? == found, CLAIM, || "what was appended isn't read".to_owned())?;
    Ok(found)
}

fn read(wal: &Wal) -> Result<Vec<Vec<u8>>, Violation> {
    let found = records(&wal.reader());
    found.map_err(|error| Violation::new("every record that there is can be read", format!("{error:?}")))
}

/// The segment and the offset that a file of torn bytes says it is from.
fn origin(torn: &Path) -> Option<(String, usize)> {
    let name = torn.file_name()?.to_str()?;
    let (segment, rest) = name.split_once(".wal.")?;
    let offset = rest.split('.').next()?.parse().ok()?;
    Some((format!("{segment}.wal"), offset))
}

/// In which files two disks differ.
fn differences(one: &Medium, other: &Medium) -> String {
    let (one, other) = (one.contents(), other.contents());
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    let mut text = String::new();
    for name in names.filter(|name| one.get(*name) != other.get(*name)) {
        let bytes = |contents: Option<&std::sync::Arc<Vec<u8>>>| contents.map(|bytes| bytes.len());
        let lengths = (bytes(one.get(name)), bytes(other.get(name)));
        let at = one
            .get(name)
            .zip(other.get(name))
            .and_then(|(one, other)| one.iter().zip(other.iter()).position(|(one, other)| one != other));
        let _ = write!(text, "{}: {lengths:?} bytes, first difference at {at:?}; ", name.display());
    }
    text
}
