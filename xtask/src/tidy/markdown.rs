//! The little of Markdown that rules need: headings and their anchors, links, and a section's text.
//!
//! Code, fenced or inline, is never taken for a heading or a link. HTML is not understood.

use std::collections::BTreeMap;

/// A heading of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The number of `#`.
    pub(crate) level: usize,
    /// What a link to it ends in, as GitHub makes it.
    pub(crate) anchor: String,
}

/// A link of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Where it leads, as written.
    pub(crate) target: String,
}

/// The headings of a page, in order.
pub(crate) fn headings(text: &str) -> Vec<Heading> {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    let mut headings = Vec::new();
    for (line, words) in prose_lines(text) {
        let title = words.trim_start_matches('#');
        let level = words.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let base = anchor_of(title.trim());
        let earlier = uses.entry(base.clone()).or_default();
        let anchor = if *earlier == 0 { base } else { format!("{base}-{earlier}") };
        *earlier += 1;
        headings.push(Heading { line, level, anchor });
    }
    headings
}

/// A heading's anchor: lower case, spaces as hyphens, punctuation left out.
fn anchor_of(title: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    title.to_lowercase().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The lines from the heading with this anchor to the next one of its level or above, the parts below it included.
pub(crate) fn section(text: &str, anchor: &str) -> Option<String> {
    let headings = headings(text);
    let mut from_here = headings.iter().skip_while(|heading| heading.anchor != anchor);
    let first = from_here.next()?;
    let end =
        from_here.find(|heading| heading.level <= first.level).map_or(usize::MAX, |heading| heading.line);
    let lines = (1..).zip(text.lines()).filter(|(line, _)| (first.line..end).contains(line));
    Some(lines.map(|(_, words)| words.trim_end()).collect::<Vec<_>>().join("\n"))
}

/// The links of a page, in order: `[words](target)` and `[label]: target`.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, words) in prose_lines(text) {
        let words = without_inline_code(words);
        let definition = words.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        let inline = words.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or(rest));
        let targets = definition.map(|(_, target)| target).into_iter().chain(inline);
        // A title may follow the target: [words](target "title").
        let targets = targets.filter_map(|target| target.split_whitespace().next());
        let bare = targets.map(|target| target.trim_start_matches('<').trim_end_matches('>').to_owned());
        links.extend(bare.map(|target| Link { line, target }));
    }
    links
}

/// The cells below the heading `title` of each table, without the row that rules the heading off.
pub(crate) fn column<'t>(text: &'t str, title: &str) -> Vec<(usize, &'t str)> {
    let (mut cells, mut place) = (Vec::new(), None);
    let mut is_in_table = false;
    for (line, words) in prose_lines(text) {
        let Some(row) = words.trim().strip_prefix('|').map(|row| row.trim_end_matches('|')) else {
            is_in_table = false;
            continue;
        };
        let mut row = row.split('|').map(str::trim);
        if !std::mem::replace(&mut is_in_table, true) {
            place = row.position(|heading| heading == title);
        } else if let Some(cell) = place.and_then(|place| row.nth(place))
            && !cell.starts_with("--")
        {
            cells.push((line, cell));
        }
    }
    cells
}

/// Lines outside fenced code, numbered from 1.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = None;
    (1..).zip(text.lines()).filter(move |(_, words)| {
        let start = words.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|marker| start.starts_with(marker));
        match (fence, marker) {
            (None, None) => true,
            (None, Some(_)) => {
                fence = marker;
                false
            }
            (Some(_), _) => {
                if marker == fence {
                    fence = None;
                }
                false
            }
        }
    })
}

/// The line with what stands between backticks taken out.
fn without_inline_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# The format\n\nA [link](a.md#x \"title\"), `[no](link)`.\n\n```\n# not a heading\n[no](link)\n```\n\
        ## Record, 40 bytes + payload\n\nText.\n\n### Flags\n\nMore.\n\n## Record, 40 bytes + payload\n\n[label]: <b.md>\n";

    #[test]
    fn headings_get_the_anchors_that_links_use() {
        let found: Vec<_> =
            headings(PAGE).into_iter().map(|heading| (heading.level, heading.anchor)).collect();
        let expected = [
            (1, "the-format"),
            (2, "record-40-bytes--payload"),
            (3, "flags"),
            (2, "record-40-bytes--payload-1"),
        ];
        assert_eq!(found, expected.map(|(level, anchor)| (level, anchor.to_owned())));
    }

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let expected = [(3, "a.md#x"), (19, "b.md")];
        assert_eq!(links(PAGE), expected.map(|(line, target)| Link { line, target: target.to_owned() }));
    }

    #[test]
    fn a_column_is_found_by_its_heading_in_each_table() {
        let page = "| a | b |\n|---|---|\n| 1 | 2 |\n\n| b |\n|---|\n| 3 |\n| |\n\n| c |\n|---|\n| 4 |\n";
        assert_eq!(column(page, "b"), [(3, "2"), (7, "3"), (8, "")]);
    }

    #[test]
    fn a_section_reaches_to_the_next_heading_of_its_level() {
        let text = section(PAGE, "record-40-bytes--payload").unwrap();
        assert!(text.starts_with("## Record") && text.contains("More.") && !text.contains("label"), "{text}");
        assert_eq!(section(PAGE, "flags").unwrap(), "### Flags\n\nMore.\n");
        assert_eq!(section(PAGE, "not-a-heading"), None);
    }
}
