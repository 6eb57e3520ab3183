//! The newest events in memory, decoded once and shared by all who ask.
//!
//! The ingestor hands over what it decodes anyway. What it has not come to yet, or never will (it is paused, fails, builds
//! the index anew, or there is none), is read from the log by whoever asks. A ring that nobody asked for as many events as
//! it may hold falls asleep: it gives up its memory, and costs the ingestor the look at a flag.
//!
//! INVARIANT: the slots are those of consecutive records, all of them durable. INVARIANT: nothing is read, and no event is
//! dropped, while the slots are locked: whoever hands over events waits for no disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use runledger_wal::{ReadError, Reader, Seq};

use super::slot::{self, Slot};

/// How many records are read from the log at a time.
const PIECE_EVENTS_MAX: u64 = 256;
/// How many bytes of records are read, or taken by one subscriber, at a time. One record may be longer.
pub(super) const PIECE_BYTES_MAX: usize = 1 << 20;
/// The slots are kept, and the records between read, if whoever asks for newer ones leaves out no more than these.
const BRIDGED_EVENTS_MAX: u64 = 64;

/// How much a ring may hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::ledger) struct Bounds {
    pub(in crate::ledger) events_max: usize,
    /// Of records in the log: what is decoded takes about as much.
    pub(in crate::ledger) bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { events_max: 10_000, bytes_max: 64 << 20 }
    }
}

/// Some of the slots.
pub(super) struct Piece {
    /// The number of the first.
    pub(super) first: Seq,
    pub(super) slots: Vec<Slot>,
}

impl Piece {
    pub(super) fn end(&self) -> Seq {
        plus(self.first, self.slots.len())
    }
}

#[derive(Debug)]
pub(super) struct Ring {
    bounds: Bounds,
    awake: AtomicBool,
    held: Mutex<Held>,
    /// Held by who reads from the log, so that the others find it read.
    filling: Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    slots: VecDeque<Slot>,
    first: Seq,
    bytes: usize,
    /// How many events were handed over since somebody asked.
    unasked: usize,
}

impl Held {
    fn end(&self) -> Seq {
        plus(self.first, self.slots.len())
    }

    /// Appends the slot of this number if it is the next. What has no place, or has to go for it, is left in `dropped`.
    fn push(&mut self, seq: Seq, slot: Slot, bounds: Bounds, dropped: &mut Vec<Slot>) -> bool {
        if seq != self.end() {
            dropped.push(slot);
            return false;
        }
        self.bytes = self.bytes.saturating_add(slot.bytes);
        self.slots.push_back(slot);
        while self.slots.len() > bounds.events_max || self.bytes > bounds.bytes_max {
            let Some(oldest) = self.slots.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            self.first = self.first.next();
            dropped.push(oldest);
        }
        true
    }

    /// Puts slots in front that end where it begins, the newest first, as far as there is room. Leaves the others.
    fn put_in_front(&mut self, slots: &mut Vec<Slot>, bounds: Bounds) {
        while let Some(newest) = slots.last() {
            let bytes = self.bytes.saturating_add(newest.bytes);
            if self.slots.len() >= bounds.events_max || bytes > bounds.bytes_max {
                return;
            }
            self.bytes = bytes;
            if let Some(slot) = slots.pop() {
                self.slots.push_front(slot);
            }
            self.first = minus(self.first, 1);
        }
    }

    /// Gives everything up, and goes on at this number.
    fn restart_at(&mut self, seq: Seq) -> VecDeque<Slot> {
        self.first = seq;
        self.bytes = 0;
        std::mem::take(&mut self.slots)
    }

    fn piece(&self, from: Seq, to: Seq, bytes_max: usize) -> Piece {
        let from = from.clamp(self.first, self.end());
        let (skipped, wanted) = (count(self.first, from), count(from, to));
        let mut bytes = 0_usize;
        let fits = |slot: &&Slot| {
            let is_room = bytes < bytes_max;
            bytes = bytes.saturating_add(slot.bytes);
            is_room
        };
        let slots = self.slots.iter().skip(skipped).take(wanted).take_while(fits).cloned().collect();
        Piece { first: from, slots }
    }
}

