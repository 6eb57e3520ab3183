//! Records what an agent does in one run, and asks the ledger about it.
//!
//! `cargo run -p runledger --example record_a_run [DIRECTORY]`

use std::error::Error;

use runledger::{
    Body, Content, Event, EventFilter, Json, Kind, Ledger, ModelCall, RunFinished, RunStarted, RunStatistics,
    RunStatus, ToolCall, Usage,
};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".runledger".to_owned());
    let ledger = Ledger::open(&directory)?;

    // A new run each time: its id is yours to choose.
    let run_id = format!("run-{}", runledger::EventId::new());
    let record = |body: Body| ledger.append(Event::new(body).with_run(&run_id));

    let goal = Some("find out why the build is red".to_owned());
    record(Body::RunStarted(RunStarted { goal, ..RunStarted::default() }))?;
    record(Body::ToolCall(ToolCall {
        tool_id: "shell".to_owned(),
        input: Some(Content::Inline(Json::parse(r#"{"command":"cargo build"}"#)?)),
        output: Some(Content::Inline(Json::parse(r#""error[E0308]: mismatched types""#)?)),
        duration_ms: Some(812),
        ..ToolCall::default()
    }))?;
    record(Body::ModelCall(ModelCall {
        provider_id: "anthropic".to_owned(),
        model_id: "claude-opus-4-6".to_owned(),
        usage: Usage { input_tokens: 1_204, output_tokens: 87, ..Usage::default() },
        ..ModelCall::default()
    }))?;
    let finished = record(Body::RunFinished(RunFinished {
        status: RunStatus::Completed,
        ended_at: None,
        output: None,
        error: None,
        statistics: RunStatistics::default(),
        extra: Vec::new(),
    }))?;
    println!("the run's end is on stable storage as record {}", finished.seq);

    let run = ledger.run(&run_id)?.ok_or("the run was just recorded")?;
    println!("{}: {} tool calls, {} tokens, {}", run.goal, run.tool_calls, run.total_tokens, run.status);

    let tool_calls =
        EventFilter { run: Some(run_id.into()), kinds: vec![Kind::ToolCall], ..EventFilter::default() };
    for stored in ledger.events(&tool_calls)?.items {
        println!("{}", stored.event.to_json(Some(stored.seq)));
    }
    ledger.close()?;
    Ok(())
}
