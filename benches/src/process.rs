//! The harness's side: a worker process for each engine, and how it is asked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::job::{Outcome, Reply, Request};

/// The hidden subcommand that makes this program a worker.
pub(crate) const WORKER: &str = "worker";

/// A worker process. Killed when it is dropped.
pub(crate) struct Worker {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts this program once more.
    pub(crate) fn start() -> Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let mut child = Command::new(program)
            .arg(WORKER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start a worker")?;
        let requests = child.stdin.take().context("a worker has no standard input")?;
        let replies = child.stdout.take().context("a worker has no standard output")?;
        Ok(Self { child, requests, replies: BufReader::new(replies) })
    }

    /// Has one request done.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Outcome> {
        let mut line = serde_json::to_string(request).context("encode a request")?;
        line.push('\n');
        self.requests.write_all(line.as_bytes()).context("send a request")?;
        let mut answer = String::new();
        self.replies.read_line(&mut answer).context("read an answer")?;
        ensure!(!answer.is_empty(), "the worker of {} ended without an answer", request.engine);
        match serde_json::from_str(&answer).with_context(|| format!("parse the answer {answer:?}"))? {
            Reply::Done(outcome) => Ok(*outcome),
            Reply::Failed(message) => bail!(message),
        }
    }

    /// Ends the process by SIGKILL, whatever it is doing, and waits until it is gone.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill a worker")?;
        self.child.wait().context("wait for a worker")?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing helps a worker that can't be killed, and a killed one has to be waited for.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
