//! Keys that are put, overwritten, deleted and counted, and what an index of them must hold.

use std::collections::BTreeMap;

use runledger_ingest::{Indexer, Pending, Resume};
use runledger_store::{KeyRange, ReadError, View};
use runledger_wal::{Damage, Leaf, Reader, Record, Seq};

use crate::laboratory::choice::Choose as _;
use crate::random::Random;

/// A record stays in the list of the newest for so many more.
const NEWEST_RECORDS: u64 = 9;
/// What records are about.
const SUBJECTS: usize = 12;

/// What an index holds.
pub type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A record: its subject, and whether it takes it away.
#[must_use]
pub fn payload(random: &mut Random) -> Vec<u8> {
    let subject = u8::try_from(random.below(SUBJECTS)).expect("there are few");
    let filling = vec![subject; random.below(40)];
    [&[subject, u8::from(random.once_in(4))][..], &filling].concat()
}

/// What a record changes: keys with their new values, `None` for those that go.
fn changes(seq: u64, payload: &[u8], count_before: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let (subject, takes_away) = match payload {
        [subject, takes_away, ..] => (*subject, *takes_away == 1),
        _ => (u8::MAX, false),
    };
    let mut changes = vec![
        (newest_key(seq), Some(payload.to_vec())),
        (subject_key(b"last/", subject), (!takes_away).then(|| seq.to_be_bytes().to_vec())),
        (subject_key(b"count/", subject), Some((count_before + 1).to_be_bytes().to_vec())),
    ];
    if let Some(old) = seq.checked_sub(NEWEST_RECORDS) {
        changes.push((newest_key(old), None));
    }
    changes
}

/// Where a record stands among the newest.
#[must_use]
pub fn newest_key(seq: u64) -> Vec<u8> {
    [b"newest/".as_slice(), &seq.to_be_bytes()].concat()
}

fn subject_key(prefix: &[u8], subject: u8) -> Vec<u8> {
    [prefix, &[subject]].concat()
}

fn count_key(payload: &[u8]) -> Vec<u8> {
    subject_key(b"count/", payload.first().copied().unwrap_or(u8::MAX))
}

fn number(value: Option<&Vec<u8>>) -> u64 {
    value.and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What the index of these records must hold.
#[must_use]
pub fn expected(payloads: &[Vec<u8>]) -> Contents {
    let mut contents = Contents::new();
    for (seq, payload) in (0..).zip(payloads) {
        let count = number(contents.get(&count_key(payload)));
        for (key, value) in changes(seq, payload, count) {
            match value {
                Some(value) => contents.insert(key, value),
                None => contents.remove(&key),
            };
        }
    }
    contents
}

/// What an index holds, read forwards, and backwards, and by single keys.
///
/// # Errors
///
/// It is damaged.
pub fn contents(view: &View) -> Result<Contents, ReadError> {
    let forwards: Contents = view.range(KeyRange::all()).collect::<Result<_, _>>()?;
    let backwards: Contents = view.range(KeyRange::all()).rev().collect::<Result<_, _>>()?;
    assert_eq!(forwards, backwards, "both ways show the same");
    for (key, value) in &forwards {
        assert_eq!(view.get(key)?.as_ref(), Some(value), "a key is found as it is listed");
    }
    Ok(forwards)
}

/// The number of records that an index says it covers, and the last one's leaf.
#[must_use]
pub fn covered(checkpoint: &[u8]) -> Option<(Seq, Leaf)> {
    let (seq, leaf) = checkpoint.split_first_chunk::<8>()?;
    Some((Seq::new(u64::from_be_bytes(*seq)), Leaf::from_bytes(*leaf.first_chunk()?)))
}

/// Puts these keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct LaboratoryIndexer;

impl Indexer for LaboratoryIndexer {
    type Error = ReadError;

    fn index(&mut self, record: &Record, pending: &mut Pending<'_>) -> Result<(), ReadError> {
        let count = number(pending.get(count_key(record.payload()))?.as_ref());
        for (key, value) in changes(record.seq().get(), record.payload(), count) {
            match value {
                Some(value) => pending.put(key, value),
                None => pending.delete(key),
            }
        }
        Ok(())
    }

    fn damaged(
        &mut self,
        from: Seq,
        _to: Seq,
        damage: &Damage,
        pending: &mut Pending<'_>,
    ) -> Result<(), ReadError> {
        // No log is damaged here: this makes the contents wrong, which is found.
        pending.put(format!("damaged/{from}"), damage.to_string());
        Ok(())
    }

    fn checkpoint(&self, seq: Seq, leaf: Leaf) -> Vec<u8> {
        [&seq.get().to_be_bytes()[..], &leaf.to_bytes()[..]].concat()
    }

    fn resume(&self, checkpoint: Option<&[u8]>, log: &Reader) -> Resume {
        let Some((seq, leaf)) = checkpoint.and_then(covered) else { return Resume::From(Seq::ZERO) };
        match log.read(seq) {
            Ok(Some(record)) if record.leaf() == leaf => Resume::From(seq.next()),
            Ok(_) => Resume::Rebuild("another record is there".to_owned()),
            Err(error) => Resume::Unknown(error.to_string()),
        }
    }
}
