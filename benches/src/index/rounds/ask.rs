//! Asking questions, one after the other, and comparing answers with those of a naive filter.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::index::corpus::Corpus;
use crate::index::engine::{Engine, Files, Opened};
use crate::index::job::Given;
use crate::index::question::{Answer, Question, Work};
use crate::job::Outcome;
use crate::latency::{counts_of, latencies};
use crate::page_cache;

/// How many answers of a round are compared with those of a look at every event.
const CHECKED_QUESTIONS: usize = 20;

/// Asks so many questions. The files are read once before, so that they lie in the cache as far as it holds them, and as many
/// others of the same kind are asked, which don't count.
pub(super) fn ask(
    engine: &dyn Engine,
    directory: &Path,
    given: &Given,
    work: Work,
    round: u64,
    questions: u64,
) -> Result<Outcome> {
    let corpus = given.corpus()?;
    let warm_up = work.questions(&corpus, 2 * round + 1, questions);
    let measured = work.questions(&corpus, 2 * round, questions);
    page_cache::fill(directory)?;
    let begin = Instant::now();
    let asking = engine.open(directory, given.indexes, Files::Cached).context("open")?;
    let opened = Some(begin.elapsed());
    for question in &warm_up {
        asking.answer(question, &mut Answer::default())?;
    }
    let verified = check(asking.as_ref(), &corpus, &measured)?;
    let (mut latency_ns, mut answers, mut rows) = (latencies(), 0_u64, 0);
    let begin = Instant::now();
    for question in &measured {
        let mut answer = Answer::default();
        let begin = Instant::now();
        asking.answer(question, &mut answer)?;
        latency_ns.saturating_record(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
        answers = answers.rotate_left(7) ^ answer.digest;
        rows += answer.rows;
    }
    let elapsed = begin.elapsed();
    asking.close().context("close")?;
    Ok(Outcome {
        records: rows,
        elapsed,
        opened,
        verified,
        answers: Some(answers),
        latency_ns: counts_of(&latency_ns),
        ..Outcome::default()
    })
}

/// Opens the files and asks one question, which is timed.
pub(super) fn ask_first(
    engine: &dyn Engine,
    directory: &Path,
    given: &Given,
    work: Work,
    round: u64,
) -> Result<Outcome> {
    let corpus = given.corpus()?;
    let questions = work.questions(&corpus, round, 1);
    let question = questions.first().context("no question")?;
    let begin = Instant::now();
    let asking = engine.open(directory, given.indexes, Files::Cold).context("open")?;
    let opened = Some(begin.elapsed());
    let (begin, mut answer) = (Instant::now(), Answer::default());
    asking.answer(question, &mut answer)?;
    let elapsed = begin.elapsed();
    let verified = check(asking.as_ref(), &corpus, &questions)?;
    asking.close().context("close")?;
    let answers = Some(answer.digest);
    Ok(Outcome { records: answer.rows, elapsed, opened, verified, answers, ..Outcome::default() })
}

/// Compares some answers with those of a naive filter; returns how many rows those have.
fn check(asking: &dyn Opened, corpus: &Corpus, questions: &[Question]) -> Result<u64> {
    let mut rows = 0;
    for question in questions.iter().take(CHECKED_QUESTIONS) {
        let (expected, mut answer) = (corpus.answer(question), Answer::default());
        asking.answer(question, &mut answer)?;
        ensure!(answer == expected, "{question:?}: {answer:?} instead of {expected:?}");
        rows += answer.rows;
    }
    Ok(rows)
}
