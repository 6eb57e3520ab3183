//! Each operation that writes or finds one thing, by its own call: what it does, what doing it again does, and that what
//! is not there is nothing rather than an error.

use runledger_audit::{
    AncestryEnd, AppendError, AsOf, Event, EventFilter, EventId, Json, Kind, NewRun, QueryId, RunFilter,
    RunFinished, RunStatistics, RunStatus, Seq, Timestamp,
};

use super::Place;

fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanoseconds(nanoseconds)
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

#[test]
fn start_run_stores_all_that_its_caller_says_once() {
    let place = Place::new();
    let ledger = place.open();
    let text = |text: &str| Some(text.to_owned());
    let run = NewRun {
        goal: text("find the leak"),
        started_at: Some(time(5)),
        metadata: Some(json(r#"{"a": 1.50}"#)),
        session_id: text("s"),
        agent_id: text("a"),
        skill_id: text("k"),
        caller_id: text("ann"),
        channel_id: text("mail"),
        parent_run_id: text("above"),
        inputs: Some(json("[1]")),
        ..NewRun::new("r")
    };
    let first = ledger.start_run(run.clone()).unwrap();
    let again = ledger.start_run(run).unwrap();
    assert_eq!((first.duplicate, again.duplicate, again.seq), (false, true, first.seq));
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(1), "nothing was stored twice");
    let found = ledger.run("r").unwrap().unwrap();
    assert_eq!((found.goal.as_str(), found.status), ("find the leak", RunStatus::Running));
    assert_eq!((found.started_at, found.ended_at), (time(5), None));
    assert_eq!(
        [found.session_id, found.agent_id, found.skill_id, found.caller_id, found.channel_id],
        ["s", "a", "k", "ann", "mail"].map(text)
    );
    assert_eq!(found.parent_run_id, text("above"));
    let carried = [found.metadata.unwrap(), found.inputs.unwrap()];
    assert_eq!(carried.each_ref().map(Json::as_str), [r#"{"a": 1.50}"#, "[1]"]);
}

#[test]
fn update_run_status_changes_the_state_and_an_end_has_the_time_that_is_named() {
    let place = Place::new();
    let ledger = place.open();
    let state = || {
        let run = ledger.run("r").unwrap().unwrap();
        (run.status, run.ended_at)
    };
    ledger.update_run_status("r", RunStatus::Queued, None).unwrap();
    assert_eq!(state(), (RunStatus::Queued, None), "a run that was not known is known then");
    ledger.update_run_status("r", RunStatus::Running, None).unwrap();
    assert_eq!(state(), (RunStatus::Running, None));
    let end = ledger.update_run_status("r", RunStatus::Timeout, Some(time(9))).unwrap();
    assert_eq!(state(), (RunStatus::Timeout, Some(time(9))));
    let again = ledger.update_run_status("r", RunStatus::Timeout, Some(time(9))).unwrap();
    assert_eq!((again.duplicate, again.seq), (true, end.seq));
    for (status, ended_at) in [(RunStatus::Running, None), (RunStatus::Timeout, Some(time(8)))] {
        let refused = ledger.update_run_status("r", status, ended_at).unwrap_err();
        assert!(matches!(refused, AppendError::RunFinished { seq, .. } if seq == end.seq), "{refused}");
    }
    assert_eq!(state(), (RunStatus::Timeout, Some(time(9))));
}

#[test]
fn finish_run_ends_a_run_with_its_callers_figures_once() {
    let place = Place::new();
    let ledger = place.open();
    ledger.start_run(NewRun::new("r")).unwrap();
    let end = RunFinished {
        ended_at: Some(time(i64::MAX)),
        error: Some("no luck".into()),
        statistics: RunStatistics {
            tool_calls: Some(3),
            input_tokens: Some(7),
            output_tokens: Some(8),
            cost_usd: Some(0.5),
            runtime_seconds: Some(1.25),
            ..RunStatistics::default()
        },
        ..RunFinished::new(RunStatus::Failed)
    };
    let first = ledger.finish_run("r", end.clone()).unwrap();
    let again = ledger.finish_run("r", end.clone()).unwrap();
    assert_eq!((again.seq, again.duplicate), (first.seq, true));
    let others = [
        RunFinished { error: None, ..end.clone() },
        RunFinished { ended_at: Some(time(1)), ..end.clone() },
        RunFinished { statistics: RunStatistics::default(), ..end.clone() },
        RunFinished { status: RunStatus::Completed, ..end },
    ];
    for other in others {
        let refused = ledger.finish_run("r", other).unwrap_err();
        assert!(matches!(refused, AppendError::RunFinished { seq, .. } if seq == first.seq), "{refused}");
    }
    let run = ledger.run("r").unwrap().unwrap();
    assert_eq!((run.status, run.error.as_deref()), (RunStatus::Failed, Some("no luck")));
    assert_eq!([run.tool_calls, run.input_tokens, run.output_tokens, run.total_tokens], [3, 7, 8, 15]);
    assert_eq!((run.cost_usd, run.runtime_seconds, run.events), (Some(0.5), 1.25, 2));
}

#[test]
fn append_log_stores_an_entry_once_and_entries_are_listed_by_their_number() {
    let place = Place::new();
    let ledger = place.open();
    for sequence in [2, 0, 1] {
        let payload = Some(json(&sequence.to_string()));
        assert!(!ledger.append_log("r", sequence, "progress", payload).unwrap().duplicate);
    }
    assert!(ledger.append_log("r", 1, "progress", Some(json("1"))).unwrap().duplicate);
    for (event_type, payload) in
        [("progress", Some(json("9"))), ("progress", None), ("other", Some(json("1")))]
    {
        let refused = ledger.append_log("r", 1, event_type, payload).unwrap_err();
        assert!(matches!(refused, AppendError::LogEntry { sequence: 1, .. }), "{refused}");
    }
    ledger.append_log("another", 1, "progress", None).unwrap();
    let page = ledger.run_logs("r", 0, 100).unwrap();
    let listed: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (entry.sequence, entry.event_type.as_str(), entry.payload.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(listed, [(0, "progress", "0"), (1, "progress", "1"), (2, "progress", "2")]);
    assert_eq!(page.next_sequence, None);
}

#[test]
fn events_of_every_kind_are_saved_and_found_by_their_id_and_kind_as_they_were() {
    let lines = [
        r#"{"kind":"run_started","runId":"r","body":{"goal":"g","inputs":[1]}}"#,
        r#"{"kind":"run_status_changed","runId":"r","body":{"status":"running"}}"#,
        r#"{"kind":"run_log","runId":"r","body":{"sequence":1,"eventType":"note","payload":{"a":1.50}}}"#,
        r#"{"kind":"message","runId":"r","body":{"role":"user","parts":[{"type":"text","text":"hello"}]}}"#,
        r#"{"kind":"tool_call","runId":"r","body":{"toolId":"shell","durationMs":12,"input":{"command":"ls"}}}"#,
        r#"{"kind":"model_call","runId":"r","body":{"providerId":"p","modelId":"m","inputTokens":3,"costUsd":0.25}}"#,
        r#"{"kind":"workspace_event","sessionId":"s","body":{"event":"approval_requested","approvalId":"a-1"}}"#,
        r#"{"kind":"query_audit","body":{"params":{"subject":"auth/key"},"resultConfidence":0.5}}"#,
        r#"{"kind":"custom","body":{"type":"weather","data":{"sky":"grey"}},"mood":3}"#,
        r#"{"kind":"unparsed","body":{"text":"not a line of ours"}}"#,
        r#"{"kind":"run_finished","runId":"r","body":{"status":"completed","output":"done"}}"#,
    ];
    let place = Place::new();
    let ledger = place.open();
    let mut kinds = Vec::new();
    let sent: Vec<Event> = lines.iter().map(|line| Event::from_json(line).unwrap()).collect();
    for event in &sent {
        ledger.append(event.clone()).unwrap();
        kinds.push(event.kind());
    }
    ledger.close().unwrap();
    let reader = place.read();
    for (number, event) in (0..).zip(sent) {
        let stored = reader.event(event.event_id).unwrap().unwrap();
        assert_eq!(stored.seq, Seq::new(number));
        let of_kind = EventFilter { kinds: vec![event.kind()], ..EventFilter::default() };
        assert_eq!(
            reader.events(&of_kind).unwrap().items,
            std::slice::from_ref(&stored),
            "{}",
            event.kind().as_str()
        );
        assert_eq!(Event { writer_instance: None, ..stored.event }, event);
    }
    kinds.sort_by_key(|kind| kind.as_str());
    kinds.dedup();
    assert_eq!(kinds.len(), lines.len());
    assert_eq!(kinds.len(), Kind::ALL.len(), "every kind there is");
}

#[test]
fn what_is_not_there_is_nothing_and_no_error() {
    let place = Place::new();
    let ledger = place.open();
    ledger.start_run(NewRun::new("r")).unwrap();
    for ledger in [&ledger, &place.read()] {
        assert_eq!(ledger.event(EventId::from_bytes([7; 16])).unwrap(), None);
        assert_eq!(ledger.event_at(Seq::new(1)).unwrap(), None);
        assert_eq!(ledger.run("nobody").unwrap(), None);
        assert_eq!(ledger.run_as_of("r", AsOf::Before(Seq::ZERO)).unwrap(), None, "not known yet then");
        assert_eq!(ledger.audit(QueryId::from_bytes([7; 32])).unwrap(), None);
        assert_eq!(ledger.provenance(EventId::from_bytes([7; 16])).unwrap(), None);
        assert!(ledger.run_logs("nobody", 0, 9).unwrap().entries.is_empty());
        assert!(ledger.children("nobody").unwrap().is_empty());
        assert!(ledger.recent_audits(9).unwrap().is_empty());
        assert!(ledger.last_run_by_skills(&["nobody"], true).unwrap().is_empty());
        let ancestry = ledger.ancestors("nobody").unwrap();
        assert_eq!((ancestry.runs, ancestry.end), (vec![], AncestryEnd::Missing("nobody".to_owned())));
        let of_nobody = RunFilter { caller: Some("nobody".into()), ..RunFilter::default() };
        assert_eq!(ledger.count_runs(&of_nobody).unwrap(), 0);
    }
}
