//! `health`: its exit code is for a watchdog, its words are for people.

use crate::program::{LiveWriter, Sandbox, note};

#[test]
fn a_sound_ledger_is_well_beside_its_writer_and_after_a_kill_of_it() {
    let sandbox = Sandbox::with_session();
    let closed = sandbox.run(["health", "--json"]).expect(0).value();
    assert_eq!((&closed["well"], &closed["index"]["lagEvents"]), (&true.into(), &0.into()));
    assert_eq!(closed["index"]["status"], "on_disk");
    for field in
        ["unsafeEvents", "queueEvents", "queueBytes", "logBytesWritten", "subscriptions", "recentEvents"]
    {
        assert_eq!(closed[field], 0, "{field}: who looks is a reader");
    }

    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    let beside = sandbox.run(["health", "--json"]).expect(0).value();
    assert_eq!(beside["records"].as_u64().unwrap(), closed["records"].as_u64().unwrap() + 1);
    assert_eq!(beside["index"]["lagEvents"], 1, "what the writer has in memory only");
    writer.kill();
    let text = sandbox.run(["health"]).expect(0).text();
    assert!(text.contains("1 event") && text.contains("yes"), "{text}");
}

#[test]
fn a_ledger_without_its_index_is_not_well_until_a_writer_made_it_again() {
    let sandbox = Sandbox::with_session();
    std::fs::remove_dir_all(sandbox.ledger().join("index")).unwrap();
    let health = sandbox.run(["health", "--json"]).expect(5).value();
    assert_eq!((&health["well"], &health["index"]["status"]), (&false.into(), &"unusable".into()));
    let text = sandbox.run(["health"]).expect(5).text();
    assert!(text.contains("no index") && text.contains("well"), "{text}");
    assert!(!sandbox.ledger().join("index").exists(), "looking makes none");
    sandbox.run(["index", "rebuild"]).expect(0);
    sandbox.run(["health"]).expect(0);
}
