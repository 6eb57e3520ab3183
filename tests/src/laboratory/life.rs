//! Runs a workload on a simulated disk, and writes down what was done to the disk and what the log said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runledger_wal::{
    AppendError, Background, CompressError, Durability, OpenError, Options, ReadError, Reader, ReaderOptions,
    Receipt, RecoverError, RecoverOptions, Seq, Storage, VerifyError, Wal, recover,
};

use crate::laboratory::disk::medium::{MOUNTED, Medium, Operation};
use crate::laboratory::disk::simulated::SimulatedDisk;
use crate::laboratory::history::{Ending, History, Violation, claim};
use crate::laboratory::workload::{Size, Step, Workload};

/// What came of a workload.
#[derive(Debug)]
pub struct Life {
    /// What was done to the disk.
    pub trace: Vec<Operation>,
    /// What the log said.
    pub history: History,
    /// How many calls the disk got.
    pub calls: u64,
    /// Whether a planned failure happened.
    pub was_struck: bool,
}

/// Where the log lies.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(MOUNTED).join("wal")
}

/// How the log of this workload is opened.
#[must_use]
pub fn options(workload: &Workload, storage: Arc<dyn Storage>) -> Options {
    Options::new()
        .create(true)
        .segment_bytes(workload.segment_bytes)
        .commit_alignment_bytes(workload.commit_alignment_bytes)
        .background(Background::Caller)
        .storage(storage)
}

/// All records that a reader shows.
pub fn records(reader: &Reader) -> Result<Vec<Vec<u8>>, ReadError> {
    reader.scan(Seq::ZERO).map(|record| Ok(record?.payload().to_vec())).collect()
}

/// Lives through a workload.
pub fn live(workload: &Workload) -> Result<Life, Violation> {
    let disk = SimulatedDisk::new(Medium::new(workload.geometry), workload.seed);
    let disk = disk.recording().with_short_calls(workload.short_calls);
    let mut living = Living {
        workload,
        disk,
        wal: None,
        history: History::default(),
        power_cut: false,
        was_struck: false,
    };
    for step in &workload.steps {
        living.run(step)?;
        living.look()?;
    }
    living.was_struck |= living.disk.was_struck();
    let (trace, calls) = (living.disk.trace(), living.disk.calls());
    // The process dies with the workload: its last handle must not write to a disk that is examined already.
    living.disk.kill();
    Ok(Life { trace, history: std::mem::take(&mut living.history), calls, was_struck: living.was_struck })
}

/// A workload under way.
struct Living<'a> {
    workload: &'a Workload,
    disk: SimulatedDisk,
    wal: Option<Wal>,
    history: History,
    /// Whether the power was cut since the log was open last.
    power_cut: bool,
    was_struck: bool,
}

