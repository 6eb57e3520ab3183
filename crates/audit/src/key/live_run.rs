//! Tag 23: the runs that are at work. Value: the instance of the writer that started them.
//!
//! When a ledger is opened for writing, a run found here was started by a process that is gone: it is interrupted.

use super::{MalformedKey, Tag};
use crate::WriterInstance;

pub(crate) fn key(run_id: &str) -> Vec<u8> {
    [&prefix(), run_id.as_bytes()].concat()
}

/// What every such key starts with.
pub(crate) fn prefix() -> Vec<u8> {
    vec![Tag::LiveRun.byte()]
}

pub(crate) fn decode(key: &[u8]) -> Result<&str, MalformedKey> {
    let malformed = MalformedKey::new("live run");
    std::str::from_utf8(key.get(1..).ok_or(malformed)?).map_err(|_| malformed)
}

pub(crate) fn value(writer: Option<WriterInstance>) -> Vec<u8> {
    writer.map_or_else(Vec::new, |writer| writer.to_bytes().to_vec())
}

pub(crate) fn decode_value(value: &[u8]) -> Option<WriterInstance> {
    value.try_into().ok().map(WriterInstance::from_bytes)
}
