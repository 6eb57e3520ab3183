//! What isn't a regular file under a name of ours, and names nearly ours, on a real file system: nothing outside of the
//! directory is touched, and nobody waits for the other end of a pipe.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use runledger_wal::{
    Durability, Options, Problem, Reader, ReaderOptions, RecoverError, RecoverOptions, Seq, VerifyError,
    VerifyOptions, Wal, recover, verify,
};

const FIRST_SEGMENT: &str = "00000000000000000000.wal";

/// What stands where a file should be.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Link,
    DanglingLink,
    Directory,
    Pipe,
    Socket,
}

impl Entry {
    const ALL: [Entry; 5] = [Entry::Link, Entry::DanglingLink, Entry::Directory, Entry::Pipe, Entry::Socket];

    fn make(self, path: &Path, outside: &Path) {
        match self {
            Entry::Link => symlink(outside.join("precious"), path).unwrap(),
            Entry::DanglingLink => symlink(outside.join("not there"), path).unwrap(),
            Entry::Directory => std::fs::create_dir(path).unwrap(),
            Entry::Pipe => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
            Entry::Socket => drop(UnixListener::bind(path).unwrap()),
        }
    }
}

fn options() -> Options {
    Options::new().segment_bytes(runledger_wal::SEGMENT_BYTES_MIN)
}

fn log(path: &Path) -> u64 {
    let (wal, _) = Wal::open(path, options().create(true)).unwrap();
    for number in 0..30_u8 {
        wal.append(&vec![number; 500], Durability::Durable).unwrap();
    }
    wal.close().unwrap();
    30
}

fn names(path: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

#[test]
fn nothing_outside_is_touched_whatever_stands_under_a_name_of_ours() {
    let names_of_ours = [FIRST_SEGMENT, "spare.wal", "watermark", "watermark.new", "lock", "last"];
    for (entry, name) in Entry::ALL.into_iter().flat_map(|entry| names_of_ours.map(|name| (entry, name))) {
        let folder = tempfile::tempdir().unwrap();
        let (path, outside) = (folder.path().join("wal"), folder.path().join("outside"));
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("precious"), b"precious").unwrap();
        let records = log(&path);
        let is_segment = |path: &PathBuf| path.file_name().unwrap().len() == FIRST_SEGMENT.len();
        let last = names(&path).into_iter().rfind(is_segment).unwrap();
        let target = if name == "last" { last } else { path.join(name) };
        let _ = std::fs::remove_file(&target);
        entry.make(&target, &outside);

        let what = format!("{entry:?} as {name}");
        let needed = !["spare.wal", "watermark.new", "lock"].contains(&name);
        // What can't be opened is an error of the storage, and no damage.
        match verify(&path, &VerifyOptions::new()) {
            Ok(report) => assert!(report.is_sound() && !needed, "{what}: {report:?}"),
            Err(error) => assert!(matches!(error, VerifyError::Storage(_)), "{what}: {error:?}"),
        }
        if let Ok(reader) = Reader::open(&path, ReaderOptions::new()) {
            let read = reader.scan(Seq::ZERO).take(1000).flatten().count() as u64;
            assert!(if needed { read < records } else { read == records }, "{what}: {read} records");
        }
        let _ = recover(&path, &RecoverOptions::new());
        if let Ok((wal, report)) = Wal::open(&path, options()) {
            assert_eq!(report.next_seq, Seq::new(records), "{what}");
            let _ = wal.append(&[1; 5000], Durability::Durable);
            let _ = wal.close();
        } else {
            assert!(needed || name == "lock", "{what} keeps the log from being opened");
        }
        assert_eq!(names(&outside), [outside.join("precious")], "{what}");
        assert_eq!(std::fs::read(outside.join("precious")).unwrap(), b"precious", "{what}");
    }
}

#[test]
fn names_nearly_ours_are_named_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    let records = log(&path);
    let near = [
        "7.wal",
        "99999999999999999999.wal",
        "09223372036854775808.wal",
        " 0000000000000000000.wal",
        "\u{1b}[2J.wal",
    ];
    for name in near {
        std::fs::copy(path.join(FIRST_SEGMENT), path.join(name)).unwrap();
    }
    for other in ["00000000000000000000.WAL", "00000000000000000000.wal.bak", "notes.txt"] {
        std::fs::copy(path.join(FIRST_SEGMENT), path.join(other)).unwrap();
    }
    let before = names(&path);
    let report = verify(&path, &VerifyOptions::new()).unwrap();
    assert_eq!((report.damaged.len(), report.records), (near.len(), records), "{:?}", report.damaged);
    assert!(report.damaged.iter().all(|damage| matches!(damage.problem, Problem::Foreign { .. })));
    let shown: String = report.damaged.iter().map(ToString::to_string).collect();
    assert!(
        !shown.contains('\u{1b}') && shown.contains("\\u{1b}"),
        "a terminal must not be given orders: {shown:?}"
    );
    let (wal, report) = Wal::open(&path, options()).unwrap();
    assert_eq!(report.next_seq, Seq::new(records));
    assert_eq!(wal.reader().scan(Seq::ZERO).flatten().count() as u64, records);
    wal.close().unwrap();
    // Repairing writes only where everything is understood.
    let repaired = recover(&path, &RecoverOptions::new());
    assert!(matches!(repaired, Err(RecoverError::NotUnderstood(_))), "{repaired:?}");
    assert_eq!(names(&path), before);
}
