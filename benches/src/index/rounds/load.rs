//! Taking events in.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::index::engine::Engine;
use crate::index::job::Given;
use crate::job::Outcome;
use crate::observed::AnonymousMemory;

/// Events that are made at a time where memory is measured.
const FILL_EVENTS: u64 = 4096;

/// Takes the events in, a few at a time, and looks at the process's memory all the while.
pub(super) fn fill(engine: &dyn Engine, directory: &Path, given: &Given) -> Result<Outcome> {
    let corpus = given.corpus()?;
    let memory = AnonymousMemory::watch();
    let mut loading = engine.create(directory, given.indexes).context("make a new one")?;
    let begin = Instant::now();
    let mut next = 0;
    while next < corpus.len() {
        let end = (next + FILL_EVENTS).min(corpus.len());
        loading.prepare(&corpus, next..end)?;
        loading.load()?;
        next = end;
    }
    loading.finish().context("finish")?;
    let elapsed = begin.elapsed();
    let anonymous_bytes = memory.most();
    loading.settle().context("settle")?;
    loading.close().context("close")?;
    Ok(Outcome { records: corpus.len(), elapsed, anonymous_bytes, ..Outcome::default() })
}

/// Takes the events in, as fast as it goes.
pub(super) fn load(engine: &dyn Engine, directory: &Path, given: &Given) -> Result<Outcome> {
    let corpus = given.corpus()?;
    let mut loading = engine.create(directory, given.indexes).context("make a new one")?;
    loading.prepare(&corpus, 0..corpus.len())?;
    let begin = Instant::now();
    loading.load()?;
    loading.finish().context("finish")?;
    let elapsed = begin.elapsed();
    loading.close().context("close")?;
    Ok(Outcome { records: corpus.len(), elapsed, ..Outcome::default() })
}

/// Makes anew what answers questions.
pub(super) fn rebuild(engine: &dyn Engine, directory: &Path, given: &Given) -> Result<Outcome> {
    let begin = Instant::now();
    engine.rebuild(directory)?;
    Ok(Outcome { records: given.corpus()?.len(), elapsed: begin.elapsed(), ..Outcome::default() })
}

/// Says how much is stored beside the events.
pub(super) fn size(engine: &dyn Engine, directory: &Path, given: &Given) -> Result<Outcome> {
    let corpus = given.corpus()?;
    let stored_bytes = Some(engine.index_bytes(directory, &corpus)?);
    Ok(Outcome { records: corpus.len(), stored_bytes, ..Outcome::default() })
}
