//! Lists longer than what is asked for at a time: all of it, once each, in order, and on from where one ended.

use std::fmt::Write as _;

use serde_json::Value;

use crate::program::Sandbox;

/// More than twice as many as the program asks for at a time.
const ITEMS: usize = 2_345;

/// As many runs as query audits. Four each share a second, so that ties lie across every seam too.
fn long_ledger() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut input = String::new();
    for number in 0..ITEMS {
        let (minute, second) = (number / 4 / 60, number / 4 % 60);
        let time = format!("2026-02-08T09:{minute:02}:{second:02}Z");
        let _ = writeln!(
            input,
            r#"{{"kind":"run_started","runId":"run-{number:04}","timestamp":"{time}","body":{{}}}}"#
        );
        let _ = writeln!(
            input,
            r#"{{"kind":"query_audit","agentId":"planner","timestamp":"{time}","body":{{"queryId":"{number:064x}"}}}}"#
        );
    }
    sandbox.run_with_input(["append", "--in-flight", "256", "--durability", "buffered"], input).expect(0);
    sandbox
}

/// The arguments of a list, and how one of its items is told from the others.
type List = (&'static [&'static str], fn(&Value) -> String);

fn lists() -> [List; 3] {
    [
        (&["runs"], |item| item["runId"].as_str().unwrap().to_owned()),
        (&["audits"], |item| item["queryId"].as_str().unwrap().to_owned()),
        (&["events", "--kind", "query_audit"], |item| item["body"]["queryId"].as_str().unwrap().to_owned()),
    ]
}

/// The options for a whole list in one direction.
fn whole(command: &[&str], order: &'static str) -> Vec<&'static str> {
    match (command[0], order) {
        ("audits", "desc") => vec!["--json", "--recent", "1000000"],
        ("audits", _) => vec!["--json", "--limit", "1000000"],
        _ => vec!["--json", "--limit", "1000000", "--order", order],
    }
}

fn names(list: &str) -> Vec<String> {
    let name = |number| if list == "runs" { format!("run-{number:04}") } else { format!("{number:064x}") };
    (0..ITEMS).map(name).collect()
}

#[test]
fn a_list_of_thousands_has_every_item_once_and_in_order_whatever_is_asked_for_at_a_time() {
    let sandbox = long_ledger();
    for (command, name) in lists() {
        for order in ["asc", "desc"] {
            let finished = sandbox.run(command.iter().chain(&whole(command, order))).expect(0);
            let found: Vec<String> = finished.lines().iter().map(name).collect();
            let mut expected = names(command[0]);
            if order == "desc" {
                expected.reverse();
            }
            assert!(found == expected, "{command:?} {order}: {} of {ITEMS}", found.len());
            assert_eq!(finished.stderr, "", "there is no next page");
        }
    }
}

#[test]
fn a_list_of_thousands_goes_on_where_it_ended() {
    let sandbox = long_ledger();
    for (command, name) in lists() {
        // Just under, at and over the seam between two pages that the program asks for.
        for limit in ["999", "1000", "1001", "2345"] {
            let (mut found, mut page) = (Vec::new(), None::<String>);
            loop {
                let mut arguments = [command, &["--json", "--limit", limit]].concat();
                if command[0] == "runs" {
                    arguments.extend(["--order", "asc"]);
                }
                if let Some(page) = &page {
                    arguments.extend(["--page", page]);
                }
                let finished = sandbox.run(arguments).expect(0);
                found.extend(finished.lines().iter().map(name));
                if finished.stderr.is_empty() {
                    break;
                }
                let said: Value = serde_json::from_str(finished.stderr.trim()).unwrap();
                page = Some(said["nextPage"].as_str().unwrap().to_owned());
            }
            assert!(found == names(command[0]), "{command:?} by {limit}: {} of {ITEMS}", found.len());
        }
    }
}
