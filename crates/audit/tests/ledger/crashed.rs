//! Random lives of a ledger whose writer is killed, and whose index is lost, damaged, or put back from another day: readers
//! and writers answer as a plain filter over the log does, and know of runs what a plain fold over it does.

mod runs;

use std::collections::BTreeSet;

use runledger_audit::{
    AppendError, AsOf, Durability, Event, EventFilter, EventId, Ledger, Order, Seq, StoredEvent, Timestamp,
};

use self::runs::Runs;
use super::{Place, at, copy_folder, custom};

const LIVES: u64 = 12;
const STEPS: u64 = 14;

/// Small, fast, and seeded. (`SplitMix64`, public domain.)
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn name(&mut self, of: &str) -> Option<String> {
        let number = self.below(4);
        (number > 0).then(|| format!("{of}-{number}"))
    }

    fn one_of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        let which = self.below(things.len() as u64);
        things.get(usize::try_from(which).unwrap()).unwrap()
    }
}

/// A ledger, and how it got where it is.
struct Life {
    random: Random,
    place: Place,
    /// The index of an earlier day.
    old_index: Option<Place>,
    /// Events that nothing replaces yet.
    newest: Vec<EventId>,
    seed: u64,
}

fn open(place: &Place) -> Ledger {
    let options = Ledger::options().leave_runs_open(true).index_tail_events_max(30);
    options.open(place.path()).unwrap()
}

impl Life {
    fn new(seed: u64) -> Self {
        let place = Place::new();
        open(&place).close().unwrap();
        Self { random: Random(seed), place, old_index: None, newest: Vec::new(), seed }
    }

    fn event(&mut self) -> Event {
        let random = &mut self.random;
        // Past-dated ones and equal times.
        let time = i64::try_from(random.below(40)).unwrap();
        let (agent_id, session_id, run_id) =
            (random.name("agent"), random.name("session"), random.name("run"));
        if random.below(4) == 0 {
            // Of many runs, so that some are still at work when their writer is killed.
            let event = Event::new(runs::body(random)).with_run(format!("job-{}", random.below(40)));
            return Event { agent_id, session_id, ..at(time, event) };
        }
        let replaces = random.below(5) == 0 && !self.newest.is_empty();
        let supersedes = replaces.then(|| {
            let which = random.below(self.newest.len() as u64);
            self.newest.swap_remove(usize::try_from(which).unwrap())
        });
        let random = &mut self.random;
        let is_call = random.below(2) == 0;
        let event = if is_call { Event::new(runs::figures(random)) } else { custom("note") };
        let event = Event { agent_id, session_id, run_id, supersedes, ..at(time, event) };
        self.newest.push(event.event_id);
        event
    }

    fn append(&mut self, ledger: &Ledger) {
        for _ in 0..=self.random.below(45) {
            let event = self.event();
            match ledger.submit(event, Durability::Buffered) {
                // A run that has ended ends once.
                Ok(_) | Err(AppendError::RunFinished { .. }) => {}
                Err(error) => panic!("life {}: {error}", self.seed),
            }
        }
        ledger.sync().unwrap();
    }

    /// A writer comes, writes, and leaves: in good order, or killed while it may still be at its index.
    fn write(&mut self) {
        let ledger = open(&self.place);
        self.append(&ledger);
        check(&ledger, self.seed, "the writer");
        self.append(&ledger);
        if self.random.below(2) == 0 {
            self.place = self.place.killed();
        } else {
            ledger.close().unwrap();
        }
    }

    /// Something becomes of the index.
    fn disturb(&mut self) {
        let index = self.place.path().join("index");
        if !index.exists() {
            return;
        }
        match self.random.below(5) {
            0 => std::fs::remove_dir_all(&index).unwrap(),
            1 => self.damage(),
            2 => self.old_index = Some(self.place.killed()),
            3 => {
                if let Some(old) = &self.old_index {
                    std::fs::remove_dir_all(&index).unwrap();
                    copy_folder(&old.path().join("index"), &index);
                }
            }
            _ => {}
        }
    }

