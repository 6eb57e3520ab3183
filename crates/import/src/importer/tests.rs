//! Files and folders: which are read, which are named, and what an error leaves behind.

use std::fs;

use runledger_audit::{Body, Kind, Seq};

use crate::lines::SOURCE_LINE_BYTES_MAX;
use crate::testing::Archive;
use crate::{Format, ImportError, Importer, Progress};

const LINE: &str = r#"{"type":"user","sessionId":"s","uuid":"1","timestamp":"2026-03-01T10:00:00Z","message":{"role":"user","content":"hello"}}"#;

#[test]
fn what_is_skipped_is_named_and_the_whole_of_it_is_read() {
    let archive = Archive::new();
    let file = archive.file("a.jsonl", format!("{LINE}\n\n"));
    archive.file("b.json", "{\"name\":\"a package\"}");
    archive.file("c.txt", "notes");
    archive.file("d.jsonl", "");
    let folder = file.parent().unwrap().to_owned();
    let (mut skipped, mut files, mut bytes) = (Vec::new(), Vec::new(), (0, 0));
    let report = Importer::new(&archive.ledger)
        .progress(|progress| match progress {
            Progress::File { format, index, count, bytes: length, .. } => {
                files.push((format, index, count));
                bytes.0 += length;
            }
            Progress::Read { bytes: position } => bytes.1 = position,
            Progress::Skipped { path, reason } => {
                skipped.push((path.file_name().unwrap().to_str().unwrap().to_owned(), reason.to_owned()));
            }
            Progress::Unreadable { path, error } => panic!("{}: {error}", path.display()),
        })
        .run(&[folder])
        .unwrap();
    let reason_of = |name: &str| skipped.iter().find(|(skipped, _)| skipped == name).unwrap().1.as_str();
    assert_eq!(reason_of("b.json"), "its content is none of the known formats");
    assert!(reason_of("c.txt").starts_with("not a file that ends in"), "{skipped:?}");
    assert_eq!(reason_of("d.jsonl"), "it is empty");
    assert_eq!((files[0].0, report.files, report.records_read), (Format::ClaudeCode, 1, 1));
    assert_eq!(bytes.0, bytes.1);
    assert_eq!(
        report.to_json(),
        r#"{"files":1,"recordsRead":1,"appended":4,"duplicates":0,"unparsed":0,"runs":1}"#
    );
}

#[test]
fn a_missing_path_is_refused_before_anything_is_imported() {
    let archive = Archive::new();
    let file = archive.file("a.jsonl", LINE);
    let missing = file.with_file_name("missing");
    let error = Importer::new(&archive.ledger).run(&[&file, &missing]).unwrap_err();
    assert!(matches!(&error, ImportError::Missing { path, .. } if *path == missing), "{error}");
    assert!(error.to_string().contains("missing"));
    assert_eq!(archive.length(), 0);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_imported() {
    let archive = Archive::new();
    let folder = archive.file("b.jsonl", LINE).parent().unwrap().join("files");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("b.jsonl"), LINE).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("a.jsonl")).unwrap();
    let mut unreadable = Vec::new();
    let error = Importer::new(&archive.ledger)
        .progress(|progress| {
            if let Progress::Unreadable { path, .. } = progress {
                unreadable.push(path.to_owned());
            }
        })
        .run(&[&folder])
        .unwrap_err();
    assert_eq!(unreadable, [folder.join("a.jsonl")]);
    let ImportError::Unreadable { path, count, report, .. } = error else { panic!("{error}") };
    assert_eq!((path, count, report.files, report.appended), (folder.join("a.jsonl"), 1, 1, 4));
}

#[test]
fn a_line_longer_than_a_record_is_kept_in_pieces() {
    let archive = Archive::new();
    let long = "x".repeat(SOURCE_LINE_BYTES_MAX + 5);
    let exact = "y".repeat(SOURCE_LINE_BYTES_MAX);
    let text = format!("{LINE}\n{long}\n{exact}\n{LINE}");
    let report = archive.import(&text);
    assert_eq!((report.records_read, report.duplicates, report.unparsed), (4, 1, 2));
    let pieces: Vec<bool> = archive
        .events(&[Kind::Unparsed])
        .iter()
        .map(|stored| stored.event.source.as_ref().unwrap().continues)
        .collect();
    assert_eq!(pieces, [true, false, false]);
    assert!(archive.transcript("s") == text.as_bytes());
    let again = archive.import(&text);
    assert_eq!((again.appended, again.duplicates), (0, 4));
}

#[test]
fn a_document_longer_than_a_record_is_kept_in_pieces_and_still_read() {
    let archive = Archive::new();
    let long = "x".repeat(SOURCE_LINE_BYTES_MAX);
    let text = format!(
        r#"{{"trajectory":[{{"action":"look","observation":"{long}"}},{{"action":"submit","observation":"done"}}]}}"#
    );
    let report = archive.import_as(Format::SweAgent, "a.traj", &text);
    assert_eq!((report.records_read, report.unparsed), (1, 0));
    let calls = archive.events(&[Kind::ToolCall]);
    let outputs: Vec<String> = calls
        .iter()
        .map(|stored| match &stored.event.body {
            Body::ToolCall(call) => archive.said(stored, call.output.as_ref()),
            other => panic!("{other:?} is no tool call"),
        })
        .collect();
    assert!(outputs == [format!("\"{long}\""), "\"done\"".to_owned()]);
    let run = calls[0].event.run_id.clone().unwrap();
    assert!(archive.transcript(&run) == text.as_bytes());
    assert_eq!(archive.import_as(Format::SweAgent, "a.traj", &text).appended, 0);
}

#[test]
fn a_file_of_more_lines_than_one_list_holds_comes_back() {
    let archive = Archive::new();
    let blank = "\n".repeat(usize::try_from(crate::save::SAVE_PART_LINES_MAX).unwrap());
    let text = format!("{LINE}\n{blank}{LINE}\n{blank}{LINE}");
    let report = archive.import(&text);
    assert_eq!((report.records_read, report.duplicates), (3, 2));
    assert!(archive.transcript("s") == text.as_bytes());
    assert_eq!(archive.import(&text).appended, 0);
    let longer = format!("{text}\n{}", LINE.replace(r#""uuid":"1""#, r#""uuid":"2""#));
    archive.import(&longer);
    assert!(archive.transcript("s") == longer.as_bytes());
    assert!(archive.ledger.tail(Seq::new(0)).count() < 20);
}
