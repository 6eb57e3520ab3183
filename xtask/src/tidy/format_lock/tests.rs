//! Each way of forgetting the page, tried on a tree of three files.

use super::*;

const PAGE_TEXT: &str = "# The format\n\n## Record\n\n| offset | size | field |\n\n## Frame\n\nWords.\n";
const RECORD_TEXT: &str =
    "//! Records.\n//!\n//! Format: FORMAT.md#record\n\nconst RECORD_MAGIC: [u8; 4] = *b\"RECD\";\n";
const RECORD_PATH: &str = "crates/wal/src/record.rs";

/// The findings over a tree whose lock file was recorded from the unchanged texts.
fn findings_with(page: &str, record: &str) -> Vec<String> {
    let unchanged = SourceTree::of([(PAGE, PAGE_TEXT), (RECORD_PATH, RECORD_TEXT)]);
    let lock = record::print(&current(&unchanged, &mut Vec::new()));
    let tree = SourceTree::of([(PAGE, page), (RECORD_PATH, record), (LOCK, &lock)]);
    check(&tree).iter().map(ToString::to_string).collect()
}

fn assert_one_finding_says(findings: &[String], words: &str) {
    assert!(findings.len() == 1 && findings[0].contains(words), "expected one with {words:?}: {findings:#?}");
}

#[test]
fn what_is_recorded_passes() {
    assert_eq!(findings_with(PAGE_TEXT, RECORD_TEXT), [] as [&str; 0]);
}

#[test]
fn code_that_changes_without_its_page_is_an_error() {
    let findings = findings_with(PAGE_TEXT, &RECORD_TEXT.replace("RECD", "RCRD"));
    assert_one_finding_says(&findings, "FORMAT.md#record did not");
}

#[test]
fn another_section_that_changed_is_no_excuse() {
    let findings = findings_with(&PAGE_TEXT.replace("Words", "Others"), &RECORD_TEXT.replace("RECD", "RCRD"));
    assert_one_finding_says(&findings, "FORMAT.md#record did not");
}

#[test]
fn code_that_changes_with_its_page_has_to_be_recorded() {
    let page = PAGE_TEXT.replace("field |", "field | value |");
    assert_one_finding_says(
        &findings_with(&page, &RECORD_TEXT.replace("RECD", "RCRD")),
        "together with its page",
    );
}

#[test]
fn a_page_or_comment_that_is_put_better_needs_no_record() {
    let page = PAGE_TEXT.replace("field |", "name |");
    assert_eq!(findings_with(&page, &RECORD_TEXT.replace("Records.", "The records.")), [] as [&str; 0]);
}

#[test]
fn a_magic_number_without_a_claim_is_an_error() {
    let findings = findings_with(PAGE_TEXT, &RECORD_TEXT.replace("//! Format: FORMAT.md#record\n", ""));
    assert!(findings.iter().any(|finding| finding.contains("`RECORD_MAGIC` decides bytes")), "{findings:#?}");
    assert!(findings.iter().any(|finding| finding.contains("claims nothing")), "{findings:#?}");
    assert!(findings.iter().any(|finding| finding.contains("`#record` fixes offsets")), "{findings:#?}");
}

#[test]
fn a_claim_of_a_missing_section_is_an_error() {
    let findings = findings_with(PAGE_TEXT, &RECORD_TEXT.replace("#record", "#recrod"));
    assert!(findings.iter().any(|finding| finding.contains("no section of FORMAT.md")), "{findings:#?}");
}

#[test]
fn a_claim_that_moves_to_another_section_has_to_be_recorded() {
    let findings = findings_with(PAGE_TEXT, &RECORD_TEXT.replace("#record", "#record, FORMAT.md#frame"));
    assert_one_finding_says(&findings, "other sections");
}

#[test]
fn a_claim_of_a_chapter_covers_the_tables_in_it() {
    let findings = findings_with(PAGE_TEXT, &RECORD_TEXT.replace("#record", "#the-format"));
    assert_one_finding_says(&findings, "other sections");
}

#[test]
fn only_definitions_of_constants_count_as_format_constants() {
    assert_eq!(format_constant("pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b\"x\";"), Some("SEGMENT_MAGIC"));
    assert_eq!(format_constant("const FORMAT_VERSION: u32 = 1;"), Some("FORMAT_VERSION"));
    for line in [
        "let magic = SEGMENT_MAGIC;",
        "// const MAGIC: u8 = 1;",
        "const fn MAGIC() {}",
        "const SIZE: u8 = 1;",
    ] {
        assert_eq!(format_constant(line), None, "{line}");
    }
}

#[test]
fn accepting_makes_the_tree_pass() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("xtask")).unwrap();
    let files = [(PAGE, PAGE_TEXT), (RECORD_PATH, RECORD_TEXT)];
    accept(&SourceTree::of(files), root.path()).unwrap();
    let lock = fs::read_to_string(root.path().join(LOCK)).unwrap();
    let tree = SourceTree::of([(PAGE, PAGE_TEXT), (RECORD_PATH, RECORD_TEXT), (LOCK, &lock)]);
    assert_eq!(check(&tree), []);
}