impl Ring {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, awake: AtomicBool::new(false), held: Mutex::default(), filling: Mutex::default() }
    }

    pub(super) fn events_max(&self) -> u64 {
        self.bounds.events_max as u64
    }

    /// Whether anybody asks. Who hands over events need not be exact about it.
    pub(super) fn is_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed)
    }

    /// How many events it holds, and how many bytes these are in the log.
    pub(super) fn size(&self) -> (u64, u64) {
        let held = self.held.lock();
        (held.slots.len() as u64, held.bytes as u64)
    }

    /// Takes what somebody decoded. Whatever does not come next is left: it is there already, or will be read by who asks.
    pub(super) fn offer(&self, fresh: impl Iterator<Item = (Seq, Slot)>) {
        let (mut dropped, mut slept) = (Vec::new(), None);
        {
            let mut held = self.held.lock();
            for (seq, slot) in fresh {
                if held.push(seq, slot, self.bounds, &mut dropped) {
                    held.unasked = held.unasked.saturating_add(1);
                }
            }
            if held.unasked > self.bounds.events_max {
                self.awake.store(false, Ordering::Relaxed);
                let end = held.end();
                slept = Some(held.restart_at(end));
            }
        }
        drop((dropped, slept));
    }

    /// The slots from `from` to before `to` that are there; as many as fit into so many bytes, and one more.
    pub(super) fn piece(&self, from: Seq, to: Seq, bytes_max: usize) -> Piece {
        self.held.lock().piece(from, to, bytes_max)
    }

    /// The newest slots, this many.
    pub(super) fn newest(&self, slots_max: u64) -> Piece {
        let held = self.held.lock();
        let end = held.end();
        held.piece(minus(end, slots_max), end, usize::MAX)
    }

    /// The slots from `next` on, some of them, for somebody who goes through the log in order; `next` is before `durable_end`.
    /// What is older than the ring is read from the log, for that caller alone.
    pub(super) fn follow(&self, log: &Reader, next: Seq, durable_end: Seq) -> Result<Vec<Slot>, ReadError> {
        let piece_end = Seq::new(next.get().saturating_add(PIECE_EVENTS_MAX)).min(durable_end);
        let taken = self.taken(next, piece_end);
        if !taken.is_empty() {
            return Ok(taken);
        }
        let (first, end) = {
            let held = self.held.lock();
            (held.first, held.end())
        };
        let is_recent = durable_end.get() - next.get() <= self.events_max();
        if is_recent && (next >= end || first == end) {
            self.cover(log, next, piece_end)?;
            let taken = self.taken(next, piece_end);
            if !taken.is_empty() {
                return Ok(taken);
            }
        }
        slot::read(log, next, piece_end, PIECE_BYTES_MAX)
    }

    fn taken(&self, next: Seq, to: Seq) -> Vec<Slot> {
        let mut held = self.held.lock();
        if next < held.first || next >= held.end() {
            return Vec::new();
        }
        self.asked(&mut held);
        held.piece(next, to, PIECE_BYTES_MAX).slots
    }

    fn asked(&self, held: &mut Held) {
        held.unasked = 0;
        self.awake.store(true, Ordering::Relaxed);
    }

    /// Has the ring hold the records from `from` to before `to`, which is durable, as far as its bounds allow. Reads what is
    /// missing from the log. Newer ones may be there too.
    pub(super) fn cover(&self, log: &Reader, from: Seq, to: Seq) -> Result<(), ReadError> {
        {
            let mut held = self.held.lock();
            self.asked(&mut held);
            if held.first <= from && held.end() >= to {
                return Ok(());
            }
        }
        let _filling = self.filling.lock();
        let given_up = {
            let mut held = self.held.lock();
            let is_far = from.get() > held.end().get().saturating_add(BRIDGED_EVENTS_MAX);
            (is_far || held.slots.is_empty()).then(|| held.restart_at(from))
        };
        drop(given_up);
        self.fill_behind(log, to)?;
        self.fill_in_front(log, from)
    }

    fn fill_behind(&self, log: &Reader, to: Seq) -> Result<(), ReadError> {
        loop {
            let end = self.held.lock().end();
            let piece_end = Seq::new(end.get().saturating_add(PIECE_EVENTS_MAX)).min(to);
            if end >= to {
                return Ok(());
            }
            let slots = slot::read(log, end, piece_end, PIECE_BYTES_MAX)?;
            if slots.is_empty() {
                return Ok(());
            }
            let mut dropped = Vec::new();
            let mut held = self.held.lock();
            for (seq, slot) in (end.get()..).map(Seq::new).zip(slots) {
                // The ingestor may have handed it over meanwhile.
                held.push(seq, slot, self.bounds, &mut dropped);
            }
            drop(held);
        }
    }

    fn fill_in_front(&self, log: &Reader, from: Seq) -> Result<(), ReadError> {
        loop {
            let (first, is_full) = {
                let held = self.held.lock();
                (held.first, held.slots.len() >= self.bounds.events_max)
            };
            if first <= from || is_full {
                return Ok(());
            }
            let piece_from = minus(first, PIECE_EVENTS_MAX).max(from);
            let mut slots = slot::read(log, piece_from, first, usize::MAX)?;
            // Where the log could not be read to the end, or newer events pushed out older ones meanwhile, nothing fits any
            // more in front.
            if slots.len() < count(piece_from, first) {
                return Ok(());
            }
            let mut held = self.held.lock();
            if held.first == first {
                held.put_in_front(&mut slots, self.bounds);
            }
            drop(held);
            if !slots.is_empty() {
                return Ok(());
            }
        }
    }
}

fn plus(seq: Seq, slots: usize) -> Seq {
    Seq::new(seq.get().saturating_add(slots as u64))
}

fn minus(seq: Seq, slots: u64) -> Seq {
    Seq::new(seq.get().saturating_sub(slots))
}

/// How many records there are from one to before another.
fn count(from: Seq, to: Seq) -> usize {
    usize::try_from(to.get().saturating_sub(from.get())).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
