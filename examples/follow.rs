//! Follows a ledger while it is written. Here the writer is a thread; it may as well be another process.
//!
//! `cargo run -p runledger --example follow [DIRECTORY]`

use std::error::Error;
use std::time::{Duration, Instant};

use runledger::{AppendError, Body, Event, Ledger, RunStarted};

/// A writer that says nothing for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".runledger".to_owned());
    let writer = Ledger::open(&directory)?;

    // Reading takes no lock: any number of processes may do this beside the writer.
    let reader = Ledger::open_read_only(&directory)?;
    let mut tail = reader.tail(writer.durable_end()?);

    let writing = std::thread::spawn(move || -> Result<(), AppendError> {
        for number in 0..5 {
            let started = Body::RunStarted(RunStarted::default());
            writer.append(Event::new(started).with_run(format!("run-{number}")))?;
        }
        Ok(())
    });

    let mut seen = 0;
    while seen < 5 {
        for stored in &mut tail {
            let stored = stored?;
            println!(
                "record {}: {} {}",
                stored.seq,
                stored.event.kind(),
                stored.event.run_id.unwrap_or_default()
            );
            seen += 1;
        }
        if seen < 5 && !tail.wait(Some(Instant::now() + SILENCE_MAX))? {
            return Err("the writer has gone silent".into());
        }
    }
    writing.join().map_err(|_| "the writer panicked")??;
    Ok(())
}
