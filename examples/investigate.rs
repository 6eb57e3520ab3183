//! Investigates an incident: from a tool call that failed, back to what the agent had looked up, and to the sources.
//!
//! `cargo run -p runledger --example investigate [DIRECTORY]`

use std::error::Error;

use runledger::{
    AuditFilter, Body, Content, ContributingAssertion, Digest, Event, EventFilter, Json, Kind, Ledger,
    ProvenanceFinding, QueryAudit, QueryParams, RunStarted, ToolCall,
};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".runledger".to_owned());
    let ledger = Ledger::open(&directory)?;
    record_what_went_wrong(&ledger)?;

    // Which tool calls failed?
    let failed = EventFilter {
        kinds: vec![Kind::ToolCall],
        outcome: Some("failure".into()),
        ..EventFilter::default()
    };
    let call = ledger.events(&failed)?.items.pop().ok_or("no tool call failed")?;
    println!("record {}: {}", call.seq, call.event.to_json(None));

    // What had the agent of that call looked up before, and what did it get?
    let agent = call.event.agent_id.as_deref().ok_or("nobody says who called it")?;
    let asked = AuditFilter { agent: agent.into(), to: Some(call.event.timestamp), ..AuditFilter::default() };
    for query in ledger.trace(&asked)?.queries {
        println!("{agent} asked: {}", query.to_json());
    }

    // Why did it make that call? Everything that led there, the nearest first.
    let provenance = ledger.provenance(call.event.event_id)?.ok_or("the call was just found")?;
    provenance.each(|node, depth| {
        let what = match &node.finding {
            ProvenanceFinding::Event(stored) => stored.event.kind().to_string(),
            ProvenanceFinding::Run(run) => format!("{}: {}", run.run_id, run.goal),
            ProvenanceFinding::Query(query) => format!("{:?}", query.audit.params.subject),
            ProvenanceFinding::Source { source, .. } => format!("{source:?}"),
            _ => String::new(),
        };
        println!("{:indent$}{}: {what}", "", node.relation.as_str(), indent = 2 * depth);
    });
    ledger.close()?;
    Ok(())
}

/// An agent believes an old page of a wiki, and restarts the wrong service.
fn record_what_went_wrong(ledger: &Ledger) -> Result<(), Box<dyn Error>> {
    let record = |body: Body, outcome: Option<&str>| {
        let agent_id = Some("repairer".to_owned());
        let event = Event { agent_id, outcome: outcome.map(str::to_owned), ..Event::new(body) };
        ledger.append(event.with_run("repair-1"))
    };
    let goal = Some("logins fail: find out why".to_owned());
    record(Body::RunStarted(RunStarted { goal, ..RunStarted::default() }), None)?;
    let mut audit = QueryAudit::new();
    audit.params = QueryParams { subject: Some("auth/login".to_owned()), ..QueryParams::default() };
    audit.result_value = Some(Content::Inline(Json::parse(r#""served by host 7""#)?));
    audit.result_confidence = Some(0.4);
    audit.contributing_assertions.push(ContributingAssertion {
        assertion_hash: Digest::from_bytes([1; 32]),
        weight: 1.0,
        source_hash: Digest::from_bytes([2; 32]),
        source: Some("wiki page 12, edited two years ago".to_owned()),
        lifecycle: "draft".to_owned(),
        extra: Vec::new(),
    });
    record(Body::QueryAudit(audit), None)?;
    record(
        Body::ToolCall(ToolCall { tool_id: "restart".to_owned(), ..ToolCall::default() }),
        Some("failure"),
    )?;
    Ok(())
}