    fn damage(&mut self) {
        let files = std::fs::read_dir(self.place.path().join("index")).unwrap();
        let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let which = self.random.below(files.len() as u64);
        let path = files.swap_remove(usize::try_from(which).unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        let at = usize::try_from(self.random.below(bytes.len().max(1) as u64)).unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.random.below(8);
        }
        std::fs::write(&path, bytes).unwrap();
    }
}

/// All questions of this test, against the log read from its first record to its last.
fn check(ledger: &Ledger, seed: u64, who: &str) {
    // The runs of a killed writer are marked by events when the index can be asked for them: perhaps only now that a
    // question has waited until it was built anew.
    ledger.count(&EventFilter::default()).unwrap();
    ledger.interrupted_runs().unwrap();
    let log: Vec<StoredEvent> = ledger.tail(Seq::new(0)).map(Result::unwrap).collect();
    let Some(as_of) = log.last().map(|stored| AsOf::Seq(stored.seq)) else { return };
    let replaced: BTreeSet<EventId> = log.iter().filter_map(|stored| stored.event.supersedes).collect();
    let told = Runs::of(&log, &replaced);
    // What counts nowhere is found by its number alone.
    let log: Vec<StoredEvent> =
        log.into_iter().filter(|stored| !told.refused.contains(&stored.seq)).collect();
    let names =
        |of: &str| (0..4).map(|number| (number > 0).then(|| format!("{of}-{number}"))).collect::<Vec<_>>();
    let from = Timestamp::from_nanoseconds(13);
    for (agent, session) in names("agent")
        .iter()
        .flat_map(|agent| names("session").into_iter().map(move |session| (agent, session)))
    {
        for (from, order) in [(None, Order::Ascending), (Some(from), Order::Descending)] {
            let matches = |event: &Event| {
                agent.as_ref().is_none_or(|agent| event.agent_id.as_ref() == Some(agent))
                    && session.as_ref().is_none_or(|session| event.session_id.as_ref() == Some(session))
                    && from.is_none_or(|from| event.timestamp >= from)
                    && !replaced.contains(&event.event_id)
            };
            let mut expected: Vec<_> = log.iter().filter(|stored| matches(&stored.event)).collect();
            expected.sort_by_key(|stored| (stored.event.timestamp, stored.seq));
            if order == Order::Descending {
                expected.reverse();
            }
            let expected: Vec<Seq> = expected.iter().map(|stored| stored.seq).collect();
            let filter = EventFilter {
                agent: agent.clone().map(Into::into),
                session: session.clone().map(Into::into),
                from,
                as_of: Some(as_of),
                order,
                limit: 10_000,
                ..EventFilter::default()
            };
            let found: Vec<Seq> =
                ledger.events(&filter).unwrap().items.iter().map(|stored| stored.seq).collect();
            assert_eq!(found, expected, "{who} of life {seed} about {filter:?}");
            assert_eq!(
                ledger.count(&filter).unwrap(),
                expected.len() as u64,
                "{who} of life {seed}: {filter:?}"
            );
        }
    }
    for stored in log.iter().step_by(7) {
        assert_eq!(
            ledger.event(stored.event.event_id).unwrap().as_ref(),
            Some(stored),
            "{who} of life {seed}"
        );
    }
    told.check(ledger, as_of, &format!("{who} of life {seed}"));
    let noted: BTreeSet<Seq> = ledger.anomalies().unwrap().into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(noted, told.refused, "{who} of life {seed}");
}

#[test]
fn whatever_becomes_of_writers_and_of_the_index_answers_are_those_of_the_log() {
    for seed in 1..=LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            if life.random.below(3) == 0 {
                life.disturb();
            } else {
                life.write();
            }
            check(&life.place.read(), seed, "a reader");
        }
        check(&open(&life.place), seed, "the last writer");
    }
}
