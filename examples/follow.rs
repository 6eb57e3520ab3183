//! Follows a ledger while it is written: first what is stored, then what comes, each event once. Here the writer is a
//! thread; it may as well be another process.
//!
//! `cargo run -p runledger --example follow [DIRECTORY]`

use std::error::Error;
use std::time::{Duration, Instant};

use runledger::{
    AppendError, Body, Event, EventFilter, Kind, Ledger, RunStarted, SubscribeFrom, SubscriptionError,
};

/// A writer that says nothing for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Who is further behind than this would rather know than catch up.
const LAG_EVENTS_MAX: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".runledger".to_owned());
    let writer = Ledger::open(&directory)?;

    // Reading takes no lock: any number of processes may do this beside the writer, and none of them slows it down.
    let reader = Ledger::open_read_only(&directory)?;
    let starts = EventFilter { kinds: vec![Kind::RunStarted], ..EventFilter::default() };
    let mut subscription = reader.subscribe(&starts, SubscribeFrom::Now)?.with_lag_events_max(LAG_EVENTS_MAX);

    let writing = std::thread::spawn(move || -> Result<(), AppendError> {
        for number in 0..5 {
            let started = Body::RunStarted(RunStarted::default());
            writer.append(Event::new(started).with_run(format!("run-{number}")))?;
        }
        Ok(())
    });

    let mut seen = 0;
    while seen < 5 {
        match subscription.next_until(Some(Instant::now() + SILENCE_MAX)) {
            Ok(Some(stored)) => {
                println!("record {}: {}", stored.seq, stored.event.run_id.as_deref().unwrap_or_default());
                seen += 1;
            }
            Ok(None) => return Err("the writer has gone silent".into()),
            // Nothing is lost: the next call goes on with the first of them, unless they are skipped.
            Err(SubscriptionError::Lagged { behind, .. }) => println!("{behind} events behind"),
            Err(error) => return Err(error.into()),
        }
    }
    writing.join().map_err(|_| "the writer panicked")??;
    // Where another process would go on, with `Seq::new(…)` in place of `Now`.
    println!("seen all before record {}", subscription.next_seq());
    Ok(())
}
