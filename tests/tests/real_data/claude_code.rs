//! Transcripts of a coding agent.

use std::path::PathBuf;

use runledger::import::Format;
use runledger::{EventFilter, Kind, Ledger, RunStatus};

use super::raw::{self, Session, Thread};
use super::{all_runs, files, import, ledger_of, recordings, starting_with, transcript};

fn transcripts() -> Option<Vec<PathBuf>> {
    Some(files(&recordings("claude-code")?, "jsonl"))
}

/// Of two saves of one session the longer, of everything else all.
fn longest_saves(files: &[PathBuf]) -> Vec<PathBuf> {
    let early = starting_with(files, "47-");
    files.iter().filter(|path| **path != early).cloned().collect()
}

#[test]
fn every_run_has_the_tokens_and_calls_that_its_raw_file_counts() {
    let Some(files) = transcripts() else { return };
    let (_directory, ledger) = ledger_of(Format::ClaudeCode, &files);
    let mut sessions: Vec<Session> = longest_saves(&files).iter().map(|path| raw::read(path)).collect();
    // Two files are parts of one session: their threads have no answer in common, so their figures add up.
    let (part, rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut sessions).into_iter().partition(|session| session.id.starts_with("85cc202e"));
    let mut seen = 0;
    for session in &rest {
        for (agent, thread) in &session.threads {
            let run_id =
                if agent.is_empty() { session.id.clone() } else { format!("{}:{agent}", session.id) };
            check(&ledger, &run_id, &[thread]);
            seen += 1;
        }
    }
    check(&ledger, &part[0].id, &part.iter().map(|session| &session.threads[""]).collect::<Vec<_>>());
    assert_eq!(all_runs(&ledger).len(), seen + 1);
}

fn check(ledger: &Ledger, run_id: &str, threads: &[&Thread]) {
    let run = ledger.run(run_id).unwrap().unwrap_or_else(|| panic!("no run {run_id}"));
    let tokens = threads
        .iter()
        .map(|thread| thread.tokens())
        .fold([0; 4], |sum: [u64; 4], tokens| std::array::from_fn(|index| sum[index] + tokens[index]));
    let found = [run.input_tokens, run.output_tokens, run.cache_read_tokens, run.cache_write_tokens];
    assert_eq!(found, tokens, "tokens of {run_id}");
    let tool_uses: usize = threads.iter().map(|thread| thread.tool_uses.len()).sum();
    assert_eq!(run.tool_calls, tool_uses as u64, "tool calls of {run_id}");
    let answers =
        EventFilter { run: Some(run_id.into()), kinds: vec![Kind::ModelCall], ..EventFilter::default() };
    let message_ids: usize = threads.iter().map(|thread| thread.message_ids()).sum();
    assert_eq!(ledger.count(&answers).unwrap(), message_ids as u64, "answers of {run_id}");
    assert_eq!(run.status, RunStatus::Completed, "{run_id}");
}

#[test]
fn the_sums_over_all_sessions_count_each_answer_once() {
    let Some(files) = transcripts() else { return };
    let (_directory, ledger) = ledger_of(Format::ClaudeCode, &files);
    let (children, sessions): (Vec<_>, Vec<_>) =
        all_runs(&ledger).into_iter().partition(|run| run.parent_run_id.is_some());
    assert_eq!((sessions.len(), children.len()), (10, 3));
    assert_eq!(sessions.iter().map(|run| run.output_tokens).sum::<u64>(), 64_655);
    assert_eq!(children.iter().map(|run| run.output_tokens).sum::<u64>(), 106);
    let answers = EventFilter { kinds: vec![Kind::ModelCall], ..EventFilter::default() };
    assert_eq!(ledger.count(&answers).unwrap(), 564 + 22);
}

#[test]
fn a_second_import_appends_nothing() {
    let Some(files) = transcripts() else { return };
    let (_directory, ledger) = ledger_of(Format::ClaudeCode, &[]);
    let first = import(&ledger, Format::ClaudeCode, &files);
    assert_eq!((first.files, first.unparsed), (12, 3));
    let end = ledger.durable_end().unwrap();
    let second = import(&ledger, Format::ClaudeCode, &files);
    assert_eq!((second.appended, second.duplicates), (0, second.records_read));
    assert_eq!(ledger.durable_end().unwrap(), end);
}

