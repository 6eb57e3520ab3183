//! Reads a ledger beside the process that writes to it: no lock, no server, and every answer is of now.
//!
//! `cargo run -p runledger --example beside_a_writer [DIRECTORY]`

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use runledger::{Body, ErrorClass, Event, EventFilter, Ledger, RunStarted};

/// With this as its second argument the program is the writer.
const WRITER: &str = "writer";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| ".runledger".to_owned());
    if arguments.next().as_deref() == Some(WRITER) {
        return write(&directory);
    }

    // Another process owns the ledger: here it is this program again.
    let mut writer = Command::new(std::env::current_exe()?)
        .args([directory.as_str(), WRITER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut orders = writer.stdin.take().ok_or("the writer has no input")?;
    let mut acknowledgements =
        BufReader::new(writer.stdout.take().ok_or("the writer has no output")?).lines();
    let mut order = |run: &str| -> Result<String, Box<dyn Error>> {
        writeln!(orders, "{run}")?;
        Ok(acknowledgements.next().ok_or("the writer is gone")??)
    };
    order("run-1")?;

    // A second writer is told who holds it. A reader is welcome.
    match Ledger::open(&directory) {
        Err(error) if error.class() == ErrorClass::Held => println!("as a writer: {error}"),
        other => return Err(format!("expected to find it held, not {other:?}").into()),
    }
    let reader = Ledger::open_read_only(&directory)?;
    for run in ["run-2", "run-3"] {
        let seq = order(run)?;
        // Acknowledged there, found here: there is no delay and nothing to refresh.
        let filter = EventFilter { run: Some(run.into()), ..EventFilter::default() };
        let found = reader.events(&filter)?.items;
        println!("{run} was recorded as {seq}; this process finds {}", found.len());
        assert_eq!(found.len(), 1, "an acknowledged event is found at once");
    }
    drop(orders);
    writer.wait()?;
    Ok(())
}

/// Records a run for each line of the input, and says so once it is on stable storage.
fn write(directory: &str) -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::open(directory)?;
    for run in std::io::stdin().lock().lines() {
        let started = Event::new(Body::RunStarted(RunStarted::default())).with_run(run?);
        println!("{}", ledger.append(started)?.seq);
    }
    ledger.close()?;
    Ok(())
}
