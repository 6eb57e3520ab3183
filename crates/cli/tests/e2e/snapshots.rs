//! The JSON of every command on a ledger of fixed ids and times, line by line as it was when it was last looked at.
//!
//! Programs rely on these lines. Who changes one on purpose runs the tests with `RUNLEDGER_ACCEPT_SNAPSHOTS=1`, looks at the
//! difference in git, and says so in the changelog.

use std::path::Path;

use crate::program::Sandbox;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/fixture");

/// Each command whose answer follows from the events alone, with the name of the file that holds it.
const COMMANDS: [(&str, &[&str]); 26] = [
    ("events", &["events"]),
    ("events_of_a_run_newest_first", &["events", "--run", "fix-login", "--order", "desc"]),
    ("events_with_a_text", &["events", "--grep", "permission denied"]),
    ("count", &["count"]),
    ("count_by_agent", &["count", "--by", "agent"]),
    ("event", &["event", "6"]),
    ("tail", &["tail", "--from", "12"]),
    ("tail_of_a_kind", &["tail", "--kind", "query_audit"]),
    ("runs", &["runs"]),
    ("runs_of_a_skill", &["runs", "--skill", "repair"]),
    ("ancestors", &["runs", "--ancestors-of", "fix-login"]),
    ("run", &["run", "fix-login"]),
    ("usage_by_model", &["usage", "--by", "model"]),
    ("usage_by_agent", &["usage", "--by", "agent"]),
    ("usage_by_tool", &["usage", "--by", "tool"]),
    ("usage_by_run", &["usage", "--by", "run"]),
    ("usage_by_session", &["usage", "--by", "session"]),
    ("usage_by_day", &["usage", "--by", "day"]),
    ("trace", &["trace", "--agent", "planner", "--subject", "auth/*"]),
    ("why", &["why", "7"]),
    ("chain", &["chain", "c-fix"]),
    ("chain_in_a_circle", &["chain", "c-a"]),
    ("audits", &["audits"]),
    ("audits_anonymous", &["audits", "--anonymous"]),
    ("audits_recent", &["audits", "--recent", "2"]),
    ("audit", &["audit", "2"]),
];

/// A ledger of the fixture's events.
pub(crate) fn fixed() -> Sandbox {
    let sandbox = Sandbox::new();
    let events = std::fs::read_to_string(Path::new(FIXTURE).join("events.jsonl")).unwrap();
    sandbox.run_with_input(["append"], events).expect(0);
    sandbox
}

#[test]
fn the_json_of_every_command_is_what_it_was() {
    let sandbox = fixed();
    let accepts = std::env::var_os("RUNLEDGER_ACCEPT_SNAPSHOTS").is_some();
    let mut differing = Vec::new();
    for (name, arguments) in COMMANDS {
        let printed = sandbox.run(["--json"].iter().chain(arguments)).expect(0).text();
        for line in printed.lines() {
            let value: Result<serde_json::Value, _> = serde_json::from_str(line);
            assert!(value.is_ok_and(|value| value.is_object()), "{name}: {line}");
        }
        let file = Path::new(FIXTURE).join("json").join(format!("{name}.jsonl"));
        if accepts {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &printed).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if printed != expected {
            differing.push(format!("{name}\nexpected: {expected}\nprinted:  {printed}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_event_goes_back_in_as_it_came_out() {
    let sandbox = fixed();
    let printed = sandbox.run(["tail", "--json"]).expect(0).stdout;
    let copy = Sandbox::new();
    std::fs::write(copy.path("events.jsonl"), &printed).unwrap();
    copy.run(["import".as_ref(), "jsonl".as_ref(), copy.path("events.jsonl").as_os_str()]).expect(0);
    assert_eq!(copy.run(["tail", "--json"]).expect(0).stdout, printed);
}

/// What follows from the machine too: at least the names of the fields are the same.
#[test]
fn reports_on_the_machine_keep_the_names_of_their_fields() {
    let sandbox = fixed();
    for (arguments, expected) in [
        (&["verify"][..], &["ambiguous", "damaged", "records", "segments", "tornTailBytes"][..]),
        (&["index", "rebuild"], &["records"]),
        (&["backup", "copy"], &["bytes", "lastCommitTime", "ledgerId", "records", "segments"]),
        (
            &["events", "--explain"],
            &[
                "candidates",
                "checked",
                "countMethod",
                "endedAtLimit",
                "eventsRead",
                "joined",
                "knownEnd",
                "matches",
                "tookMicroseconds",
            ],
        ),
    ] {
        let value = sandbox.run(["--json"].iter().chain(arguments)).expect(0).value();
        let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{arguments:?}");
    }
}

/// The names of the fields of a value, but for those that the events brought with them.
fn names(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                if !["data", "metadata", "input", "output", "resultValue"].contains(&name.as_str()) {
                    names(value, found);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn the_page_of_the_program_names_every_field_that_is_printed() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let sandbox = fixed();
    let reports = [
        &["verify"][..],
        &["events", "--explain"],
        &["index", "rebuild"],
        &["stats"],
        &["health"],
        &["backup", "copy"],
    ];
    let mut found = std::collections::BTreeSet::new();
    for arguments in COMMANDS.iter().map(|(_, arguments)| *arguments).chain(reports) {
        for line in sandbox.run(["--json"].iter().chain(arguments)).expect(0).lines() {
            names(&line, &mut found);
        }
    }
    // What a count is by stands there as `WHAT`; the names of kinds are no fields of ours.
    let is_kind = |name: &&String| name.contains('_');
    let is_named = |name: &str| page.contains(&format!("`{name}`")) || page.contains(&format!("\"{name}\""));
    let groupings = ["agent", "model", "tool", "run", "session", "day"];
    let missing: Vec<&String> = found
        .iter()
        .filter(|name| !is_kind(name) && !is_named(name) && !groupings.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "the page does not name {missing:?}");
}
