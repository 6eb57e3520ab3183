//! What many programs do instead of a log: a line of JSON for each record, and an fsync. No checksum, no group commit.
//!
//! Threads take turns. The payload is written as hexadecimal digits, because a line of JSON holds no bytes.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::wal::engine::{Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::JSON_LINES;

const NAME: &str = "records.jsonl";

/// A file of JSON lines.
pub(crate) struct JsonLines;

struct LinesLog(Mutex<Lines>);

struct Lines {
    file: File,
    text: String,
    next: u64,
    syncs: u64,
}

impl Engine for JsonLines {
    fn name(&self) -> &'static str {
        JSON_LINES
    }

    fn open(&self, directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        let file = OpenOptions::new().create(true).append(true).open(directory.join(NAME));
        let file = file.context("open the file")?;
        let text = String::new();
        Ok(Box::new(LinesLog(Mutex::new(Lines { file, text, next: 0, syncs: 0 }))))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let file = File::open(directory.join(NAME)).context("open the file")?;
        for line in BufReader::new(file).lines() {
            let line: Value = serde_json::from_str(&line?).context("parse a line")?;
            let number = line.get("seq").and_then(Value::as_u64).context("a line has no number")?;
            let digits = line.get("payload").and_then(Value::as_str).context("a line has no payload")?;
            let payload =
                digits.as_bytes().as_chunks().0.iter().copied().map(byte_of).collect::<Result<Vec<_>>>()?;
            visit(number, &payload)?;
        }
        Ok(())
    }
}

fn digits_of(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }))
}

fn byte_of([high, low]: [u8; 2]) -> Result<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).context("not a hexadecimal digit");
    Ok(u8::try_from(digit(high)? * 16 + digit(low)?)?)
}

impl LinesLog {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn append(&mut self, payloads: &[&[u8]]) -> Result<u64> {
        self.text.clear();
        let first = self.next;
        for payload in payloads {
            write!(self.text, "{{\"seq\":{},\"payload\":\"", self.next)?;
            self.text.extend(payload.iter().copied().flat_map(digits_of));
            self.text.push_str("\"}\n");
            self.next += 1;
        }
        self.file.write_all(self.text.as_bytes()).context("write lines")?;
        self.file.sync_all().context("sync lines")?;
        self.syncs += 1;
        Ok(first)
    }
}

impl Log for LinesLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        self.lock().append(&[payload])
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        self.lock().append(payloads)?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.lock().syncs)
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        Ok(Vec::new())
    }
}
