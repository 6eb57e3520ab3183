//! A writer that is killed at random moments: what it printed is there, with the same bytes, the numbering is dense,
//! and appending goes on. Each writer is fed again what nobody knows the outcome of: the events' own ids keep the ledger
//! from storing any of them twice.

use std::io::Write;

use serde_json::Value;

use crate::program::{LiveWriter, Sandbox, identified_note};

/// How often the writer is killed.
const KILLS: u64 = 100;
/// How many events it is fed before all of them are through.
const EVENTS: u64 = 20_000;

/// Small, fast, and seeded: good enough to choose moments. (`SplitMix64`, public domain.)
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What is known of the log: the line of every event that was ever seen there.
#[derive(Default)]
struct Known {
    lines: Vec<String>,
}

impl Known {
    /// Sees that the log holds what it held before, byte for byte, and every event that was acknowledged since.
    fn check(&mut self, sandbox: &Sandbox, acknowledged: &[Value]) {
        let text = sandbox.run(["tail"]).expect(0).text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() >= self.lines.len(), "{} events became {}", self.lines.len(), lines.len());
        for (seq, (now, before)) in lines.iter().zip(&self.lines).enumerate() {
            assert_eq!(now, before, "event {seq} changed");
        }
        for (seq, line) in lines.iter().enumerate().skip(self.lines.len()) {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["seq"], seq, "the numbering is dense");
            self.lines.push((*line).to_owned());
        }
        for told in acknowledged {
            let seq = usize::try_from(told["seq"].as_u64().unwrap()).unwrap();
            let line = self.lines.get(seq).unwrap_or_else(|| panic!("acknowledged event {seq} is missing"));
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["eventId"], told["eventId"], "acknowledged event {seq}");
        }
    }

    /// The number in the last note: the next writer goes on behind it.
    fn next_note(&self) -> u64 {
        self.lines.last().map_or(0, |line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["body"]["data"]["n"].as_u64().unwrap() + 1
        })
    }
}

#[test]
fn a_writer_killed_100_times_loses_nothing_that_it_printed() {
    let seed = std::env::var("RUNLEDGER_KILL_SEED").map_or_else(
        |_| u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos()),
        |seed| seed.parse().unwrap(),
    );
    println!("seed {seed} (set RUNLEDGER_KILL_SEED to repeat the moments)");
    let mut random = Random(seed);
    let sandbox = Sandbox::new();
    let mut known = Known::default();
    for kill in 0..KILLS {
        let first = known.next_note();
        // So that about all events are through at the last kill: each takes its share of what is left.
        let share = EVENTS.saturating_sub(first) / (KILLS - kill);
        let moment = 1 + random.below(2 * share.max(1));
        let in_flight = ["1", "8", "64"][usize::try_from(random.below(3)).unwrap()];
        let mut writer = LiveWriter::start(&sandbox, &["--in-flight", in_flight]);
        let mut input = writer.take_input();
        let feeder = std::thread::spawn(move || {
            // Ends with a broken pipe when the writer dies.
            for number in first..first + EVENTS {
                if writeln!(input, "{}", identified_note(number)).is_err() {
                    break;
                }
            }
        });
        let mut acknowledged: Vec<Value> = Vec::new();
        for _ in 0..moment {
            acknowledged.push(writer.acknowledgement().expect("the writer goes on until it is killed"));
        }
        acknowledged.extend(writer.kill());
        feeder.join().unwrap();
        known.check(&sandbox, &acknowledged);
    }
    // Appending goes on: first with a note that the last opening may have found, then with one that nobody ever sent.
    let mut writer = LiveWriter::start(&sandbox, &[]);
    let sent_again = writer.append(&identified_note(known.next_note()));
    known.check(&sandbox, &[sent_again]);
    let new = writer.append(&identified_note(known.next_note()));
    assert_eq!(new["seq"], known.lines.len());
    known.check(&sandbox, &[new]);
    assert_eq!(writer.close(), 0);
    assert_eq!(sandbox.run(["verify", "--json"]).expect(0).value()["records"], known.lines.len());
    for (number, line) in known.lines.iter().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["body"]["data"]["n"], number, "every note is there once, in the order of the input");
    }
}
