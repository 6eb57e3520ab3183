//! What people see: tables that are aligned and fit, times where they live, nothing that a recording could do to a
//! terminal.

use crate::program::{Finished, Sandbox, finish};

/// Runs the program as in a window of so many columns.
fn in_columns(sandbox: &Sandbox, columns: usize, arguments: &[&str]) -> Finished {
    finish(sandbox.command(arguments).env("COLUMNS", columns.to_string()), Vec::new()).expect(0)
}

#[test]
fn every_table_fits_the_window() {
    let sandbox = Sandbox::with_session();
    for arguments in [
        &["runs"][..],
        &["events", "--text", "--limit", "1000"],
        &["tail", "--text"],
        &["usage", "--by", "run"],
        &["count", "--by", "tool"],
    ] {
        for columns in [80, 100, 140] {
            let text = in_columns(&sandbox, columns, arguments).text();
            assert!(text.lines().count() > 2, "{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= columns, "{columns} columns: {line}");
            }
        }
    }
}

#[test]
fn columns_stay_aligned_under_their_headings_with_wide_characters_too() {
    let sandbox = Sandbox::new();
    let message = |who: &str| {
        format!(
            r#"{{"kind":"message","actor":"{who}","outcome":"X","body":{{"role":"user","content":"日本語 {who}"}}}}"#
        )
    };
    sandbox.run_with_input(["append"], [message("ann"), message("日本")].join("\n")).expect(0);
    let text = sandbox.run(["events", "--text"]).expect(0).text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    // One column each, but two for the five wide characters of the second line and the three of the first.
    let place = |line: &str, mark: &str| {
        let before = &line[..line.rfind(mark).unwrap_or_else(|| panic!("{mark} in {line}"))];
        before.chars().map(|character| if character > '\u{2e80}' { 2 } else { 1 }).sum::<usize>()
    };
    assert_eq!(place(lines[0], "outcome"), place(lines[1], "X"));
    assert_eq!(place(lines[1], "X"), place(lines[2], "X"));
}

#[test]
fn an_id_is_never_cut_so_that_it_can_be_copied() {
    let sandbox = Sandbox::with_session();
    let text = in_columns(&sandbox, 40, &["runs"]).text();
    let ids: Vec<String> = sandbox
        .run(["runs", "--json"])
        .expect(0)
        .lines()
        .iter()
        .map(|run| run["runId"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.iter().all(|id| text.contains(id.as_str())), "{text}");
}

#[test]
fn times_are_local_and_in_utc_when_asked_for_and_can_be_given_back() {
    let sandbox = Sandbox::new();
    let line = r#"{"kind":"run_started","runId":"r","timestamp":"2026-07-08T02:30:00.250Z"}"#;
    sandbox.run_with_input(["append"], line).expect(0);
    let in_zone = |zone: &str, arguments: &[&str]| {
        finish(sandbox.command(arguments).env("TZ", zone), Vec::new()).expect(0).text()
    };
    let local = in_zone("America/New_York", &["events", "--text"]);
    assert!(local.contains("time (local)") && local.contains("2026-07-07T22:30:00  "), "{local}");
    let utc = in_zone("America/New_York", &["events", "--text", "--utc"]);
    assert!(utc.contains("2026-07-08T02:30:00Z") && !utc.contains("local"), "{utc}");
    assert!(in_zone("UTC", &["runs"]).contains("2026-07-08T02:30:00Z"));
    // What a list shows is read as it is meant.
    let from = ["count", "--from", "2026-07-07T22:30:00"];
    assert_eq!(in_zone("America/New_York", &from), "1\n");
    assert_eq!(in_zone("America/New_York", &["count", "--from", "2026-07-08"]), "0\n");
    assert_eq!(in_zone("America/New_York", &["count", "--from", "2026-07-08", "--utc"]), "1\n");
    let whole = in_zone("America/New_York", &["event", "0", "--text"]);
    assert!(whole.contains("2026-07-07T22:30:00.25-04:00"), "{whole}");
    let run = in_zone("America/New_York", &["run", "r", "--text"]);
    assert!(run.contains("2026-07-07T22:30:00.25-04:00"), "{run}");
    // Programs always get UTC.
    assert!(in_zone("America/New_York", &["runs", "--json"]).contains("2026-07-08T02:30:00.25Z"));
}
