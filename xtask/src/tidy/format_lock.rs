//! Rule: code that decides bytes on disk changes together with FORMAT.md.
//!
//! A file that defines such bytes says so in its header: `//! Format: FORMAT.md#…`, several separated by commas.
//! For each, `xtask/format.lock` holds a hash of its code and one of each section that it claims. Code that changed
//! while its sections didn't is refused until somebody records that the bytes stayed the same, which a reviewer then
//! sees in the lock file's diff. Two more checks keep a file from escaping: a magic number or version needs a claim,
//! and every table of offsets on the page needs somebody who claims it.
//!
//! This guards against forgetting, not against lying: that page and code agree is for the tests that decode the
//! page's examples.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::tidy::finding::Finding;
use crate::tidy::markdown;
use crate::tidy::source_tree::SourceTree;

mod layout_code;
mod record;

use record::Record;

/// The page that fixes the bytes.
const PAGE: &str = "FORMAT.md";

/// Where the hashes lie.
const LOCK: &str = "xtask/format.lock";

/// The command that records them.
const ACCEPT: &str = "cargo xtask tidy --accept-format";

/// What a file's header line opens with when it claims sections.
const CLAIM: &str = "//! Format: ";

/// What marks the name of a constant that decides bytes on disk.
const FORMAT_CONSTANTS: [&str; 3] = ["MAGIC", "FORMAT_VERSION", "SCHEMA_VERSION"];

/// Reports format code that changed without its page, and what escapes that check.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let current = current(tree, &mut findings);
    match record::parse(tree.text(LOCK).unwrap_or("")) {
        Ok(recorded) => findings.extend(differences(&current, &recorded)),
        Err(error) => findings.push(Finding::error(LOCK, format!("{error:#}"))),
    }
    findings.extend(unclaimed_constants(tree));
    findings.extend(unclaimed_tables(tree, &current));
    findings
}

/// Writes the hashes of the tree as it is, and says on standard error what that records.
pub(crate) fn accept(tree: &SourceTree, root: &Path) -> Result<()> {
    let mut broken = Vec::new();
    let current = current(tree, &mut broken);
    if let Some(finding) = broken.first() {
        bail!("{finding}");
    }
    let recorded = record::parse(tree.text(LOCK).unwrap_or("")).unwrap_or_default();
    for (path, record) in &current {
        match recorded.get(path) {
            Some(old) if old.code == record.code => {}
            Some(old) if old.sections == record.sections => {
                eprintln!("{path}: new code, same page: recorded as writing the same bytes");
            }
            Some(_) => eprintln!("{path}: new code and page"),
            None => eprintln!("{path}: new"),
        }
    }
    let path = root.join(LOCK);
    fs::write(&path, record::print(&current)).with_context(|| format!("write {}", path.display()))
}

/// What the sources claim now. Claims of sections that don't exist become findings.
fn current(tree: &SourceTree, findings: &mut Vec<Finding>) -> BTreeMap<String, Record> {
    let page = tree.text(PAGE).unwrap_or("");
    let mut records = BTreeMap::new();
    for (path, text) in tree.texts_ending("rs") {
        let mut sections = BTreeMap::new();
        for claim in claims(text) {
            let anchor = claim.strip_prefix(PAGE).and_then(|rest| rest.strip_prefix('#'));
            match anchor.and_then(|anchor| Some((anchor, markdown::section(page, anchor)?))) {
                Some((anchor, section)) => {
                    sections.insert(anchor.to_owned(), record::hash(&section));
                }
                None => findings
                    .push(Finding::error(path, format!("claims `{claim}`, which is no section of {PAGE}"))),
            }
        }
        if !sections.is_empty() {
            let code = record::hash(&layout_code::of(text));
            records.insert(path.to_owned(), Record { code, sections });
        }
    }
    records
}

/// The sections that a file's header claims.
fn claims(text: &str) -> impl Iterator<Item = &str> {
    let header = text.lines().take_while(|line| line.starts_with("//!"));
    header.filter_map(|line| line.strip_prefix(CLAIM)).flat_map(|claims| claims.split(',').map(str::trim))
}

fn differences(current: &BTreeMap<String, Record>, recorded: &BTreeMap<String, Record>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, record) in current {
        let why = match recorded.get(path) {
            None => format!("is not recorded yet: {ACCEPT}"),
            Some(old) if !old.sections.keys().eq(record.sections.keys()) => {
                format!("claims other sections than recorded: {ACCEPT}")
            }
            Some(old) if old.code == record.code => continue,
            Some(old) if old.sections == record.sections => {
                let sections: Vec<_> =
                    record.sections.keys().map(|anchor| format!("{PAGE}#{anchor}")).collect();
                let sections = sections.join(" and ");
                format!(
                    "changed, and {sections} did not: describe the new bytes there, or record the same: {ACCEPT}"
                )
            }
            Some(_) => format!("changed together with its page: record both: {ACCEPT}"),
        };
        findings.push(Finding::error(path, why));
    }
    let gone = recorded.keys().filter(|path| !current.contains_key(*path));
    findings
        .extend(gone.map(|path| Finding::error(path, format!("is recorded and claims nothing: {ACCEPT}"))));
    findings
}

/// Files of the product that define a magic number or a version, and claim no section.
fn unclaimed_constants(tree: &SourceTree) -> Vec<Finding> {
    let product = tree
        .texts_ending("rs")
        .filter(|(path, text)| path.starts_with("crates/") && claims(text).count() == 0);
    let mut findings = Vec::new();
    for (path, text) in product {
        let constant =
            text.lines().zip(1..).find_map(|(line, number)| Some((format_constant(line)?, number)));
        if let Some((name, line)) = constant {
            let why = format!("`{name}` decides bytes on disk: claim its section with `{CLAIM}{PAGE}#…`");
            findings.push(Finding::error(path, why).at_line(line));
        }
    }
    findings
}

/// The name of the constant that the line defines, if its name says that it reaches the disk.
fn format_constant(line: &str) -> Option<&str> {
    let words = line.trim_start();
    let definition =
        words.split_once("const ").filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?.1;
    let name = definition.split(':').next()?.trim();
    let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (is_name && FORMAT_CONSTANTS.iter().any(|mark| name.contains(mark))).then_some(name)
}

/// Sections of the page with a table of offsets that no file claims, neither them nor a section around them.
fn unclaimed_tables(tree: &SourceTree, current: &BTreeMap<String, Record>) -> Vec<Finding> {
    let page = tree.text(PAGE).unwrap_or("");
    let claimed: Vec<_> = current.values().flat_map(|record| record.sections.keys()).collect();
    let mut covered_below = None;
    let mut findings = Vec::new();
    for heading in markdown::headings(page) {
        if covered_below.is_some_and(|level| heading.level > level) {
            continue;
        }
        covered_below = claimed.contains(&&heading.anchor).then_some(heading.level);
        if covered_below.is_none() && has_offset_table(page, heading.line) {
            let why = format!("`#{}` fixes offsets, and no source file claims it", heading.anchor);
            findings.push(Finding::error(PAGE, why).at_line(heading.line));
        }
    }
    findings
}

/// Whether a table of offsets stands between the heading at `line` and the next heading of any level.
fn has_offset_table(page: &str, line: usize) -> bool {
    let own = page.lines().skip(line).take_while(|words| !words.starts_with('#'));
    own.map(str::trim).any(|words| words.starts_with("| offset | size |"))
}

#[cfg(test)]
mod tests;
