//! The report as JSON: what `salvage.json` holds and the program prints.
//!
//! Written by hand, because the log depends on no serializer; the tests of the program read it back with one.

use std::fmt::Write as _;

use crate::salvage::report::{CopiedRange, Listed, SalvageFinding, SalvageReport, UnplacedRange};
use crate::seq::{LedgerId, Seq};

impl SalvageReport {
    /// The report as one JSON object on one line. In each list, `seqTo` is the first record behind it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        id(&mut json, "oldLedgerId", self.old_ledger);
        id(&mut json, "newLedgerId", Some(self.new_ledger));
        let figures = [
            ("records", self.records),
            ("recordsLost", self.records_lost),
            ("unplacedRecords", self.unplaced_records),
            ("tornTailBytes", self.torn_tail_bytes),
            ("bytesRead", self.bytes_read),
        ];
        for (name, figure) in figures {
            put(&mut json, format_args!("\"{name}\":{figure},"));
        }
        put(&mut json, format_args!("\"complete\":{},", self.is_complete()));
        list(&mut json, "copied", &self.copied, copied);
        list(&mut json, "unplaced", &self.unplaced, unplaced);
        list(&mut json, "gaps", &self.gaps, finding);
        list(&mut json, "remarks", &self.remarks, finding);
        // Each member ends with a comma; the last one's becomes the brace.
        json.pop();
        json.push('}');
        json
    }
}

fn put(json: &mut String, text: std::fmt::Arguments<'_>) {
    json.write_fmt(text).expect("writing to a string doesn't fail");
}

fn id(json: &mut String, name: &str, id: Option<LedgerId>) {
    match id {
        Some(id) => put(json, format_args!("\"{name}\":\"{id}\",")),
        None => put(json, format_args!("\"{name}\":null,")),
    }
}

fn list<T>(json: &mut String, name: &str, listed: &Listed<T>, entry: fn(&mut String, &T)) {
    put(json, format_args!("\"{name}\":["));
    for (number, listed) in listed.entries.iter().enumerate() {
        json.push_str(if number == 0 { "{" } else { ",{" });
        entry(json, listed);
        json.push('}');
    }
    put(json, format_args!("],\"{name}Unlisted\":{},", listed.unlisted));
}

fn copied(json: &mut String, range: &CopiedRange) {
    let CopiedRange { old_from, new_from, records } = range;
    let old_to = old_from.get().saturating_add(*records);
    put(json, format_args!("\"seqFrom\":{old_from},\"seqTo\":{old_to},\"newSeqFrom\":{new_from}"));
}

fn unplaced(json: &mut String, range: &UnplacedRange) {
    let UnplacedRange { file, offset, new_from, records } = range;
    text(json, "file", file);
    put(json, format_args!(",\"offset\":{offset},\"records\":{records},\"newSeqFrom\":{new_from}"));
}

fn finding(json: &mut String, finding: &SalvageFinding) {
    text(json, "file", &finding.file);
    let seq = |seq: Option<Seq>| seq.map_or("null".to_owned(), |seq| seq.to_string());
    let seqs = finding.seqs.as_ref();
    let (from, to) = (seq(seqs.map(|seqs| seqs.start)), seq(seqs.map(|seqs| seqs.end)));
    put(json, format_args!(",\"seqFrom\":{from},\"seqTo\":{to}"));
    put(json, format_args!(",\"offset\":{},\"bytes\":{},", finding.offset, finding.bytes));
    text(json, "problem", &finding.trouble.to_string());
}

/// A member whose value is text. File names may hold anything.
fn text(json: &mut String, name: &str, value: &str) {
    put(json, format_args!("\"{name}\":\""));
    for character in value.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control if control.is_control() => put(json, format_args!("\\u{:04x}", u32::from(control))),
            plain => json.push(plain),
        }
    }
    json.push('"');
}
