//! Runs the program in a folder of its own, and keeps a writer alive beside it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The example session that the demo imports too.
pub(crate) const SESSION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/session.jsonl");
/// The run that it becomes.
pub(crate) const SESSION_RUN: &str = "5f1c2f64-3c1e-4b5a-9a51-6f0d2b7c9e10";

/// A folder for one test, with the place of a ledger in it.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What a run of the program came to.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A sandbox whose ledger holds the example session.
    pub(crate) fn with_session() -> Self {
        let sandbox = Self::new();
        sandbox.run(["import", "claude-code", SESSION]).expect(0);
        sandbox
    }

    /// A sandbox whose ledger holds `count` notes.
    pub(crate) fn with_notes(count: u64) -> Self {
        let sandbox = Self::new();
        sandbox.run_with_input(["append", "--in-flight", "64"], notes(0..count)).expect(0);
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("ledger")
    }

    /// The program, on this sandbox's ledger.
    pub(crate) fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = program(self.folder.path());
        command.env("RUNLEDGER_DIR", self.ledger()).args(arguments);
        command
    }

    pub(crate) fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Finished {
        finish(&mut self.command(arguments), Vec::new())
    }

    pub(crate) fn run_with_input<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        arguments: I,
        input: impl Into<Vec<u8>>,
    ) -> Finished {
        finish(&mut self.command(arguments), input.into())
    }
}

/// The program in `folder`, with nothing of this process's environment that could change its answers.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runledger"));
    command.current_dir(folder).env_remove("RUNLEDGER_DIR").env_remove("NO_COLOR");
    command.env_remove("COLUMNS").env("TZ", "UTC");
    command
}

/// Runs a command to its end, feeding it `input`.
pub(crate) fn finish(command: &mut Command, input: Vec<u8>) -> Finished {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may end before it has read everything: that is its right.
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Finished {
        code: output.status.code().expect("the program ended by itself"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Finished {
    /// Sees that the program ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let text = String::from_utf8_lossy(&self.stdout);
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", &text[..text.len().min(2_000)], self.stderr);
        self
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Standard output as JSON, one value per line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let value = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.lines().map(value).collect()
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{}", self.text());
        lines.remove(0)
    }

    /// Sees that the program was refused with exactly one sentence, which says `what`.
    #[track_caller]
    pub(crate) fn expect_error(self, code: i32, what: &str) -> Self {
        let finished = self.expect(code);
        let error: Vec<&str> = finished.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(error.len() == 1 && error[0].contains(what), "expected {what:?} in {}", finished.stderr);
        assert!(
            finished.stdout.is_empty(),
            "an error leaves nothing on standard output: {}",
            finished.text()
        );
        finished
    }
}

/// `append` on a sandbox's ledger, held open through its input.
pub(crate) struct LiveWriter {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl LiveWriter {
    pub(crate) fn start(sandbox: &Sandbox, options: &[&str]) -> Self {
        let mut command = sandbox.command(["append"].iter().chain(options));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line and waits for its acknowledgement, while the input stays open and quiet.
    pub(crate) fn append(&mut self, line: &str) -> Value {
        self.write(line);
        self.acknowledgement().expect("the writer acknowledges")
    }

    pub(crate) fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        stdin.write_all(line.as_bytes()).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    /// The next whole acknowledgement; `None` at the end of the output.
    pub(crate) fn acknowledgement(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap())
    }

    /// Takes the input, so that another thread can feed it.
    pub(crate) fn take_input(&mut self) -> ChildStdin {
        self.stdin.take().expect("the input is open")
    }

    /// Sends SIGKILL; gives the acknowledgements that were on their way.
    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.acknowledgement()).collect()
    }

    /// Closes the input and waits for the writer's own end.
    pub(crate) fn close(mut self) -> i32 {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code().expect("the writer ended by itself")
    }
}

impl Drop for LiveWriter {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One event, `{"n": number}` under the type `note`, a second apart.
pub(crate) fn note(number: u64) -> String {
    let (hour, minute, second) = (number / 3_600, number / 60 % 60, number % 60);
    format!(
        r#"{{"kind":"custom","timestamp":"2026-02-08T{hour:02}:{minute:02}:{second:02}Z","agentId":"tester","body":{{"type":"note","data":{{"n":{number}}}}}}}"#
    )
}

/// The same with an id that follows from the number, so that it can be sent again.
pub(crate) fn identified_note(number: u64) -> String {
    note(number).replacen('{', &format!(r#"{{"eventId":"0197f000-0000-7000-8000-{number:012x}","#), 1)
}

/// Several notes, a line each.
pub(crate) fn notes(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| note(number) + "\n").collect()
}

/// The `seq`s of printed events.
pub(crate) fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// The log's first segment file.
pub(crate) fn first_segment(sandbox: &Sandbox) -> PathBuf {
    sandbox.ledger().join("wal").join("00000000000000000000.wal")
}
