//! `chain`: the events of a correlation and of those that it follows from.

use serde_json::json;

use crate::program::{LiveWriter, seqs};
use crate::snapshots::fixed;

#[test]
fn events_come_in_time_order_whichever_correlation_they_are_of() {
    let sandbox = fixed();
    let chain = sandbox.run(["chain", "c-fix", "--json"]).expect(0).value();
    // The alert was noted after what it led to, and happened before.
    assert_eq!(seqs(chain["events"].as_array().unwrap()), [8, 1, 2, 3, 5, 6, 7, 10]);
    assert_eq!(chain["gaps"], json!([{ "correlationId": "c-gone", "namedBy": "c-incident" }]));
    let text = sandbox.run(["chain", "c-fix"]).expect(0).text();
    for words in [
        "c-fix  7 events, follows from c-incident",
        "gap: c-gone, which c-incident follows from, has no event",
        "alert",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}

#[test]
fn a_circle_is_named() {
    let sandbox = fixed();
    let text = sandbox.run(["chain", "c-a"]).expect(0).text();
    assert!(text.contains("cycle: c-a follows from c-b follows from c-a"), "{text}");
    assert!(text.contains("hand_over") && text.contains("hand_back"), "{text}");
}

#[test]
fn a_correlation_that_is_not_there_is_not_found() {
    let sandbox = fixed();
    sandbox.run(["chain", "c-nothing"]).expect_error(1, "no correlation \"c-nothing\"");
    sandbox.run(["chain", "c-gone", "--json"]).expect_error(1, "no correlation \"c-gone\"");
    sandbox.run(["chain"]).expect(2);
}

#[test]
fn beside_a_live_writer_a_chain_has_what_was_acknowledged() {
    let sandbox = fixed();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    let before =
        sandbox.run(["chain", "c-fix", "--json"]).expect(0).value()["events"].as_array().unwrap().len();
    writer.append(r#"{"kind":"custom","correlationId":"c-gone","body":{"type":"cause"}}"#);
    let chain = sandbox.run(["chain", "c-fix", "--json"]).expect(0).value();
    assert_eq!((chain["events"].as_array().unwrap().len(), &chain["gaps"]), (before + 1, &json!([])));
    assert_eq!(writer.close(), 0);
}
