//! `demo`: it checks itself; here, that it ends well, leaves a ledger to look at, and touches no other.

use crate::program::{SESSION_RUN, Sandbox, note};

#[test]
fn the_demo_finds_everything_again_and_leaves_a_sound_ledger() {
    let sandbox = Sandbox::new();
    let ledger = sandbox.ledger();
    let finished = sandbox.run(["demo", "--ledger", ledger.to_str().unwrap()]).expect(0);
    let text = finished.text();
    for words in
        ["byte for byte", "SIGKILL", "interrupted", "What did this run do?", "cargo test", "none damaged"]
    {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    sandbox.run(["verify"]).expect(0);
    let run = sandbox.run(["run", "demo-live-run", "--json"]).expect(0).lines().remove(0);
    assert_eq!(run["status"], "interrupted");
    assert_eq!(sandbox.run(["run", SESSION_RUN, "--json"]).expect(0).lines()[0]["status"], "completed");
}

#[test]
fn in_json_the_demo_is_one_object_and_nothing_acknowledged_is_missing() {
    let sandbox = Sandbox::new();
    let ledger = sandbox.ledger();
    let report = sandbox.run(["--json", "demo", "--ledger", ledger.to_str().unwrap()]).expect(0).value();
    let (acknowledged, found) = (report["acknowledged"].as_u64().unwrap(), report["found"].as_u64().unwrap());
    assert!(acknowledged >= 200 && found >= acknowledged, "{report}");
    assert_eq!(report["interruptedRuns"], serde_json::json!(["demo-live-run"]));
}

#[test]
fn the_demo_does_not_write_into_a_ledger_that_is_there() {
    let sandbox = Sandbox::new();
    sandbox.run_with_input(["append"], note(0)).expect(0);
    let ledger = sandbox.ledger();
    sandbox.run(["demo", "--ledger", ledger.to_str().unwrap()]).expect_error(2, "not an empty folder");
    assert_eq!(sandbox.run(["tail"]).expect(0).lines().len(), 1);
}
