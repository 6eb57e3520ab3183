//! Kills a writer, and compares what it was told with what is there afterwards.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use runledger::{EventId, Ledger, Seq};

use super::writer;

/// The writer is killed when this many of its appends were acknowledged: others are on their way then.
const ACKNOWLEDGEMENTS_BEFORE_THE_KILL: usize = 200;

/// What the dead writer had been told.
pub(super) struct Aftermath {
    /// Number and id of each acknowledged event, in the order of the acknowledgements.
    told: Vec<(Seq, EventId)>,
}

/// Starts this program again as a writer, reads its acknowledgements, kills it, and reads those that were on their way.
pub(super) fn kill_a_writer(directory: &Path) -> Result<Aftermath> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = Command::new(&program)
        .arg("--ledger")
        .arg(directory)
        .arg("demo-writer")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {} as a writer", program.display()))?;
    let stdout = child.stdout.take().context("the writer's output is a pipe")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut told = Vec::new();
    for line in lines.by_ref().take(ACKNOWLEDGEMENTS_BEFORE_THE_KILL) {
        told.push(acknowledgement(&line.context("cannot read the writer's acknowledgements")?)?);
    }
    // SIGKILL: nothing of the writer's own runs any more.
    child.kill().context("cannot kill the writer")?;
    let status = child.wait().context("cannot wait for the writer's end")?;
    ensure!(
        told.len() == ACKNOWLEDGEMENTS_BEFORE_THE_KILL,
        "the writer ended by itself ({status}) after {} acknowledgements",
        told.len()
    );
    // The last line may have been cut off by the kill; it acknowledges nothing then.
    for line in lines {
        let Ok(acknowledged) =
            acknowledgement(&line.context("cannot read the writer's last acknowledgements")?)
        else {
            break;
        };
        told.push(acknowledged);
    }
    Ok(Aftermath { told })
}

fn acknowledgement(line: &str) -> Result<(Seq, EventId)> {
    let Some((seq, event_id)) = line.split_once(' ') else { bail!("the writer said {line:?}") };
    Ok((Seq::new(seq.parse()?), event_id.parse()?))
}

impl Aftermath {
    /// How many events the writer was told are safe.
    pub(super) fn acknowledged(&self) -> u64 {
        self.told.len() as u64
    }

    /// Sees that every acknowledged event is there, with its number, its id and its content, and that what is there
    /// beyond them are the writer's next ones. Returns how many of the writer's events are there.
    pub(super) fn check(&self, ledger: &Ledger) -> Result<u64> {
        let Some((first, _)) = self.told.first() else { bail!("the writer was told nothing") };
        let mut found = 0;
        for stored in ledger.tail(*first) {
            let stored = stored?;
            let told = usize::try_from(found).ok().and_then(|index| self.told.get(index));
            if let Some((seq, event_id)) = told {
                ensure!(
                    stored.seq == *seq && stored.event.event_id == *event_id,
                    "acknowledged event {event_id} is not at {seq}, where {} is",
                    stored.event.event_id
                );
            }
            if !writer::is_nth(&stored.event, found)? {
                ensure!(told.is_none(), "acknowledged event {} is not what was appended", stored.seq);
                // What the opening appended about the interrupted run.
                break;
            }
            found += 1;
        }
        ensure!(
            found >= self.acknowledged(),
            "only {found} of {} acknowledged events are there",
            self.told.len()
        );
        Ok(found)
    }
}
