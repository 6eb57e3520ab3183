//! `audits` and `audit`: what agents looked up, filtered, paged, and one of them whole.

use serde_json::Value;

use crate::program::{LiveWriter, Sandbox, seqs};
use crate::snapshots::fixed;

fn listed(sandbox: &Sandbox, arguments: &[&str]) -> Vec<u64> {
    seqs(&sandbox.run(["audits", "--json"].iter().chain(arguments)).expect(0).lines())
}

#[test]
fn each_filter_keeps_what_matches_and_both_ends_of_a_time_are_included() {
    let sandbox = fixed();
    assert_eq!(listed(&sandbox, &[]), [2, 3, 4, 11]);
    assert_eq!(listed(&sandbox, &["--agent", "planner"]), [2, 3]);
    assert_eq!(listed(&sandbox, &["--anonymous"]), [4]);
    assert_eq!(listed(&sandbox, &["--subject", "auth/*"]), [2, 3, 11]);
    assert_eq!(listed(&sandbox, &["--subject", "auth/*", "--agent", "reviewer"]), [11]);
    assert_eq!(listed(&sandbox, &["--subject", "auth"]), [] as [u64; 0]);
    let (from, to) = ("2026-02-08T09:12:00Z", "2026-02-08T09:12:30Z");
    assert_eq!(listed(&sandbox, &["--from", from, "--to", to]), [3, 4]);
    assert_eq!(listed(&sandbox, &["--recent", "2"]), [11, 4]);
}

#[test]
fn pages_cover_every_audit_once() {
    let sandbox = fixed();
    let (mut found, mut page) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["audits", "--json", "--limit", "1"];
        arguments.extend(page.iter().flat_map(|token| ["--page", token]));
        let finished = sandbox.run(arguments).expect(0);
        found.extend(seqs(&finished.lines()));
        let Some(next) = finished.stderr.lines().find(|line| line.starts_with('{')) else { break };
        let next: Value = serde_json::from_str(next).unwrap();
        page = Some(next["nextPage"].as_str().unwrap().to_owned());
    }
    assert_eq!(found, [2, 3, 4, 11]);
    let token = page.unwrap();
    sandbox.run(["audits", "--anonymous", "--page", &token]).expect_error(2, "page token");
}

#[test]
fn one_audit_is_found_by_its_query_id_and_by_its_number() {
    let sandbox = fixed();
    let id = "a".repeat(64);
    let by_id = sandbox.run(["audit", &id, "--json"]).expect(0).value();
    assert_eq!(by_id, sandbox.run(["audit", "2", "--json"]).expect(0).value());
    assert_eq!((&by_id["queryId"], &by_id["agentId"]), (&id.clone().into(), &"planner".into()));
    let text = sandbox.run(["audit", &id]).expect(0).text();
    for words in ["auth/login", "team-identity", "0.92", "wiki: who owns what", "weight 0.75", "strict"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}

#[test]
fn what_is_no_audit_is_refused_and_what_is_not_there_is_not_found() {
    let sandbox = fixed();
    sandbox.run(["audit", "0"]).expect_error(2, "it is a run_started");
    sandbox.run(["audit", "nonsense"]).expect_error(2, "neither a query id nor a number");
    sandbox.run(["audit", "999"]).expect_error(1, "no query audit 999");
    sandbox.run(["audit", &"9".repeat(64)]).expect_error(1, "no query audit");
    sandbox.run(["audits", "--agent", "a", "--anonymous"]).expect(2);
    sandbox.run(["audits", "--subject", "["]).expect(2);
    sandbox.run(["audits", "--recent", "1", "--limit", "2"]).expect(2);
    assert!(listed(&Sandbox::with_notes(2), &[]).is_empty());
}

#[test]
fn a_second_audit_of_the_same_query_id_with_other_content_is_refused() {
    let sandbox = fixed();
    let id = "a".repeat(64);
    let other = format!(
        r#"{{"kind":"query_audit","agentId":"mallory","body":{{"queryId":"{id}","params":{{"subject":"x"}}}}}}"#
    );
    let finished = sandbox.run_with_input(["append"], other).expect(2);
    assert!(finished.stderr.contains("\"line\":1"), "{}", finished.stderr);
    assert_eq!(sandbox.run(["audit", &id, "--json"]).expect(0).value()["agentId"], "planner");
}

#[test]
fn beside_a_live_writer_an_audit_is_there_as_soon_as_it_is_acknowledged() {
    let sandbox = fixed();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    for number in 0..3 {
        let line = format!(
            r#"{{"kind":"query_audit","agentId":"live","body":{{"params":{{"subject":"auth/{number}"}}}}}}"#
        );
        let seq = writer.append(&line)["seq"].as_u64().unwrap();
        assert_eq!(listed(&sandbox, &["--recent", "1"]), [seq]);
        assert_eq!(listed(&sandbox, &["--agent", "live"]).len(), number + 1);
        let trace = sandbox.run(["trace", "--agent", "live", "--json"]).expect(0).value();
        assert_eq!(trace["queries"].as_array().unwrap().len(), number + 1);
    }
    assert_eq!(writer.close(), 0);
}
