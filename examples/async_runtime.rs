//! An async runtime that records what its agents do: its tasks hand events to a sink and go on, its event bus is followed,
//! and nobody waits for the disk.
//!
//! `cargo run -p runledger --features tokio --example async_runtime [DIRECTORY]`

use std::error::Error;
use std::time::{Duration, Instant};

use runledger::capture::{BusMessage, Mapping, follow_broadcast};
use runledger::{
    AuditSink, Body, Event, Ledger, ModelCall, RunFinished, RunStarted, RunStatistics, RunStatus,
};
use runledger::{SinkOptions, Usage};
use tokio::sync::broadcast;

const AGENTS: u32 = 8;
const CALLS: u32 = 25;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".runledger".to_owned());
    let ledger = Ledger::open(&directory)?;
    let options = SinkOptions::new()
        .reopen(Ledger::options()) // a disk that failed and works again: the sink goes on by itself
        .on_undelivered(|lost| eprintln!("not stored: {} ({})", lost.event.event_id, lost.reason));
    let sink = AuditSink::new(ledger, options)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime
        .block_on(async {
            let (bus, receiver) = broadcast::channel(1024);
            let capture = tokio::spawn(follow_broadcast(receiver, Mapping::standard(), sink.clone()));
            let agents: Vec<_> =
                (0..AGENTS).map(|number| tokio::spawn(agent(number, sink.clone(), bus.clone()))).collect();
            for agent in agents {
                agent.await??;
            }
            drop(bus);
            let captured = capture.await??;
            println!("{} messages of the bus, {} of them lost before us", captured.messages, captured.lost);
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        })
        .map_err(|error| -> Box<dyn Error> { error })?;

    sink.shutdown(Instant::now() + Duration::from_secs(30))?; // everything is on stable storage now
    let stats = sink.stats();
    println!(
        "{} events recorded, {} durable, at most {} queued",
        stats.recorded, stats.durable, stats.high_water
    );
    if let Some(ledger) = sink.ledger() {
        println!("{} runs", ledger.runs(&runledger::RunFilter::default())?.len());
        ledger.close()?;
    }
    Ok(())
}

/// A run of one agent, which says on the bus which tools it used.
async fn agent(
    number: u32,
    sink: AuditSink,
    bus: broadcast::Sender<BusMessage>,
) -> Result<(), runledger::RecordError> {
    let run = format!("run-{number}");
    sink.record_async(Event::new(Body::RunStarted(RunStarted::default())).with_run(&run)).await?;
    for _ in 0..CALLS {
        let usage = Usage { input_tokens: 900, output_tokens: 40, ..Usage::default() };
        let call = ModelCall { provider_id: "p".into(), model_id: "m".into(), usage, ..ModelCall::default() };
        sink.record_async(Event::new(Body::ModelCall(call)).with_run(&run)).await?;
        let payload = format!(r#"{{"runId": "{run}", "tool": "grep", "success": true}}"#);
        // Nobody listens: then nobody is to be told.
        let _ = bus.send(BusMessage::new("tool.finished", payload));
    }
    let (status, statistics) = (RunStatus::Completed, RunStatistics::default());
    let body =
        RunFinished { status, ended_at: None, output: None, error: None, statistics, extra: Vec::new() };
    sink.record_async(Event::new(Body::RunFinished(body)).with_run(&run)).await?;
    Ok(())
}
