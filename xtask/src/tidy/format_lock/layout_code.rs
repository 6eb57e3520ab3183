//! The part of a source file that can decide bytes on disk: its code without comments, layout and tests.
//!
//! Lines are the unit, as rustfmt leaves them. A comment behind code on the same line counts as code: a needless
//! question is better than a missed change.

/// The code of `text`, in one line without white space.
pub(super) fn of(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut lines);
        } else if !line.trim_start().starts_with("//") {
            code.extend(line.chars().filter(|letter| !letter.is_whitespace()));
        }
    }
    code
}

/// Passes over one item: its further attributes, and its lines to the closing brace, which rustfmt puts under the
/// item's first letter.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>) {
    let Some(first) = lines.find(|line| !line.trim_start().starts_with(['#', '/'])) else {
        return;
    };
    if first.ends_with(['{', '(', '[', ',', '=']) {
        let indent = first.len() - first.trim_start().len();
        let closes = |line: &str| {
            line.trim_start().starts_with(['}', ')', ']']) && line.len() - line.trim_start().len() == indent
        };
        lines.find(|line| closes(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "//! Records.\n\nconst SIZE: usize = 40;\n\n#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n\nconst ALIGN: usize = 8;\n";

    #[test]
    fn comments_white_space_and_tests_do_not_count() {
        let same = "//! Other words.\nconst SIZE: usize =\n    40;\n// Why.\nconst ALIGN: usize = 8;\n\
            #[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;\n";
        assert_eq!(of(CODE), "constSIZE:usize=40;constALIGN:usize=8;");
        assert_eq!(of(same), of(CODE));
    }

    #[test]
    fn code_before_and_behind_tests_counts() {
        assert_ne!(of(&CODE.replace("40", "41")), of(CODE));
        assert_ne!(of(&CODE.replace("= 8", "= 16")), of(CODE));
    }
}
