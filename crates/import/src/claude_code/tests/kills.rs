//! Imports that were killed: what they leave is a prefix of the events, and the next import completes it.

use super::{asked, session};
use crate::testing::Archive;

#[test]
fn an_import_killed_anywhere_is_completed_by_the_next() {
    let mut lines = session();
    lines.insert(3, format!("{}{}", asked("u8", 3, "wait"), asked("u9", 3, "go on")));
    lines.push(lines[0].clone());
    let text = lines.join("\n");
    let whole = Archive::new();
    let report = whole.import(&text);
    for survived in 0..=report.appended {
        let archive = Archive::killed_after(survived, &whole);
        let rest = archive.import(&text);
        assert_eq!(rest.appended, report.appended - survived, "killed after {survived}");
        assert_eq!(
            (archive.state(), archive.runs()),
            (whole.state(), whole.runs()),
            "killed after {survived}"
        );
        assert_eq!(archive.transcript("s"), text.as_bytes(), "killed after {survived}");
    }
}

#[test]
fn what_a_killed_import_left_is_given_back_in_order() {
    let lines = session();
    let whole = Archive::new();
    whole.import(lines.join("\n"));
    for survived in 1..lines.len() {
        let archive = Archive::killed_after(survived as u64, &whole);
        assert_eq!(archive.transcript("s"), lines[..survived].join("\n").as_bytes());
    }
}
