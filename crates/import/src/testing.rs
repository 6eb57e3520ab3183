//! What the importers' tests share: a ledger in a temporary folder, files made of texts, and what can be seen of a
//! ledger, so that two can be compared.

use std::fs;
use std::path::PathBuf;

use runledger_audit::{Body, Durability, Event, EventFilter, Kind, Ledger, RunFilter, Seq, StoredEvent};
use tempfile::TempDir;

use crate::{Format, ImportReport, Importer, transcript};

/// A ledger that goes when it is dropped, and a folder for files to import into it.
pub(crate) struct Archive {
    pub(crate) ledger: Ledger,
    dir: TempDir,
}

impl Archive {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { ledger: Ledger::open(dir.path().join("ledger")).unwrap(), dir }
    }

    /// A ledger that holds the first `events` events of another one: what a kill leaves behind.
    pub(crate) fn killed_after(events: u64, of: &Self) -> Self {
        let archive = Self::new();
        for stored in of.ledger.tail(Seq::new(0)).take(usize::try_from(events).unwrap()) {
            let _buffered = archive.ledger.submit(stored.unwrap().event, Durability::Buffered).unwrap();
        }
        archive.ledger.sync().unwrap();
        archive
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        // Formats without times take the file's: the same in every test.
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_770_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        path
    }

    pub(crate) fn import_as(&self, format: Format, name: &str, content: impl AsRef<[u8]>) -> ImportReport {
        let path = self.file(name, content);
        Importer::new(&self.ledger).format(format).run(&[path]).unwrap()
    }

    /// Imports a transcript.
    pub(crate) fn import(&self, content: impl AsRef<[u8]>) -> ImportReport {
        self.import_as(Format::ClaudeCode, "transcript.jsonl", content)
    }

    pub(crate) fn transcript(&self, run: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        transcript(&self.ledger, run, &mut bytes).unwrap();
        bytes
    }

    /// How many events there are, superseded ones counted.
    pub(crate) fn length(&self) -> u64 {
        self.ledger.tail(Seq::new(0)).count() as u64
    }

    pub(crate) fn events(&self, kinds: &[Kind]) -> Vec<StoredEvent> {
        let filter = EventFilter { kinds: kinds.to_vec(), limit: 10_000, ..EventFilter::default() };
        self.ledger.events(&filter).unwrap().items
    }

    /// What a content of an event says.
    pub(crate) fn said(&self, stored: &StoredEvent, content: Option<&runledger_audit::Content>) -> String {
        self.ledger.content(stored, content.unwrap()).unwrap().unwrap().to_string()
    }

    /// All that can be asked of the runs, one line each.
    pub(crate) fn runs(&self) -> Vec<String> {
        let filter = RunFilter { limit: 10_000, ..RunFilter::default() };
        let mut runs: Vec<String> =
            self.ledger.runs(&filter).unwrap().into_iter().map(|run| format!("{run:?}")).collect();
        runs.sort();
        runs
    }

    /// The events that no newer one superseded, but for their ids and places, in an order of their own.
    pub(crate) fn state(&self) -> Vec<String> {
        let mut events: Vec<String> = self.events(&[]).iter().map(|stored| self.shown(stored)).collect();
        events.sort();
        events
    }

    fn shown(&self, stored: &StoredEvent) -> String {
        let Event { source_id, timestamp, run_id, outcome, source, body, .. } = &stored.event;
        let contents = contents(body).into_iter().flatten().map(|content| self.said(stored, Some(content)));
        let contents: Vec<String> = contents.collect();
        let kind = body.kind();
        // Which events a list of lines names differs from ledger to ledger.
        let contents =
            if source_id.as_ref().is_some_and(|id| id.contains("/saved/")) { vec![] } else { contents };
        format!("{source_id:?} {timestamp} {run_id:?} {kind} {outcome:?} {source:?} {contents:?}")
    }
}

fn contents(body: &Body) -> Vec<Option<&runledger_audit::Content>> {
    match body {
        Body::Message(message) => vec![message.content.as_ref()],
        Body::ToolCall(call) => vec![call.input.as_ref(), call.output.as_ref()],
        Body::Custom(custom) => vec![custom.data.as_ref()],
        Body::RunStarted(start) => vec![start.inputs.as_ref()],
        Body::RunFinished(end) => vec![end.output.as_ref()],
        _ => vec![],
    }
}
