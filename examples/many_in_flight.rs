//! Appends from one thread without waiting for each: events that are in flight together share a sync.
//!
//! `cargo run -p runledger --example many_in_flight [DIRECTORY]`

use std::collections::VecDeque;
use std::error::Error;

use runledger::{Body, Content, Custom, Durability, Event, Json, Ledger, Submitted};

/// How many events may be on their way to the disk.
const IN_FLIGHT_MAX: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".runledger".to_owned());
    let ledger = Ledger::open(&directory)?;

    let mut in_flight: VecDeque<Submitted> = VecDeque::with_capacity(IN_FLIGHT_MAX);
    let mut durable = 0_u64;
    for number in 0..1_000 {
        if in_flight.len() == IN_FLIGHT_MAX
            && let Some(oldest) = in_flight.pop_front()
        {
            oldest.wait()?; // on stable storage when this returns, all before it too
            durable += 1;
        }
        let data = Some(Content::Inline(Json::parse(&number.to_string())?));
        let event =
            Event::new(Body::Custom(Custom { type_name: "count".to_owned(), data, ..Custom::default() }));
        in_flight.push_back(ledger.submit(event, Durability::Durable)?);
    }
    for submitted in in_flight {
        submitted.wait()?;
        durable += 1;
    }
    println!("{durable} events are on stable storage");
    ledger.close()?;
    Ok(())
}
