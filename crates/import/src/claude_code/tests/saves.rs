//! Several files of one session: earlier and later saves, parts, in either order.

use runledger_audit::Kind;

use super::{answer, asked, calls, line, result, session, tool_use, tools};
use crate::testing::Archive;

#[test]
fn an_answer_counts_once_with_the_usage_of_its_last_line() {
    let archive = Archive::new();
    let lines = session();
    // The first save saw the answer while it was streamed.
    archive.import(lines[..3].join("\n"));
    assert_eq!(calls(&archive).iter().map(|(_, call)| call.usage.output_tokens).collect::<Vec<_>>(), [1]);
    archive.import(lines.join("\n"));
    assert_eq!(calls(&archive).iter().map(|(_, call)| call.usage.output_tokens).collect::<Vec<_>>(), [9, 4]);
    // An earlier save that is imported again takes nothing back.
    assert_eq!(archive.import(lines[..3].join("\n")).appended, 0);
    assert_eq!(archive.ledger.run("s").unwrap().unwrap().output_tokens, 13);
}

#[test]
fn saves_in_either_order_give_what_the_later_one_gives_alone() {
    let lines = session();
    let whole = lines.join("\n");
    let alone = Archive::new();
    alone.import(&whole);
    // A save of just the first line names no session: it is one of its own.
    for cut in 2..lines.len() {
        for newline in ["", "\n"] {
            let early = lines[..cut].join("\n") + newline;
            for late_first in [false, true] {
                let archive = Archive::new();
                let saves = if late_first { [&whole, &early] } else { [&early, &whole] };
                let reports = saves.map(|save| archive.import(save));
                assert_eq!(
                    archive.state(),
                    alone.state(),
                    "cut after {cut}, the later one first: {late_first}"
                );
                assert_eq!(archive.runs(), alone.runs());
                assert_eq!(archive.transcript("s"), whole.as_bytes());
                assert_eq!(reports[1].duplicates, cut as u64);
                assert_eq!(reports[1].appended == 0, late_first);
            }
        }
    }
}

#[test]
fn parts_in_either_order_give_one_run() {
    let lines = session();
    let alone = Archive::new();
    alone.import(lines.join("\n"));
    // The first and the last line name no session: alone, each would be one of its own.
    for cut in 2..lines.len() - 1 {
        let parts = [lines[..cut].join("\n"), lines[cut..].join("\n") + "\n"];
        for late_first in [false, true] {
            let archive = Archive::new();
            for index in if late_first { [1, 0] } else { [0, 1] } {
                archive.import(&parts[index]);
            }
            assert_eq!(archive.runs(), alone.runs(), "cut after {cut}, the later one first: {late_first}");
            assert_eq!(archive.transcript("s"), format!("{}\n", lines.join("\n")).as_bytes());
            assert!(tools(&archive).iter().all(|(_, call)| call.tool_id == "Sluice"));
        }
    }
}

#[test]
fn a_result_is_joined_with_its_use_whichever_comes_first() {
    let asks = line("a1", 2, &answer("msg-1", 1, &tool_use("tool-1")));
    let brings = result("u1", 5, "tool-1", true);
    let mut states = Vec::new();
    for files in [[&asks, &brings], [&brings, &asks]] {
        let archive = Archive::new();
        archive.import(files[0]);
        let (first, half) = tools(&archive).remove(0);
        let has_use = half.tool_id == "Sluice";
        assert_eq!((has_use, first.event.outcome.is_some()), (files[0] == &asks, files[0] == &brings));
        assert_eq!(half.duration_ms, None);
        archive.import(files[1]);
        let (stored, call) = tools(&archive).remove(0);
        assert_eq!((tools(&archive).len(), call.duration_ms), (1, Some(3000)));
        assert_eq!(stored.event.outcome.as_deref(), Some("failure"));
        assert_eq!(stored.event.supersedes, Some(first.event.event_id));
        assert_eq!((archive.import(files[0]).appended, archive.import(files[1]).appended), (0, 0));
        states.push(archive.runs());
    }
    assert_eq!(states[0], states[1]);
}

#[test]
fn a_line_torn_in_an_early_save_is_made_good_by_a_later_one() {
    let whole = session()[..5].join("\n") + "\n";
    let alone = Archive::new();
    alone.import(&whole);
    let last_line = session()[..4].join("\n").len() + 1;
    for cut in (last_line + 1..whole.len() - 1).step_by(37) {
        let early = &whole[..cut];
        for late_first in [false, true] {
            let archive = Archive::new();
            let saves = if late_first { [&whole, early] } else { [early, &whole] };
            for save in saves {
                archive.import(save);
            }
            assert_eq!(
                archive.transcript("s"),
                whole.as_bytes(),
                "cut at {cut}, the later one first: {late_first}"
            );
            assert_eq!(archive.runs(), alone.runs(), "cut at {cut}, the later one first: {late_first}");
            assert_eq!(archive.events(&[Kind::Unparsed]), []);
            assert_eq!(archive.import(early).appended + archive.import(&whole).appended, 0);
        }
    }
}

#[test]
fn another_version_of_a_line_takes_its_place_and_both_are_kept() {
    let (first, second) = (asked("u1", 1, "mend it"), asked("u1", 1, "mend it well"));
    let archive = Archive::new();
    archive.import(&first);
    let report = archive.import(&second);
    let messages = archive.events(&[Kind::Message]);
    assert_eq!((messages.len(), report.duplicates), (1, 0));
    assert!(messages[0].event.supersedes.is_some());
    for text in [&first, &second] {
        assert_eq!(archive.import(text).appended, 0);
    }
    assert_eq!(archive.transcript("s"), format!("{first}\n{second}").as_bytes());
}

#[test]
fn lines_that_two_saves_share_are_given_back_once() {
    let lines = session();
    let archive = Archive::new();
    archive.import(lines[..6].join("\n"));
    archive.import(lines[3..].join("\n"));
    assert_eq!(archive.transcript("s"), lines.join("\n").as_bytes());
}
