//! `events --grep`: what holds a text, together with all filters, page by page.

use serde_json::Value;

use crate::program::{Sandbox, note, seqs};

fn found(sandbox: &Sandbox, arguments: &[&str]) -> Vec<u64> {
    seqs(&sandbox.run(["events", "--json"].iter().chain(arguments)).expect(0).lines())
}

#[test]
fn a_text_is_found_wherever_an_event_says_it_also_in_the_line_of_another() {
    let sandbox = Sandbox::with_session();
    let hits = found(&sandbox, &["--grep", "gives_up_after_five"]);
    assert!(!hits.is_empty());
    let tools = found(&sandbox, &["--grep", "gives_up_after_five", "--kind", "tool_call"]);
    // The outputs of the tool stand in lines that messages hold.
    assert_eq!(tools.len(), 2);
    let failed = ["--grep", "gives_up_after_five", "--kind", "tool_call", "--outcome", "failure"];
    assert_eq!(found(&sandbox, &failed).len(), 1);
    assert!(found(&sandbox, &["--grep", "no such words"]).is_empty());
}

#[test]
fn quotes_and_line_breaks_are_looked_for_as_somebody_would_type_them() {
    let sandbox = Sandbox::new();
    let line = r#"{"kind":"message","body":{"role":"user","content":"say \"hi\"\nTo ÄRGER"}}"#;
    sandbox.run_with_input(["append"], line).expect(0);
    assert_eq!(found(&sandbox, &["--grep", "say \"hi\""]), [0]);
    assert_eq!(found(&sandbox, &["--grep", "hi\"\nTo"]), [0]);
    assert!(found(&sandbox, &["--grep", "ärger"]).is_empty());
    assert_eq!(found(&sandbox, &["--grep", "ärger", "--ignore-case"]), [0]);
}

#[test]
fn the_limit_counts_hits_and_the_next_page_goes_on_behind_the_last_one() {
    let sandbox = Sandbox::with_notes(500);
    // 5, 15, …, 495 and 50 to 59.
    let expected: Vec<u64> = (0..500).filter(|number| number.to_string().ends_with('5')).collect();
    for (order, limit) in [("asc", "7"), ("desc", "7"), ("asc", "64"), ("asc", "1")] {
        let (mut hits, mut page) = (Vec::new(), None::<String>);
        loop {
            let mut arguments = vec!["events", "--json", "--grep", "5}}", "--order", order, "--limit", limit];
            arguments.extend(page.iter().flat_map(|token| ["--page", token]));
            let finished = sandbox.run(arguments).expect(0);
            hits.extend(seqs(&finished.lines()));
            let Some(next) = finished.stderr.lines().find(|line| line.starts_with('{')) else { break };
            let next: Value = serde_json::from_str(next).unwrap();
            page = Some(next["nextPage"].as_str().unwrap().to_owned());
        }
        let expected: Vec<u64> =
            if order == "asc" { expected.clone() } else { expected.iter().rev().copied().collect() };
        assert_eq!(hits, expected, "{order}, {limit} at a time");
    }
}

#[test]
fn nothing_but_hits_is_printed_where_no_terminal_is() {
    let sandbox = Sandbox::with_notes(300);
    let finished = sandbox.run(["events", "--json", "--grep", "\"n\":7}"]).expect(0);
    assert_eq!((finished.lines().len(), finished.stderr.as_str()), (1, ""));
    sandbox.run(["events", "--grep", ""]).expect(2);
    sandbox.run(["events", "--ignore-case"]).expect(2);
    sandbox.run(["events", "--grep", "x", "--explain"]).expect(2);
}

#[test]
fn what_was_appended_since_is_found_too() {
    let sandbox = Sandbox::with_notes(2);
    sandbox.run_with_input(["append"], note(1)).expect(0);
    assert_eq!(found(&sandbox, &["--grep", "\"n\":1}", "--order", "desc"]).len(), 2);
}
