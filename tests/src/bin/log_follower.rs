//! Follows a log from its first record on, as a process of its own, and prints each record that it was shown: number
//! and hash. Ends with an error if it is shown one. Its end is the test's business: it follows until it is killed.
//!
//! `log_follower DIRECTORY`

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use runledger_wal::{DurableWait, Reader, ReaderOptions, Seq};

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("usage: log_follower DIRECTORY");
        return ExitCode::FAILURE;
    };
    match follow(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error {error}");
            ExitCode::FAILURE
        }
    }
}

fn follow(directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let reader = Reader::open(directory, ReaderOptions::new())?;
    let mut next = Seq::ZERO;
    loop {
        let end = match reader.wait_durable_past(next, None)? {
            DurableWait::Durable(end) => end,
            other => return Err(format!("waiting without a deadline came to {other:?}").into()),
        };
        let mut output = BufWriter::new(std::io::stdout().lock());
        for record in reader.scan(next) {
            let record = record?;
            if record.seq() != next {
                return Err(format!("shown {} in the place of {next}", record.seq()).into());
            }
            writeln!(output, "shown {next} {}", record.leaf())?;
            next = next.next();
        }
        output.flush()?;
        if next < end {
            return Err(format!("the log is durable up to {end}, and showed nothing behind {next}").into());
        }
    }
}
