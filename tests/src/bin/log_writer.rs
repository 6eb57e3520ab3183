//! Opens a log, waits for a line of input, and then appends numbered records from several threads until it is killed,
//! or its input ends, or nothing more is accepted. It says on its own line what became of each record, after the log
//! has answered.
//!
//! `log_writer DIRECTORY SEED RUN THREADS SEGMENT_BYTES [BOOT_ID]`

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runledger_tests::machine::lines::{GROUP_RECORDS, Line, Style};
use runledger_tests::machine::numbered::Name;
use runledger_tests::machine::rebooted::RebootedDisk;
use runledger_wal::{AppendError, Durability, Options, Seq, Ticket, Wal};

/// How many errors a thread hears before it ends: what the log says after the first counts too.
const ATTEMPTS_THAT_FAIL: u32 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, seed, run, threads, segment_bytes, boot @ ..] = arguments.as_slice() else {
        eprintln!("usage: log_writer DIRECTORY SEED RUN THREADS SEGMENT_BYTES [BOOT_ID]");
        return ExitCode::FAILURE;
    };
    #[cfg(feature = "planted-bugs")]
    runledger_tests::machine::planted::plant_by_environment();
    let number = |text: &String| text.parse::<u64>().expect("an argument is a number");
    let mut options = Options::new().create(true).segment_bytes(number(segment_bytes));
    if let Some(boot_id) = boot.first() {
        options = options.storage(Arc::new(RebootedDisk::new(boot_id)));
    }
    let (wal, report) = match Wal::open(directory.as_ref(), options) {
        Ok(opened) => opened,
        Err(error) => {
            say(&Line::NotOpened { why: error.to_string() });
            return ExitCode::FAILURE;
        }
    };
    say(&Line::Opened {
        next_seq: report.next_seq.get(),
        recovered: report.recovered_records,
        torn_bytes: report.torn_tail_bytes,
        ambiguous: report.ambiguous,
    });
    // So that a test can look at what opening left before it changes.
    let _ = std::io::stdin().read_line(&mut String::new());
    let run = u32::try_from(number(run)).expect("there are not that many runs");
    let threads = u32::try_from(number(threads)).expect("there are not that many threads");
    let input_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (wal, input_ended) = (&wal, &input_ended);
            let name = Name { run, thread, number: 0 };
            scope.spawn(move || Author { wal, seed: number(seed), name }.write_until(input_ended));
        }
        // Also when all threads have ended: when the log is closed is for the test to say.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        input_ended.store(true, Ordering::Relaxed);
    });
    let result = wal.close().map_or_else(|error| error.to_string(), |()| "well".to_owned());
    say(&Line::Closed { result });
    ExitCode::SUCCESS
}

/// Prints a line with one write, so that a killed process leaves no half of it.
fn say(line: &Line) {
    // Nobody reads any more: the test is over.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
}

/// One thread, at its next record.
struct Author<'a> {
    wal: &'a Wal,
    seed: u64,
    name: Name,
}

impl Author<'_> {
    fn write_until(mut self, input_ended: &AtomicBool) {
        let mut attempts = ATTEMPTS_THAT_FAIL;
        while attempts > 0 && !(attempts == ATTEMPTS_THAT_FAIL && input_ended.load(Ordering::Relaxed)) {
            let written = match Style::of_thread(self.name.thread) {
                Style::Single => self.append(),
                Style::Batch => self.append_batch(),
                Style::Window => self.submit_window(),
                Style::Trail => self.append_trail(),
            };
            attempts -= u32::from(!written);
        }
    }

    /// Says what became of the next record, and whether it is in the log.
    fn answer(&mut self, fate: Fate) -> bool {
        let Name { thread, number, .. } = self.name;
        self.name.number += 1;
        say(&match fate {
            Fate::Durable(seq) => Line::Acknowledged { thread, number, seq: seq.get() },
            Fate::Unknown => Line::Unknown { thread, number },
            Fate::Refused(why) => Line::Refused { thread, number, why: why.to_owned() },
        });
        matches!(fate, Fate::Durable(_))
    }

    fn answer_all(&mut self, fates: impl IntoIterator<Item = Fate>) -> bool {
        fates.into_iter().fold(true, |all, fate| self.answer(fate) & all)
    }

    fn group_payloads(&self) -> Vec<Vec<u8>> {
        let group = Style::of_thread(self.name.thread).group_of(self.name.number);
        group.map(|number| Name { number, ..self.name }.payload(self.seed)).collect()
    }

    fn append(&mut self) -> bool {
        let result = self.wal.append(&self.name.payload(self.seed), Durability::Durable);
        self.answer(fate_of(result, |receipt| receipt.seq))
    }

    fn append_batch(&mut self) -> bool {
        let result = self.wal.append_batch(&self.group_payloads(), Durability::Durable);
        let first = fate_of(result, |receipt| receipt.first_seq);
        self.answer_all((0..GROUP_RECORDS).map(|place| match first {
            Fate::Durable(seq) => Fate::Durable(Seq::new(seq.get() + place)),
            other => other,
        }))
    }

    fn submit_window(&mut self) -> bool {
        let submit = |payload: &Vec<u8>| self.wal.submit(payload, Durability::Durable);
        let tickets: Vec<_> = self.group_payloads().iter().map(submit).collect();
        self.answer_all(
            tickets.into_iter().map(|ticket| fate_of(ticket.and_then(Ticket::wait), |receipt| receipt.seq)),
        )
    }

    fn append_trail(&mut self) -> bool {
        let payloads = self.group_payloads();
        let (last, others) = payloads.split_last().expect("a group has records");
        let append = |payload: &Vec<u8>, durability| {
            fate_of(self.wal.append(payload, durability), |receipt| receipt.seq)
        };
        let others: Vec<_> = others.iter().map(|payload| append(payload, Durability::Written)).collect();
        let last = append(last, Durability::Durable);
        // What was written is durable when something after it is. If nothing is, nobody knows.
        let others = others.into_iter().map(|written| match (written, last) {
            (Fate::Durable(_), Fate::Unknown | Fate::Refused(_)) => Fate::Unknown,
            (fate, _) => fate,
        });
        self.answer_all(others.chain([last]))
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Durable(Seq),
    Unknown,
    Refused(&'static str),
}

fn fate_of<T>(result: Result<T, AppendError>, seq: impl FnOnce(T) -> Seq) -> Fate {
    match result {
        Ok(receipt) => Fate::Durable(seq(receipt)),
        Err(AppendError::OutcomeUnknown(_)) => Fate::Unknown,
        Err(AppendError::StorageFull(_)) => Fate::Refused("full"),
        Err(AppendError::NotWritten(_)) => Fate::Refused("not-written"),
        Err(AppendError::Poisoned(_)) => Fate::Refused("poisoned"),
        Err(_) => Fate::Refused("otherwise"),
    }
}
