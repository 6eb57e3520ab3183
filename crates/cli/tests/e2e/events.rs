//! `events`: filters, order, limits, pages, times.

use serde_json::Value;

use crate::program::{SESSION_RUN, Sandbox, seqs};

fn events(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Value> {
    sandbox.run(["events", "--json"].iter().chain(arguments)).expect(0).lines()
}

#[test]
fn each_filter_keeps_what_matches_it_and_nothing_else() {
    let sandbox = Sandbox::with_session();
    let all = events(&sandbox, &["--limit", "1000"]);
    for (option, field, value) in [
        ("--run", "runId", SESSION_RUN),
        ("--session", "sessionId", SESSION_RUN),
        ("--agent", "agentId", "claude-code"),
        ("--actor", "actor", "user"),
        ("--workspace", "workspaceId", "/srv/billing"),
        ("--outcome", "outcome", "failure"),
        ("--kind", "kind", "model_call"),
    ] {
        let expected: Vec<&Value> = all.iter().filter(|event| event[field] == value).collect();
        assert!(
            !expected.is_empty() && expected.len() < all.len() || option == "--session",
            "{option} tells nothing"
        );
        let found = events(&sandbox, &[option, value, "--limit", "1000"]);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{option}");
    }
    let tools = events(&sandbox, &["--tool", "Bash"]);
    assert_eq!(tools.len(), 2);
    assert!(tools.iter().all(|event| event["body"]["toolId"] == "Bash"));
    let both =
        events(&sandbox, &["--tool", "Bash", "--outcome", "failure", "--kind", "tool_call,model_call"]);
    assert_eq!(both.len(), 1);
    assert!(events(&sandbox, &["--run", "nobody"]).is_empty());
}

#[test]
fn a_correlation_is_found_across_runs() {
    let sandbox = Sandbox::new();
    let event = |run: &str, correlation: &str| {
        format!(
            r#"{{"kind":"custom","runId":"{run}","correlationId":"{correlation}","body":{{"type":"t"}}}}"#
        )
    };
    let input = [event("a", "x"), event("b", "y"), event("c", "x")].join("\n");
    sandbox.run_with_input(["append"], input).expect(0);
    assert_eq!(seqs(&events(&sandbox, &["--correlation", "x"])), [0, 2]);
}

#[test]
fn the_limit_is_100_unless_told_and_pages_cover_everything_once_in_both_orders() {
    let sandbox = Sandbox::with_notes(2_500);
    assert_eq!(events(&sandbox, &[]).len(), 100);
    assert_eq!(events(&sandbox, &["--limit", "999999"]).len(), 2_500);
    assert!(events(&sandbox, &["--limit", "0"]).is_empty());
    let ascending: Vec<u64> = (0..2_500).collect();
    let descending: Vec<u64> = (0..2_500).rev().collect();
    for (order, expected) in [("asc", ascending), ("desc", descending)] {
        let (mut found, mut page) = (Vec::new(), None::<String>);
        loop {
            let mut arguments = vec!["events", "--json", "--order", order, "--limit", "1100"];
            arguments.extend(page.iter().flat_map(|token| ["--page", token]));
            let finished = sandbox.run(arguments).expect(0);
            found.extend(seqs(&finished.lines()));
            let Some(next) = finished.stderr.lines().find(|line| line.starts_with('{')) else { break };
            page =
                Some(serde_json::from_str::<Value>(next).unwrap()["nextPage"].as_str().unwrap().to_owned());
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn a_page_token_of_another_question_or_of_nothing_is_refused() {
    let sandbox = Sandbox::with_notes(5);
    let finished = sandbox.run(["events", "--json", "--limit", "2"]).expect(0);
    let next: Value = serde_json::from_str(finished.stderr.trim()).unwrap();
    let token = next["nextPage"].as_str().unwrap();
    sandbox.run(["events", "--agent", "tester", "--page", token]).expect_error(2, "page token");
    sandbox.run(["events", "--page", "12ab"]).expect(2);
}

#[test]
fn times_select_from_inclusive_to_exclusive_and_are_echoed() {
    let sandbox = Sandbox::with_notes(5);
    let finished =
        sandbox.run(["events", "--json", "--from", "2026-02-08T00:00:01Z", "--to", "1770508803"]).expect(0);
    assert_eq!(seqs(&finished.lines()), [1, 2]);
    assert_eq!(finished.stderr, "--from 2026-02-08T00:00:01Z\n--to 2026-02-08T00:00:03Z\n");
    assert_eq!(events(&sandbox, &["--from", "2026-02-08"]).len(), 5);
    assert!(events(&sandbox, &["--to", "2026-02-08"]).is_empty());
    assert!(events(&sandbox, &["--from", "900 seconds ago", "--to", "now"]).is_empty());
}

#[test]
fn a_time_that_is_none_is_refused_with_the_accepted_forms() {
    let sandbox = Sandbox::with_notes(1);
    for text in ["", "soon", "6 o'clock", "09:30", "20260208"] {
        sandbox.run(["events", "--from", text]).expect_error(2, "2 days 3 hours ago");
    }
    sandbox.run(["runs", "--to", "noon"]).expect_error(2, "--to");
}

#[test]
fn an_unknown_kind_is_refused_with_the_known_ones() {
    let sandbox = Sandbox::with_notes(1);
    let finished = sandbox.run(["events", "--kind", "noise"]).expect(2);
    assert!(finished.stderr.contains("workspace_event"), "{}", finished.stderr);
}

#[test]
fn for_people_there_is_one_line_per_event_under_the_headings() {
    let sandbox = Sandbox::with_session();
    let text = sandbox.run(["events", "--text", "--tool", "Bash", "--outcome", "failure"]).expect(0).text();
    let (headings, line) = text.strip_suffix('\n').unwrap().split_once('\n').unwrap();
    assert!(headings.contains("outcome") && !line.contains('\n'));
    for word in
        ["2026-03-14T02:41:", "tool_call", "5f1c2f64", "Bash: cargo test --package billing retry", "failure"]
    {
        assert!(line.contains(word), "{word:?} in {line}");
    }
}

#[test]
fn what_was_recorded_cannot_reach_the_terminal_as_control_characters() {
    let sandbox = Sandbox::new();
    let line = r#"{"kind":"message","runId":"r\u001b[2J","body":{"role":"user","content":"a\u001b]0;owned\u0007b"}}"#;
    sandbox.run_with_input(["append"], line).expect(0);
    for arguments in
        [&["events", "--text"][..], &["event", "0", "--text"], &["runs", "--text"], &["tail", "--text"]]
    {
        let text = sandbox.run(arguments).expect(0).text();
        assert!(text.contains("owned") || text.contains('r'), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{arguments:?}");
    }
}

#[test]
fn as_of_an_earlier_event_or_time_the_ledger_knows_what_it_knew_then() {
    let sandbox = Sandbox::new();
    let first = r#"{"eventId":"01890a5d-ac96-774b-bcce-b302099a8057","kind":"custom","runId":"r","body":{"type":"draft"}}"#;
    let second = r#"{"kind":"custom","runId":"r","supersedes":"01890a5d-ac96-774b-bcce-b302099a8057","body":{"type":"final"}}"#;
    sandbox.run_with_input(["append"], first).expect(0);
    sandbox.run_with_input(["append"], second).expect(0);
    assert_eq!(seqs(&events(&sandbox, &[])), [1]);
    assert_eq!(seqs(&events(&sandbox, &["--as-of-seq", "0"])), [0]);
    assert_eq!(seqs(&events(&sandbox, &["--as-of", "now"])), [1]);
    assert!(events(&sandbox, &["--as-of", "2001-01-01"]).is_empty());
    let run = sandbox.run(["run", "r", "--json", "--as-of-seq", "0"]).expect(0).lines();
    assert_eq!((&run[0]["runId"], seqs(&run[1..])), (&Value::from("r"), vec![0]));
    sandbox.run(["run", "r", "--as-of", "2001-01-01"]).expect_error(1, "as of then");
    assert!(sandbox.run(["runs", "--json", "--as-of", "2001-01-01"]).expect(0).lines().is_empty());
    sandbox.run(["events", "--as-of", "now", "--as-of-seq", "0"]).expect(2);
}

#[test]
fn an_option_given_twice_means_either_and_a_pattern_what_is_like_it() {
    let sandbox = Sandbox::with_session();
    let tools = |arguments: &[&str]| events(&sandbox, arguments).len();
    let either = tools(&["--tool", "Bash", "--tool", "Read"]);
    assert_eq!(either, tools(&["--tool", "Bash"]) + tools(&["--tool", "Read"]));
    assert_eq!(tools(&["--like", "tool=B?s*"]), tools(&["--tool", "Bash"]));
    assert_eq!(tools(&["--like", "tool=B*", "--tool", "Read"]), either);
    assert_eq!(tools(&["--like", "kind=tool_*"]), tools(&["--kind", "tool_call"]));
    assert_eq!(tools(&["--tool", "B*"]), 0, "without --like a star is a star");
    for (pattern, reason) in
        [("tool=[", "without its `]`"), ("tools=x", "correlation"), ("tool", "WHAT=PATTERN")]
    {
        let finished = sandbox.run(["events", "--like", pattern]).expect(2);
        assert!(finished.stderr.contains(reason), "{}", finished.stderr);
    }
    sandbox.run(["events", "--like", "kind=x*"]).expect_error(2, "no kind");
}

#[test]
fn query_audits_are_found_by_what_they_asked_about() {
    let sandbox = Sandbox::new();
    let audit =
        |subject: &str| format!(r#"{{"kind":"query_audit","body":{{"params":{{"subject":"{subject}"}}}}}}"#);
    let input = [audit("tea/green"), audit("tea/black"), audit("coffee")].join("\n");
    sandbox.run_with_input(["append"], input).expect(0);
    assert_eq!(seqs(&events(&sandbox, &["--like", "subject=tea/*"])), [0, 1]);
    assert_eq!(seqs(&events(&sandbox, &["--subject", "coffee"])), [2]);
    assert_eq!(sandbox.run(["count", "--by", "subject", "--json"]).expect(0).lines().len(), 3);
}

#[test]
fn an_explanation_names_what_is_joined_and_what_it_takes() {
    let sandbox = Sandbox::with_session();
    let arguments = ["events", "--explain", "--tool", "Bash", "--agent", "claude-code"];
    let text = sandbox.run(arguments).expect(0).text();
    for part in [
        "tool = \"Bash\": 1 streams with ",
        "agent = \"claude-code\"",
        "2 in the answer",
        "a count takes the join",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let value = sandbox.run(arguments.iter().chain(&["--json"])).expect(0).value();
    assert_eq!((&value["matches"], &value["eventsRead"]), (&2.into(), &2.into()));
    assert_eq!((&value["joined"][0]["streams"], &value["countMethod"]), (&1.into(), &"join".into()));
}
