//! The decision table of recovery, as data. FORMAT.md shows the same table, and a test compares them.

/// What the watermark is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The log was closed in good order at exactly this point.
    Clean,
    /// The process ended, the system didn't: the page cache kept every update.
    Exact,
    /// The power may have failed, or a slot is damaged: it may say less than the truth.
    MayLag,
}

/// What follows the last sound commit, at or behind the watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Zeroes, or the file's end, or a footer.
    Nothing,
    /// A part of the footer that belongs there: sealing was cut short.
    PartOfFooter,
    /// Bytes that are no commit, and no valid frame behind them.
    Junk,
    /// Bytes that are no commit, and a valid frame behind them that doesn't say that they were durable.
    FrameBehindJunk,
    /// A later commit, or a later segment, that says that what is missing here was durable.
    Contradiction,
    /// A last segment, wholly behind the watermark, without a sound header and first commit.
    EmptySegment,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Go on in the same segment.
    Continue,
    /// Rewrite and sync what lies behind the watermark, seal the segment, go on in a new one.
    Seal,
    /// Copy the bytes aside and cut them, then as `Seal`.
    Cut,
    /// Give the segment another name, then as `Seal`.
    SetAside,
    /// Acknowledged data is damaged: change nothing.
    Refuse,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) mark: Mark,
    pub(crate) behind: Behind,
    pub(crate) answer: Answer,
    /// Whether what is given up may have been acknowledged, for all that can be known.
    pub(crate) ambiguous: bool,
}

const fn row(mark: Mark, behind: Behind, answer: Answer, ambiguous: bool) -> Row {
    Row { mark, behind, answer, ambiguous }
}

/// Every combination, once.
#[rustfmt::skip]
pub(crate) const TABLE: [Row; 18] = [
    row(Mark::Clean,  Behind::Nothing,         Answer::Continue, false),
    row(Mark::Clean,  Behind::PartOfFooter,    Answer::Seal,     false),
    row(Mark::Clean,  Behind::Junk,            Answer::Cut,      false),
    row(Mark::Clean,  Behind::FrameBehindJunk, Answer::Cut,      true),
    row(Mark::Clean,  Behind::Contradiction,   Answer::Refuse,   false),
    row(Mark::Clean,  Behind::EmptySegment,    Answer::SetAside, false),
    row(Mark::Exact,  Behind::Nothing,         Answer::Seal,     false),
    row(Mark::Exact,  Behind::PartOfFooter,    Answer::Seal,     false),
    row(Mark::Exact,  Behind::Junk,            Answer::Cut,      false),
    row(Mark::Exact,  Behind::FrameBehindJunk, Answer::Cut,      true),
    row(Mark::Exact,  Behind::Contradiction,   Answer::Refuse,   false),
    row(Mark::Exact,  Behind::EmptySegment,    Answer::SetAside, false),
    row(Mark::MayLag, Behind::Nothing,         Answer::Seal,     false),
    row(Mark::MayLag, Behind::PartOfFooter,    Answer::Seal,     false),
    row(Mark::MayLag, Behind::Junk,            Answer::Cut,      true),
    row(Mark::MayLag, Behind::FrameBehindJunk, Answer::Cut,      true),
    row(Mark::MayLag, Behind::Contradiction,   Answer::Refuse,   false),
    row(Mark::MayLag, Behind::EmptySegment,    Answer::SetAside, true),
];

/// The line for this combination.
pub(crate) fn decide(mark: Mark, behind: Behind) -> Row {
    let found = TABLE.iter().find(|row| row.mark == mark && row.behind == behind);
    *found.expect("the table has a line for every combination; a test counts them")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: [Mark; 3] = [Mark::Clean, Mark::Exact, Mark::MayLag];
    const BEHINDS: [Behind; 6] = [
        Behind::Nothing,
        Behind::PartOfFooter,
        Behind::Junk,
        Behind::FrameBehindJunk,
        Behind::Contradiction,
        Behind::EmptySegment,
    ];

    #[test]
    fn every_combination_has_exactly_one_line() {
        for mark in MARKS {
            for behind in BEHINDS {
                let lines = TABLE.iter().filter(|row| row.mark == mark && row.behind == behind).count();
                assert_eq!(lines, 1, "{mark:?} {behind:?}");
            }
        }
    }

    #[test]
    fn the_page_shows_the_same_table() {
        let page = include_str!("../../../../FORMAT.md");
        for row in TABLE {
            let ambiguous = if row.ambiguous { "yes" } else { "no" };
            let line =
                format!("| `{:?}` | `{:?}` | `{:?}` | {ambiguous} |", row.mark, row.behind, row.answer);
            assert!(page.contains(&line), "FORMAT.md lacks the line {line}");
        }
        let is_row = |line: &&str| MARKS.iter().any(|mark| line.starts_with(&format!("| `{mark:?}` | `")));
        let lines = page.lines().filter(is_row);
        assert_eq!(lines.count(), TABLE.len(), "FORMAT.md has lines that the code doesn't");
    }
}
