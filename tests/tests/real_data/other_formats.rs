//! Customer-service conversations and software-engineering trajectories.

use runledger::import::Format;
use runledger::{EventFilter, Kind};
use serde_json::Value;

use super::{all_runs, files, import, ledger_of, recordings, transcript};

fn count(ledger: &runledger::Ledger, kind: Kind) -> u64 {
    ledger.count(&EventFilter { kinds: vec![kind], ..EventFilter::default() }).unwrap()
}

#[test]
fn every_turn_and_tool_call_of_the_conversations_is_counted() {
    let Some(folder) = recordings("tau-bench") else { return };
    let files = files(&folder, "json");
    let (_directory, ledger) = ledger_of(Format::TauBench, &files);
    let (mut turns, mut tool_calls, mut conversations) = (0, 0, 0);
    for path in &files {
        let tasks: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for message in tasks.iter().flat_map(|task| task["traj"].as_array().unwrap()) {
            turns += 1;
            tool_calls += message["tool_calls"].as_array().map_or(0, Vec::len) as u64;
        }
        conversations += tasks.len();
    }
    assert_eq!((count(&ledger, Kind::Message), count(&ledger, Kind::ToolCall)), (turns, tool_calls));
    let runs = all_runs(&ledger);
    assert_eq!(runs.len(), conversations);
    assert_eq!(runs.iter().map(|run| run.tool_calls).sum::<u64>(), tool_calls);
    assert_eq!(import(&ledger, Format::TauBench, &files).appended, 0);
}

#[test]
fn every_step_of_the_trajectories_is_counted_and_the_file_given_back() {
    let Some(folder) = recordings("swe-agent") else { return };
    let files = files(&folder, "traj");
    let (_directory, ledger) = ledger_of(Format::SweAgent, &files);
    let originals: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let steps: usize = originals
        .iter()
        .map(|bytes| serde_json::from_slice::<Value>(bytes).unwrap()["trajectory"].as_array().unwrap().len())
        .sum();
    assert_eq!(count(&ledger, Kind::ToolCall), steps as u64);
    let runs = all_runs(&ledger);
    assert_eq!(runs.len(), files.len());
    let mut transcripts: Vec<_> = runs.iter().map(|run| transcript(&ledger, &run.run_id)).collect();
    transcripts.sort();
    let mut originals = originals;
    originals.sort();
    assert!(transcripts == originals);
    assert_eq!(import(&ledger, Format::SweAgent, &files).appended, 0);
}
