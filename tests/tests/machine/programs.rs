//! The writing and the following program, started, heard and killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use runledger_tests::machine::lines::Line;
use runledger_wal::Leaf;

use crate::oracle::Oracle;

/// How a writer is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterOptions<'a> {
    pub(crate) threads: u64,
    pub(crate) segment_bytes: u64,
    /// The boot that it believes to run in, if not this one.
    pub(crate) boot_id: Option<&'a str>,
}

/// What a writer's opening of the log came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) next_seq: u64,
    pub(crate) recovered: u64,
    pub(crate) torn_bytes: u64,
    pub(crate) ambiguous: bool,
}

/// A process that appends until it is killed.
pub(crate) struct Writer {
    pub(crate) child: Child,
    run: u32,
    lines: Receiver<String>,
}

impl Writer {
    pub(crate) fn start(oracle: &mut Oracle, log: &Path, options: WriterOptions) -> Writer {
        let run = oracle.start_run();
        let mut command = Command::new(env!("CARGO_BIN_EXE_log_writer"));
        command
            .arg(log)
            .args([oracle.seed, u64::from(run), options.threads, options.segment_bytes].map(text));
        command.args(options.boot_id);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(&mut child);
        Writer { child, run, lines }
    }

    /// The next line, which the oracle hears too. Nothing when the writer is dead and was heard out.
    pub(crate) fn line(&self, oracle: &mut Oracle) -> Option<Line> {
        let text = self.lines.recv().ok()?;
        let line = text.parse().unwrap_or_else(|error| panic!("{error}"));
        oracle.hear(self.run, &line);
        Some(line)
    }

    /// Hears that the log is open.
    pub(crate) fn opened(&self, oracle: &mut Oracle) -> Opened {
        match self.line(oracle) {
            Some(Line::Opened { next_seq, recovered, torn_bytes, ambiguous }) => {
                Opened { next_seq, recovered, torn_bytes, ambiguous }
            }
            other => panic!("the log isn't open: {other:?}"),
        }
    }

    /// Lets it begin to append.
    pub(crate) fn go(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "go").unwrap();
    }

    /// Hears this many acknowledgements, and nothing else.
    pub(crate) fn acknowledgements(&self, oracle: &mut Oracle, count: u64) {
        for _ in 0..count {
            let line = self.line(oracle);
            assert!(matches!(line, Some(Line::Acknowledged { .. })), "the writer goes on: {line:?}");
        }
    }

    /// Kills the writer and hears what it had said before.
    pub(crate) fn kill(mut self, oracle: &mut Oracle) -> Vec<Line> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.line(oracle)).collect()
    }

    /// Has the writer close the log, and hears it out. Its last line says what closing came to.
    pub(crate) fn close(mut self, oracle: &mut Oracle) -> Vec<Line> {
        drop(self.child.stdin.take());
        let lines = std::iter::from_fn(|| self.line(oracle)).collect();
        self.child.wait().unwrap();
        lines
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process that follows a log.
pub(crate) struct Follower {
    child: Child,
    lines: Receiver<String>,
    /// What it was shown and nobody has compared yet.
    shown: Vec<(u64, String)>,
    next: u64,
}

impl Follower {
    pub(crate) fn start(log: &Path) -> Follower {
        let mut command = Command::new(env!("CARGO_BIN_EXE_log_follower"));
        let mut child = command.arg(log).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(&mut child);
        Follower { child, lines, shown: Vec::new(), next: 0 }
    }

    /// Takes what it has said by now.
    pub(crate) fn hear(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.note(&line);
        }
    }

    /// Waits until it was shown all records before this one.
    pub(crate) fn hear_up_to(&mut self, end: u64) {
        while self.next < end {
            let line = self.lines.recv().expect("the follower goes on until it is killed");
            self.note(&line);
        }
    }

    fn note(&mut self, line: &str) {
        let shown = line.strip_prefix("shown ").and_then(|shown| shown.split_once(' '));
        let (seq, leaf) = shown.unwrap_or_else(|| panic!("the follower says: {line}"));
        assert_eq!(seq.parse(), Ok(self.next), "the follower is shown every record once");
        self.shown.push((self.next, leaf.to_owned()));
        self.next += 1;
    }

    /// Sees that whatever it was shown is in the log that a killed writer left.
    pub(crate) fn compare(&mut self, oracle: &Oracle) {
        for (seq, leaf) in self.shown.drain(..) {
            let found = oracle.known_leaf(seq).as_ref().map(Leaf::to_string);
            assert_eq!(found, Some(leaf), "the follower was shown {seq}");
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Lets this much time pass: the moment of a kill is what the test is about, and no other event marks it.
pub(crate) fn pass(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn text(number: u64) -> String {
    number.to_string()
}

/// A child's lines as they come, and an end when it has no more to say. Half a line is none: its writer was killed.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
            line.pop();
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
    });
    lines
}

fn end(child: &mut Child) {
    // It may have ended before.
    let _ = child.kill();
    let _ = child.wait();
}
