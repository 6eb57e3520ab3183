//! Random lives of a ledger with subscriptions and questions about recent events, beside a writer whose index is paused,
//! built anew and closed: all of them show what a plain list of the appended events does.

use runledger_audit::{
    Durability, EventFilter, EventId, Ledger, LedgerOptions, Order, Recent, Seq, StoredEvent, Subscription,
};

use super::crashed::Random;
use super::{Place, custom};

const LIVES: u64 = 30;
const STEPS: u64 = 60;
const RUNS: u64 = 4;

/// What was appended: the run and the id of each event.
type Log = Vec<(u64, EventId)>;

/// A subscription, and what it should give next.
struct Follower {
    subscription: Subscription,
    run: Option<u64>,
    next: u64,
    of_reader: bool,
}

struct Life {
    random: Random,
    place: Place,
    options: LedgerOptions,
    log: Log,
    events_max: u64,
    followers: Vec<Follower>,
}

fn filter(run: Option<u64>) -> EventFilter {
    EventFilter { run: run.map(|run| run.to_string().into()), ..EventFilter::default() }
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let events_max = match random.below(4) {
            0 => 0,
            1 => 3,
            2 => 20,
            _ => 10_000,
        };
        let bytes_max = if random.below(2) == 0 { 2000 } else { 1 << 20 };
        let options = Ledger::options()
            .leave_runs_open(true)
            .index_tail_events_max(30)
            .recent_events_max(usize::try_from(events_max).unwrap())
            .recent_bytes_max(bytes_max);
        Self { random, place: Place::new(), options, log: Vec::new(), events_max, followers: Vec::new() }
    }

    fn open(&self) -> (Ledger, Ledger) {
        let writer = self.options.clone().open(self.place.path()).unwrap();
        (writer, self.options.clone().open_read_only(self.place.path()).unwrap())
    }

    fn append(&mut self, writer: &Ledger) {
        let most = if self.random.below(5) == 0 { 200 } else { 6 };
        for _ in 0..self.random.below(most) {
            let run = self.random.below(RUNS);
            let event = custom("a").with_run(run.to_string());
            self.log.push((run, event.event_id));
            let _ = writer.submit(event, Durability::Buffered).unwrap();
        }
        writer.sync().unwrap();
    }

    fn entry(&self, seq: u64) -> (u64, EventId) {
        *self.log.get(usize::try_from(seq).unwrap()).unwrap()
    }

    fn some_run(&mut self) -> Option<u64> {
        let run = self.random.below(RUNS + 2);
        (run < RUNS).then_some(run)
    }

    fn subscribe(&mut self, writer: &Ledger, reader: &Ledger) {
        let end = self.log.len() as u64;
        let next = self.random.below(end + 3);
        let (run, of_reader) = (self.some_run(), self.random.below(3) == 0);
        let ledger = if of_reader { reader } else { writer };
        let subscription = ledger.subscribe(&filter(run), Seq::new(next)).unwrap();
        self.followers.push(Follower { subscription, run, next, of_reader });
    }

    /// Takes some of what a follower has to come, or all of it.
    fn take(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let which = usize::try_from(self.random.below(self.followers.len() as u64)).unwrap();
        let most = if self.random.below(2) == 0 { 1000 } else { 7 };
        let follower = self.followers.get_mut(which).unwrap();
        for _ in 0..self.random.below(most) {
            let Some(stored) = follower.subscription.try_next().unwrap() else {
                follower.check_end(&self.log);
                break;
            };
            follower.check(&stored, &self.log);
        }
        if self.random.below(4) == 0 {
            self.followers.swap_remove(which);
        }
    }

    fn ask_recent(&mut self, ledger: &Ledger) {
        let (run, limit) = (self.some_run(), usize::try_from(self.random.below(40)).unwrap());
        let end = self.log.len() as u64;
        let order = if self.random.below(2) == 0 { Order::Ascending } else { Order::Descending };
        let mut recent = match run {
            None => ledger.recent(limit).unwrap(),
            Some(_) => ledger.recent_matching(&EventFilter { limit, order, ..filter(run) }).unwrap(),
        };
        if order == Order::Descending && run.is_some() {
            recent.events.reverse();
        }
        assert_eq!(recent.end, Seq::new(end), "all that was acknowledged");
        self.check_recent(&recent, run, limit);
    }

    fn check_recent(&self, recent: &Recent, run: Option<u64>, limit: usize) {
        let (from, end) = (recent.from.get(), recent.end.get());
        let expected: Vec<u64> =
            (from..end).filter(|seq| run.is_none_or(|run| self.entry(*seq).0 == run)).collect();
        let shown: Vec<u64> = recent.events.iter().map(|stored| stored.seq.get()).collect();
        assert_eq!(shown, expected);
        for stored in &recent.events {
            assert_eq!(stored.event.event_id, self.entry(stored.seq.get()).1);
        }
        assert!(end - from <= self.events_max && shown.len() <= limit);
        // Less than was asked for only where no more are kept, or were ever appended. Ten events never take all the bytes.
        let due = self.events_max.min(end);
        assert!(shown.len() == limit || end - from >= due.min(5), "{from}..{end} of {due}, limit {limit}");
    }
}

impl Follower {
    fn wants(&self, entry: (u64, EventId)) -> bool {
        self.run.is_none_or(|run| run == entry.0)
    }

    fn check(&mut self, stored: &StoredEvent, log: &Log) {
        let next = usize::try_from(self.next).unwrap();
        let found = log.iter().enumerate().skip(next).find(|(_, entry)| self.wants(**entry));
        let (seq, (_, id)) = found.unwrap();
        assert_eq!((stored.seq.get(), stored.event.event_id), (seq as u64, *id));
        self.next = seq as u64 + 1;
        assert_eq!(self.subscription.next_seq().get(), self.next);
    }

    fn check_end(&self, log: &Log) {
        let next = usize::try_from(self.next).unwrap();
        assert!(!log.iter().skip(next).any(|entry| self.wants(*entry)), "nothing is left out");
    }
}

#[test]
fn subscriptions_and_recent_events_show_what_was_appended_through_pauses_rebuilds_and_reopening() {
    for seed in 0..LIVES {
        println!("seed {seed}");
        let mut life = Life::new(seed);
        let (mut writer, mut reader) = life.open();
        for _ in 0..STEPS {
            match life.random.below(12) {
                0..=3 => life.append(&writer),
                4 | 5 => life.subscribe(&writer, &reader),
                6..=8 => life.take(),
                9 => {
                    let ledger = if life.random.below(3) == 0 { &reader } else { &writer };
                    life.ask_recent(ledger);
                }
                10 => match life.random.below(3) {
                    0 => writer.pause_index().unwrap(),
                    1 => writer.resume_index().unwrap(),
                    _ => writer.rebuild_index(|_| ()).unwrap(),
                },
                _ => {
                    writer.close().unwrap();
                    // What the writer's own followers had not taken they still get, and then they end.
                    for mut follower in life.followers.drain(..).filter(|follower| !follower.of_reader) {
                        while let Some(stored) = follower.subscription.next_until(None).unwrap() {
                            follower.check(&stored, &life.log);
                        }
                        follower.check_end(&life.log);
                        assert!(follower.subscription.has_ended());
                    }
                    (writer, reader) = life.open();
                }
            }
        }
    }
}