impl Living<'_> {
    fn now(&self) -> usize {
        self.disk.operations()
    }

    fn run(&mut self, step: &Step) -> Result<(), Violation> {
        match step {
            Step::Append(size, durability) => self.append(*size, *durability),
            Step::Batch(sizes, durability) => self.append_batch(sizes, *durability),
            Step::Submit(sizes) => self.submit(sizes),
            Step::Sync => self.opened(|wal| drop(wal.sync())),
            Step::Tend => self.opened(|wal| {
                wal.tend();
            }),
            Step::Compress => self.compress(),
            Step::Close => {
                self.opened(|_| ())?;
                self.wal.take().into_iter().for_each(|wal| drop(wal.close()));
                Ok(())
            }
            Step::Kill => {
                self.die(SimulatedDisk::kill);
                Ok(())
            }
            Step::CutPower(seed) => {
                self.die(|disk| disk.cut_power(*seed));
                self.power_cut = true;
                self.history.power_was_cut(self.now());
                Ok(())
            }
            Step::Recover => self.recover(),
            Step::Fail(plan) => {
                self.heal();
                self.disk.fail(*plan);
                Ok(())
            }
            Step::Heal => {
                self.heal();
                Ok(())
            }
            Step::PutClockBack => {
                self.disk.put_clock_back(3_600_000_000_000);
                Ok(())
            }
        }
    }

    fn heal(&mut self) {
        self.was_struck |= self.disk.was_struck();
        self.disk.heal();
    }

    fn die(&mut self, end: impl FnOnce(&SimulatedDisk)) {
        end(&self.disk);
        self.wal = None;
    }

    /// Does something with the open log.
    fn opened(&mut self, act: impl FnOnce(&Wal)) -> Result<(), Violation> {
        self.open()?;
        if let Some(wal) = &self.wal {
            act(wal);
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Violation> {
        if self.wal.is_some() {
            return Ok(());
        }
        let opened = match self.try_open() {
            // Opening fails cleanly, and the next attempt, with nothing in its way, succeeds.
            Err(OpenError::Storage(_)) if self.disk.was_struck() => {
                self.heal();
                self.try_open()
            }
            opened => opened,
        };
        let wal =
            opened.map_err(|error| Violation::new("a log can be opened again", format!("{error:?}")))?;
        let found = self.records_of(&wal.reader())?;
        if let Some(found) = found {
            let ending = if self.power_cut { Ending::PowerCut } else { Ending::Kill };
            self.history.check(self.now(), ending, &found)?;
            self.history.reopened(self.now(), &found)?;
        }
        self.power_cut = false;
        self.wal = Some(wal);
        Ok(())
    }

    fn try_open(&self) -> Result<Wal, OpenError> {
        let options = options(self.workload, self.disk.process());
        Wal::open(&directory(), options).map(|(wal, _)| wal)
    }

    /// The records that a reader shows; `None` if a planned failure keeps it from reading.
    fn records_of(&mut self, reader: &Reader) -> Result<Option<Vec<Vec<u8>>>, Violation> {
        match records(reader) {
            Ok(found) => Ok(Some(found)),
            Err(ReadError::Storage(_)) if self.disk.was_struck() => {
                // What is read again when nothing fails tells what there is.
                self.heal();
                records(reader).map(Some).map_err(|error| unreadable(&error))
            }
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// What this process and another one are shown binds the log.
    fn look(&mut self) -> Result<(), Violation> {
        self.disk.suspend_faults(!self.workload.looks_may_fail);
        let looked = self.look_around();
        self.disk.suspend_faults(false);
        looked
    }

    fn look_around(&mut self) -> Result<(), Violation> {
        let Some(wal) = &self.wal else { return Ok(()) };
        let own = wal.reader();
        if let Some(found) = self.records_of(&own)? {
            self.history.show(self.now(), &found)?;
        }
        match Reader::open(&directory(), ReaderOptions::new().storage(self.disk.process())) {
            Ok(other) => {
                if let Some(found) = self.records_of(&other)? {
                    self.history.show(self.now(), &found)?;
                }
            }
            Err(OpenError::Storage(_)) if self.disk.was_struck() => self.heal(),
            Err(error) => {
                return Err(Violation::new("a reader opens beside the writer", format!("{error:?}")));
            }
        }
        self.knock()
    }

    /// Nobody else may write.
    fn knock(&mut self) -> Result<(), Violation> {
        match self.try_open() {
            Err(OpenError::Locked { .. }) => {}
            Err(OpenError::Storage(_)) if self.disk.was_struck() => self.heal(),
            other => {
                let detail = format!("{:?}", other.map(|_| ()));
                return Err(Violation::new("a second writer is refused", detail));
            }
        }
        Ok(())
    }

    fn append(&mut self, size: Size, durability: Durability) -> Result<(), Violation> {
        self.open()?;
        let number = self.history.next_number();
        let payload = self.history.send(self.now(), &[size]).remove(0);
        let Some(wal) = &self.wal else { return Ok(()) };
        let result = wal.append(&payload, durability);
        self.heard(number, 1, result.map(|receipt| (receipt.seq, receipt.durability)))
    }

    fn append_batch(&mut self, sizes: &[Size], durability: Durability) -> Result<(), Violation> {
        self.open()?;
        let number = self.history.next_number();
        let payloads = self.history.send(self.now(), sizes);
        let Some(wal) = &self.wal else { return Ok(()) };
        let result = wal.append_batch(&payloads, durability);
        self.heard(number, sizes.len() as u64, result.map(|receipt| (receipt.first_seq, receipt.durability)))
    }

    fn submit(&mut self, sizes: &[Size]) -> Result<(), Violation> {
        self.open()?;
        let mut tickets = Vec::new();
        for size in sizes {
            let number = self.history.next_number();
            let payload = self.history.send(self.now(), &[*size]).remove(0);
            let Some(wal) = &self.wal else { return Ok(()) };
            let ticket = wal.submit(&payload, Durability::Durable);
            tickets.push((number, ticket));
        }
        for (number, ticket) in tickets {
            let result = ticket.and_then(runledger_wal::Ticket::wait);
            self.heard(number, 1, result.map(|Receipt { seq, durability, .. }| (seq, durability)))?;
        }
        Ok(())
    }

    /// Notes what the log said of these records.
    fn heard(
        &mut self,
        first: u64,
        records: u64,
        result: Result<(Seq, Durability), AppendError>,
    ) -> Result<(), Violation> {
        let now = self.now();
        match result {
            Ok((seq, durability)) => {
                for (number, seq) in (first..first + records).zip(seq.get()..) {
                    match durability {
                        Durability::Durable => self.history.acknowledge(now, number, seq),
                        Durability::Written => self.history.written(now, number, seq),
                        Durability::Buffered => {}
                    }
                }
            }
            Err(error) => {
                claim(
                    self.was_struck || self.disk.was_struck(),
                    "an append fails only if a call failed",
                    || format!("{error:?}"),
                )?;
                if !error.is_outcome_unknown() {
                    (first..first + records).for_each(|number| self.history.refuse(now, number));
                }
            }
        }
        Ok(())
    }

    fn compress(&mut self) -> Result<(), Violation> {
        self.open()?;
        let Some(wal) = &self.wal else { return Ok(()) };
        match wal.compress(|_| ()) {
            Ok(report) => claim(report.left == 0, "sealed segments are sound", || format!("{report:?}")),
            Err(CompressError::Storage(_) | CompressError::Poisoned(_))
                if self.was_struck || self.disk.was_struck() =>
            {
                Ok(())
            }
            Err(error) => {
                Err(Violation::new("compressing fails only if a call failed", format!("{error:?}")))
            }
        }
    }

    fn recover(&mut self) -> Result<(), Violation> {
        if self.wal.is_some() {
            return Ok(());
        }
        let attempt =
            |disk: &SimulatedDisk| recover(&directory(), &RecoverOptions::new().storage(disk.process()));
        let recovered = match attempt(&self.disk) {
            Err(error) if self.disk.was_struck() && is_storage(&error) => {
                self.heal();
                attempt(&self.disk)
            }
            recovered => recovered,
        };
        match recovered {
            Ok(report) => {
                claim(report.damaged.is_empty(), "a crash damages nothing", || format!("{report:?}"))
            }
            // Nothing was there yet.
            Err(RecoverError::Open(OpenError::NotALedger { .. })) => Ok(()),
            Err(error) => Err(Violation::new("a log can be repaired", format!("{error:?}"))),
        }
    }
}

fn is_storage(error: &RecoverError) -> bool {
    matches!(
        error,
        RecoverError::Storage(_)
            | RecoverError::Open(OpenError::Storage(_))
            | RecoverError::Verify(VerifyError::Storage(_))
    )
}

fn unreadable(error: &ReadError) -> Violation {
    Violation::new("every record that there is can be read", format!("{error:?}"))
}
