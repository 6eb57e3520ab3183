//! `event`: one event by id or number, its contents resolved.

use crate::program::{Sandbox, note};

#[test]
fn an_event_is_found_by_its_number_and_by_its_id() {
    let sandbox = Sandbox::new();
    let appended = sandbox.run_with_input(["append"], note(7)).expect(0).value();
    let by_number = sandbox.run(["event", "0", "--json"]).expect(0).value();
    assert_eq!(by_number["eventId"], appended["eventId"]);
    assert_eq!(by_number["body"]["data"]["n"], 7);
    let by_id = sandbox.run(["event", appended["eventId"].as_str().unwrap(), "--json"]).expect(0).value();
    assert_eq!(by_id, by_number);
}

#[test]
fn contents_that_stand_in_another_events_line_are_fetched() {
    let sandbox = Sandbox::with_session();
    let failed =
        sandbox.run(["events", "--json", "--tool", "Bash", "--outcome", "failure"]).expect(0).value();
    assert!(failed["body"]["input"].is_null(), "the event itself only refers to its lines");
    let whole = sandbox.run(["event", failed["eventId"].as_str().unwrap(), "--json"]).expect(0).value();
    assert_eq!(whole["body"]["input"]["command"], "cargo test --package billing retry");
    assert!(whole["body"]["output"].as_str().unwrap().contains("late_answer_is_not_sent_again ... FAILED"));
    for (name, value) in failed.as_object().unwrap() {
        if name != "body" {
            assert_eq!(value, &whole[name], "{name} is as before");
        }
    }
    let text = sandbox.run(["event", failed["eventId"].as_str().unwrap(), "--text"]).expect(0).text();
    for words in
        ["tool_call", "cargo test --package billing retry", "mails sent for order 1", "failure", "leaf"]
    {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}

#[test]
fn an_event_that_is_not_there_is_1_and_a_name_that_is_none_is_2() {
    let sandbox = Sandbox::with_notes(1);
    sandbox.run(["event", "1"]).expect_error(1, "no event 1");
    let id = "0197f000-0000-7000-8000-00000000ffff";
    sandbox.run(["event", id]).expect_error(1, id);
    sandbox.run(["event", "the-first"]).expect_error(2, "the-first");
}
