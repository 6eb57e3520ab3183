//! What must be in a log, as far as somebody outside can know: of each record whether it was acknowledged (then it is
//! there, at its number), whether nobody knows (then it may be there, once), or whether it was refused or never sent
//! (then it isn't).

use std::collections::{BTreeMap, HashMap};

use runledger_tests::machine::lines::{Line, Style};
use runledger_tests::machine::numbered::Name;
use runledger_wal::{Leaf, Reader, Seq};

/// What a thread said of one of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Acknowledged,
    Refused,
    Unknown,
}

/// Knows what may be in one log.
pub(crate) struct Oracle {
    pub(crate) seed: u64,
    runs: u32,
    /// What each thread of each run has answered, in the order of its numbers.
    answers: HashMap<(u32, u32), Vec<Answer>>,
    /// Which record has this number, by an acknowledgement.
    acknowledged: BTreeMap<u64, Name>,
    /// What was found at the last check. None of it may ever change.
    known: Vec<Leaf>,
}

impl Oracle {
    pub(crate) fn new(seed: u64) -> Oracle {
        Oracle { seed, runs: 0, answers: HashMap::new(), acknowledged: BTreeMap::new(), known: Vec::new() }
    }

    /// The number of a run that starts now.
    pub(crate) fn start_run(&mut self) -> u32 {
        self.runs += 1;
        self.runs
    }

    /// The number after the last record that was acknowledged.
    pub(crate) fn acknowledged_end(&self) -> u64 {
        self.acknowledged.last_key_value().map_or(0, |(seq, _)| seq + 1)
    }

    /// The hash of a record that was found at the last check.
    pub(crate) fn known_leaf(&self, seq: u64) -> Option<Leaf> {
        self.known.get(usize::try_from(seq).unwrap()).copied()
    }

    /// Hears what a run says.
    pub(crate) fn hear(&mut self, run: u32, line: &Line) {
        let (thread, number, answer) = match line {
            Line::Acknowledged { thread, number, seq } => {
                let name = Name { run, thread: *thread, number: *number };
                let before = self.acknowledged.insert(*seq, name);
                assert_eq!(before, None, "{seq} was given to {name} too");
                (*thread, *number, Answer::Acknowledged)
            }
            Line::Refused { thread, number, .. } => (*thread, *number, Answer::Refused),
            Line::Unknown { thread, number } => (*thread, *number, Answer::Unknown),
            Line::Opened { .. } | Line::Closed { .. } | Line::NotOpened { .. } => return,
        };
        let answers = self.answers.entry((run, thread)).or_default();
        assert_eq!(answers.len() as u64, number, "a thread answers in the order of its numbers");
        answers.push(answer);
    }

    /// Sees that the log holds what it must hold before `end`, and nothing that it must not. Every run but one that has
    /// its records behind `end` has ended, and was heard out.
    pub(crate) fn check(&mut self, reader: &Reader, end: u64) {
        let durable_end = reader.durable_end().unwrap().get();
        assert!(durable_end >= end, "durable up to {durable_end}, opened with {end} records");
        let acknowledged_end = self.acknowledged_end();
        assert!(end >= acknowledged_end, "{end} records, acknowledged up to {acknowledged_end}");
        assert!(end >= self.known.len() as u64, "{} records became {end}", self.known.len());
        let mut order = Order::default();
        let records = usize::try_from(end).unwrap();
        let mut found = 0;
        for record in reader.scan(Seq::ZERO).take(records) {
            let record = record.unwrap();
            assert_eq!(record.seq().get(), found, "the numbering is dense");
            let name = Name::of_payload(self.seed, record.payload())
                .unwrap_or_else(|| panic!("nobody wrote what is at {found}"));
            self.judge(found, name);
            order.next(name);
            match self.known_leaf(found) {
                Some(before) => assert_eq!(record.leaf(), before, "{found} changed: {name}"),
                None => self.known.push(record.leaf()),
            }
            found += 1;
        }
        assert_eq!(found, end, "the scan ended early");
        order.end();
    }

    /// Whether this record may be at this place.
    fn judge(&self, seq: u64, name: Name) {
        if let Some(promised) = self.acknowledged.get(&seq) {
            assert_eq!(name, *promised, "at {seq}");
            return;
        }
        let answers = self.answers.get(&(name.run, name.thread)).map_or(&[][..], Vec::as_slice);
        match answers.get(usize::try_from(name.number).unwrap()) {
            Some(Answer::Acknowledged) => panic!("{name} is at {seq}, and was acknowledged elsewhere"),
            Some(Answer::Refused) => panic!("{name} was refused, and is at {seq}"),
            Some(Answer::Unknown) => {}
            None => {
                let sent = Style::of_thread(name.thread).group_of(answers.len() as u64);
                assert!(
                    (1..=self.runs).contains(&name.run) && sent.contains(&name.number),
                    "{name} is at {seq}, and was never sent"
                );
            }
        }
    }
}

/// Sees that each thread's records come in the order in which it sent them, none of them twice, and batches whole.
#[derive(Default)]
struct Order {
    /// The least number that may come next, by run and thread.
    next: HashMap<(u32, u32), u64>,
    last: Option<Name>,
}

impl Order {
    fn next(&mut self, name: Name) {
        let next = self.next.entry((name.run, name.thread)).or_default();
        assert!(name.number >= *next, "{name} comes after one that was sent later, or again");
        *next = name.number + 1;
        if Style::of_thread(name.thread) == Style::Batch {
            if name.number == Style::Batch.group_of(name.number).start {
                self.end();
            } else {
                let before = Name { number: name.number - 1, ..name };
                assert_eq!(self.last, Some(before), "a batch lies side by side, from its first on: {name}");
            }
        } else {
            self.end();
        }
        self.last = Some(name);
    }

    /// Nothing more of the last record's batch comes.
    fn end(&mut self) {
        if let Some(last) = self.last.take().filter(|last| Style::of_thread(last.thread) == Style::Batch) {
            assert_eq!(last.number + 1, Style::Batch.group_of(last.number).end, "half a batch: up to {last}");
        }
    }
}
