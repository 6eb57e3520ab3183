//! `trace`: an account of what an agent looked up around a time.

use crate::program::{Sandbox, seqs};
use crate::snapshots::fixed;

fn traced(sandbox: &Sandbox, arguments: &[&str]) -> Vec<u64> {
    let trace = sandbox.run(["trace", "--json"].iter().chain(arguments)).expect(0).value();
    seqs(trace["queries"].as_array().unwrap())
}

#[test]
fn the_account_says_what_was_asked_what_came_back_and_from_what() {
    let sandbox = fixed();
    let time = "2026-02-08T09:11:30Z";
    let finished =
        sandbox.run(["trace", "--agent", "planner", "--time", time, "--subject", "auth/*"]).expect(0);
    let text = finished.text();
    for words in [
        "planner asked auth/login owner",
        "lens strict",
        "answer \"team-identity\"  confidence 0.92",
        "assertion 111111111111  weight 0.75  approved",
        "source wiki: who owns what",
        "answer {\"minutes\":15}",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    assert!(!text.contains("reviewer") && !text.contains("billing"), "{text}");
    // Which source counted in how many of the answers.
    let sources: Vec<&str> = text.split("\n\n").nth(1).unwrap().lines().collect();
    assert!(sources[0].starts_with("queries  assertions  source"), "{text}");
    assert!(sources[1].trim_start().starts_with("2           2  wiki"), "{text}");
    assert_eq!(finished.stderr, "--from 2026-02-08T08:41:30Z\n--to 2026-02-08T09:41:30Z\n");
}

#[test]
fn a_window_lies_around_the_time_and_bounds_are_included() {
    let sandbox = fixed();
    let around = |window: &str| traced(&sandbox, &["--time", "2026-02-08T09:12:00Z", "--window", window]);
    assert_eq!(around("0s"), [3]);
    assert_eq!(around("30s"), [3, 4]);
    assert_eq!(around("1 minute"), [2, 3, 4]);
    assert_eq!(around("12 hours"), [2, 3, 4, 11]);
    let between = ["--from", "2026-02-08T09:11:00Z", "--to", "2026-02-08T09:12:00Z"];
    assert_eq!(traced(&sandbox, &between), [2, 3]);
    assert_eq!(traced(&sandbox, &["--anonymous"]), [4]);
}

#[test]
fn nonsense_is_refused_and_nothing_found_is_said() {
    let sandbox = fixed();
    sandbox.run(["trace", "--time", "teatime"]).expect_error(2, "--time");
    sandbox
        .run(["trace", "--time", "now", "--window", "wide"])
        .expect_error(2, "--window \"wide\" is not a span");
    sandbox.run(["trace", "--time", "now", "--window", "-5m"]).expect(2);
    sandbox.run(["trace", "--time", "now", "--from", "yesterday"]).expect(2);
    sandbox.run(["trace", "--window", "5m"]).expect(2);
    let finished = sandbox.run(["trace", "--agent", "nobody"]).expect(0);
    assert!(finished.stdout.is_empty() && finished.stderr.contains("no query audit matches"));
}

#[test]
fn an_account_goes_on_where_its_page_ended() {
    let sandbox = fixed();
    let first = sandbox.run(["trace", "--json", "--limit", "3"]).expect(0).value();
    let token = first["nextPage"].as_str().unwrap();
    assert_eq!(traced(&sandbox, &["--limit", "3", "--page", token]), [11]);
    let text = sandbox.run(["trace", "--limit", "3"]).expect(0);
    assert!(text.stderr.contains(&format!("--page {token}")), "{}", text.stderr);
}
