//! Who hears what the log tells its callers, and holds it against the storage: at the moment that it is told, and in
//! the end, after a power cut and after a kill.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runledger_wal::{AppendError, Durability, Receipt, Seq, Wal};

use super::meet;
use super::stage::reopen;
use super::storage::MemoryStorage;

/// What callers were told. A clone is the same witness.
#[derive(Clone)]
pub(super) struct Witness {
    storage: MemoryStorage,
    told: Arc<Mutex<Vec<Told>>>,
    /// Orders what happened: one number for each call and each return.
    events: Arc<AtomicU64>,
}

/// What a caller was told of a record.
#[derive(Clone)]
struct Told {
    payload: Vec<u8>,
    called_at: u64,
    returned_at: u64,
    answer: Result<(Seq, Durability), Refusal>,
}

/// Why a caller wasn't told that its record is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may be in the log.
    OutcomeUnknown,
    Poisoned,
    Full,
    NoRoom,
    Closed,
}

impl Witness {
    pub(super) fn new(storage: &MemoryStorage) -> Witness {
        Witness { storage: storage.clone(), told: Arc::default(), events: Arc::default() }
    }

    /// Appends a record, and believes nothing.
    pub(super) fn append(&self, wal: &Wal, payload: &[u8], durability: Durability) -> Option<Seq> {
        let called_at = self.event();
        let answer = wal.append(payload, durability);
        self.hear(wal, payload, called_at, answer)
    }

    /// Notes what the log came to do, for claims that must meet it.
    pub(super) fn meet_counters(wal: &Wal) {
        let counters = wal.counters();
        if counters.commits < counters.records {
            meet("a shared commit");
        }
        if counters.sealed > 0 {
            meet("a sealed segment");
        }
    }

    /// When something begins: for [`Witness::hear`].
    pub(super) fn event(&self) -> u64 {
        self.events.fetch_add(1, Ordering::SeqCst)
    }

    /// Holds an answer against the storage, at the moment that it is given.
    pub(super) fn hear(
        &self,
        wal: &Wal,
        payload: &[u8],
        called_at: u64,
        answer: Result<Receipt, AppendError>,
    ) -> Option<Seq> {
        let returned_at = self.event();
        meet(answer.as_ref().map_or_else(|error| Refusal::of(error).name(), |_| "an acknowledged record"));
        let answer = answer.map(|receipt| (receipt.seq, receipt.durability));
        let answer = answer.map_err(|error| Refusal::of(&error));
        match answer {
            Ok((_, Durability::Durable)) => {
                assert!(self.storage.holds_durably(payload), "told, and not durable");
            }
            Ok((_, Durability::Written)) => assert!(self.storage.holds(payload), "told, and not written"),
            Ok((_, Durability::Buffered)) | Err(_) => {}
        }
        self.told().push(Told { payload: payload.to_owned(), called_at, returned_at, answer });
        let (seq, durability) = answer.ok()?;
        if durability == Durability::Durable {
            assert!(wal.durable_end() > seq, "told, and not to be seen");
            let record = wal.reader().read(seq).expect("a durable record can be read");
            assert_eq!(record.expect("a durable record is there").payload(), payload, "another's number");
        }
        Some(seq)
    }

    /// The answers so far that were refusals.
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        self.told().iter().filter_map(|told| told.answer.err()).collect()
    }

    /// What the storage would hold if the power failed now, and what callers were told before.
    pub(super) fn cut_power(&self) -> (MemoryStorage, Witness) {
        // In this order: what is told in between needn't be on the storage.
        let told = Arc::new(Mutex::new(self.told().clone()));
        (self.storage.after_power_cut(), Witness { told, ..self.clone() })
    }

    /// The numbers of records that were placed are these, each given once, and follow the order of calls.
    pub(super) fn numbers_are_dense(&self, records: u64) {
        let told = self.told();
        let placed: BTreeMap<_, _> =
            told.iter().filter_map(|told| Some((told.answer.ok()?.0.get(), told))).collect();
        assert!(placed.keys().copied().eq(0..records), "numbers {:?} of {records}", placed.keys());
        for (at, record) in placed.values().enumerate() {
            let mut behind = placed.values().skip(at);
            assert!(behind.all(|one| one.returned_at > record.called_at), "a later call has a lower number");
        }
    }

    /// After a power cut everything is there that was called durable, and after a kill what was called written too;
    /// nothing is there that was refused.
    pub(super) fn holds_in_the_end(&self) {
        self.holds_after_power_cut(&self.storage.after_power_cut());
        self.holds_in(&self.storage.after_kill(), Durability::Written);
    }

    /// In this storage, which a power cut left, everything is there that was called durable.
    pub(super) fn holds_after_power_cut(&self, storage: &MemoryStorage) {
        self.holds_in(storage, Durability::Durable);
    }

    /// Everything is there that was given a number.
    pub(super) fn everything_is_there(&self) {
        self.holds_in(&self.storage.after_power_cut(), Durability::Buffered);
    }

    /// What was refused because the log takes nothing more isn't in any file.
    pub(super) fn nothing_poisoned_was_written(&self) {
        let told = self.told();
        let mut poisoned = told.iter().filter(|told| told.answer == Err(Refusal::Poisoned));
        assert!(!poisoned.any(|told| self.storage.holds(&told.payload)), "refused, and written");
    }

    fn holds_in(&self, storage: &MemoryStorage, least: Durability) {
        let (wal, _) = reopen(storage);
        let found: Vec<_> = wal.reader().scan(Seq::ZERO).map(|record| record.expect("it is sound")).collect();
        for Told { payload, answer, .. } in self.told().iter() {
            match answer {
                Ok((seq, durability)) if *durability >= least => {
                    let at = usize::try_from(seq.get()).expect("the model's numbers are small");
                    let record = found.get(at).expect("an acknowledged record is there");
                    assert_eq!(record.payload(), payload, "an acknowledged record is at its number");
                }
                Ok(_) | Err(Refusal::OutcomeUnknown) => {}
                Err(_) => {
                    let turned_up = found.iter().any(|record| record.payload() == payload);
                    assert!(!turned_up, "a refused record turned up");
                }
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Refusal::OutcomeUnknown => "an unknown outcome",
            Refusal::Poisoned => "a poisoned log",
            Refusal::Full => "a full disk",
            Refusal::NoRoom => "a full queue",
            Refusal::Closed => "a closed log",
        }
    }

    pub(super) fn of(error: &AppendError) -> Refusal {
        match error {
            AppendError::OutcomeUnknown(_) => Refusal::OutcomeUnknown,
            AppendError::Poisoned(_) => Refusal::Poisoned,
            AppendError::StorageFull(_) => Refusal::Full,
            AppendError::QueueFull { .. } => Refusal::NoRoom,
            AppendError::Closed => Refusal::Closed,
            other => panic!("nothing in the model leads to this: {other}"),
        }
    }
}

/// The bytes of a caller's record, like those of no other.
pub(super) fn payload(caller: u8, number: u8, bytes: usize) -> Vec<u8> {
    let mut payload = format!("<{caller}.{number}>").into_bytes();
    payload.resize(bytes.max(payload.len()), caller);
    payload
}
