//! Trees for people: what follows from what, a line each, with branches drawn at its left.
//!
//! Lines come in order, each with its depth and whether it is the last one of its parent, so that a tree of any size
//! and depth is written without recursion. INVARIANT: nothing recorded reaches the terminal as a control character.

use std::fmt::Write as _;
use std::io::Write;

use anstyle::Style;

use crate::output::{FAINT, Output};
use crate::terminal_text::{columns, one_line};

/// How deep a line is indented at most; deeper ones stand there too, with their depth in front of them.
const DEPTH_DRAWN_MAX: usize = 24;
/// A line shows at least so much of its text, however deep it stands.
const TEXT_COLUMNS_MIN: usize = 24;

/// A part of a line in a style of its own.
pub(crate) type Part = (Style, String);

/// A tree in the making: for each open depth, whether another line of that depth follows.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    goes_on: Vec<bool>,
}

impl Tree {
    /// Writes a line at `depth` (0 is the root). `is_last`: no other line of the same parent follows.
    pub(crate) fn line(
        &mut self,
        depth: usize,
        is_last: bool,
        parts: &[Part],
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let branch = self.branch(depth, is_last);
        let mut room =
            output.columns().map(|limit| limit.saturating_sub(columns(&branch)).max(TEXT_COLUMNS_MIN));
        let mut line = output.paint(FAINT, branch).to_string();
        for (style, text) in parts {
            let text = spaced(text, room.unwrap_or(usize::MAX));
            room = room.map(|room| room.saturating_sub(columns(&text)));
            line.push_str(&output.paint(*style, text).to_string());
        }
        Ok(writeln!(output, "{}", line.trim_end())?)
    }

    /// What stands left of a line, and remembers what stands left of those below it.
    fn branch(&mut self, depth: usize, is_last: bool) -> String {
        self.goes_on.truncate(depth);
        self.goes_on.resize(depth, false);
        let mut branch = String::new();
        let drawn = depth.min(DEPTH_DRAWN_MAX);
        if depth > 0 {
            for goes_on in self.goes_on.iter().skip(1).take(drawn - 1) {
                branch.push_str(if *goes_on { "│  " } else { "   " });
            }
            branch.push_str(if is_last { "└─ " } else { "├─ " });
        }
        if depth > DEPTH_DRAWN_MAX {
            // Writing to a string does not fail.
            let _ = write!(branch, "({depth}) ");
        }
        self.goes_on.push(!is_last);
        branch
    }
}

/// `text` on one line, with the spaces around it that part it from its neighbours.
fn spaced(text: &str, columns_max: usize) -> String {
    let before = text.len() - text.trim_start_matches(' ').len();
    let after = text.len() - text.trim_end_matches(' ').len();
    let inner = one_line(text, columns_max.saturating_sub(before + after));
    if inner.is_empty() { inner } else { format!("{:before$}{inner}{:after$}", "", "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_go_on_where_another_line_of_the_same_parent_follows() {
        let mut tree = Tree::default();
        let lines = [(0, true), (1, false), (2, true), (3, true), (1, true), (2, false), (2, true)];
        let drawn: Vec<String> =
            lines.into_iter().map(|(depth, is_last)| tree.branch(depth, is_last)).collect();
        assert_eq!(drawn, ["", "├─ ", "│  └─ ", "│     └─ ", "└─ ", "   ├─ ", "   └─ "]);
    }

    #[test]
    fn a_tree_of_any_depth_stays_within_the_screen_and_says_how_deep_it_is() {
        let mut tree = Tree::default();
        let deepest = (0..10_000).map(|depth| tree.branch(depth, true)).next_back().unwrap();
        assert!(columns(&deepest) < 90 && deepest.ends_with("(9999) "), "{deepest}");
    }
}