#[test]
fn transcripts_are_given_back_byte_for_byte() {
    let Some(files) = transcripts() else { return };
    let (_directory, ledger) = ledger_of(Format::ClaudeCode, &files);
    let parts = [starting_with(&files, "e5-"), starting_with(&files, "c8-")];
    for path in longest_saves(&files).iter().filter(|path| !parts.contains(path)) {
        let original = std::fs::read(path).unwrap();
        assert!(transcript(&ledger, &raw::read(path).id) == original, "{} came back changed", path.display());
    }
    // The first part has no line break at its end; its last line and the second part's first stay two lines.
    let joined = parts.clone().map(|path| std::fs::read(path).unwrap()).join(&b'\n');
    assert!(transcript(&ledger, &raw::read(&parts[0]).id) == joined, "the two parts came back changed");
}

#[test]
fn two_saves_in_either_order_equal_the_later_one_alone() {
    let Some(files) = transcripts() else { return };
    let (early, late) = (starting_with(&files, "47-"), starting_with(&files, "e1-"));
    let (_alone_directory, alone) = ledger_of(Format::ClaudeCode, std::slice::from_ref(&late));
    for order in [[early.clone(), late.clone()], [late.clone(), early]] {
        let (_directory, ledger) = ledger_of(Format::ClaudeCode, &order);
        assert_eq!(all_runs(&ledger), all_runs(&alone));
        let run_id = &all_runs(&alone)[0].run_id;
        assert!(transcript(&ledger, run_id) == std::fs::read(&late).unwrap());
        assert_eq!(source_lines(&ledger), source_lines(&alone));
    }
}

/// The source lines that a ledger holds, sorted.
fn source_lines(ledger: &Ledger) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> = ledger
        .tail(runledger::Seq::new(0))
        .filter_map(|stored| Some(stored.unwrap().event.source?.bytes))
        .collect();
    lines.sort();
    lines
}

#[test]
fn two_parts_in_either_order_give_one_run() {
    let Some(files) = transcripts() else { return };
    let parts = [starting_with(&files, "e5-"), starting_with(&files, "c8-")];
    let mut summaries = Vec::new();
    for order in [parts.clone(), [parts[1].clone(), parts[0].clone()]] {
        let (_directory, ledger) = ledger_of(Format::ClaudeCode, &order);
        let runs = all_runs(&ledger);
        assert_eq!((runs.len(), runs[0].output_tokens), (1, 110));
        let answers = EventFilter { kinds: vec![Kind::ModelCall], ..EventFilter::default() };
        assert_eq!(ledger.count(&answers).unwrap(), 47);
        let joined = parts.clone().map(|path| std::fs::read(path).unwrap()).join(&b'\n');
        assert!(transcript(&ledger, &runs[0].run_id) == joined);
        summaries.push(runs);
    }
    assert_eq!(summaries[0], summaries[1]);
}

#[test]
fn records_fused_on_one_line_are_all_there() {
    let Some(files) = transcripts() else { return };
    let fused = [starting_with(&files, "7d-"), starting_with(&files, "8c-")];
    let bad_lines: u64 = fused.iter().map(|path| raw::read(path).bad_lines).sum();
    let (_directory, ledger) = ledger_of(Format::ClaudeCode, &fused);
    let unparsed = EventFilter { kinds: vec![Kind::Unparsed], ..EventFilter::default() };
    let unparsed = ledger.events(&unparsed).unwrap().items;
    assert_eq!((unparsed.len() as u64, bad_lines), (3, 3));
    for line in unparsed {
        // Whole records in the line, each an event of its own that points into it. The tail shows those too that a
        // later line, which repeats the record by itself, superseded.
        let pointing = ledger.tail(runledger::Seq::new(0)).filter(|stored| {
            let content = match &stored.as_ref().unwrap().event.body {
                runledger::Body::Message(message) => message.content.as_ref(),
                runledger::Body::Custom(custom) => custom.data.as_ref(),
                _ => None,
            };
            matches!(content, Some(runledger::Content::At(range)) if range.event == Some(line.event.event_id))
        });
        assert_eq!(pointing.count(), 2);
    }
}

#[test]
fn the_same_answers_after_the_index_was_deleted() {
    let Some(files) = transcripts() else { return };
    let (directory, ledger) = ledger_of(Format::ClaudeCode, &files);
    let tools = EventFilter { tool: Some("Bash".into()), limit: usize::MAX, ..EventFilter::default() };
    let before = (all_runs(&ledger), ledger.events(&tools).unwrap());
    ledger.close().unwrap();
    let path = directory.path().join("ledger");
    std::fs::remove_dir_all(path.join("index")).unwrap();
    for ledger in [Ledger::open_read_only(&path).unwrap(), Ledger::open(&path).unwrap()] {
        assert_ne!(ledger.open_report().index, runledger::IndexState::Current);
        assert_eq!((all_runs(&ledger), ledger.events(&tools).unwrap()), before);
    }
}
