//! Keys that are put, overwritten, deleted and counted, streams in which positions come and end, and what an index of
//! them must hold.

use std::collections::BTreeMap;

use runledger_ingest::{Indexer, Pending, Resume};
use runledger_store::{KeyRange, Position, ReadError, Selection, View};
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

/// Where a record stands in streams. Some come late, and many at the same time.
fn position(seq: u64) -> Position {
    Position { time: seq * 7 % 23, number: seq }
}

/// The streams that a record is in: that of its subject, and one of two.
fn streams(seq: u64, payload: &[u8]) -> [Vec<u8>; 2] {
    let subject = payload.first().copied().unwrap_or(u8::MAX);
    [subject_key(b"about/", subject), subject_key(b"parity/", u8::from(seq % 2 == 1))]
}

/// How a position of a stream is told among the contents: the value says whether it has ended, and when.
fn stream_key(name: &[u8], position: Position) -> Vec<u8> {
    [b"stream/", name, b"/", &position.time.to_be_bytes(), &position.number.to_be_bytes()].concat()
}

/// The record that this one takes away, if the one that was last about its subject is still there.
fn taken_away(payload: &[u8], last: Option<&Vec<u8>>) -> Option<u64> {
    let takes_away = payload.get(1) == Some(&1);
    last.filter(|_| takes_away).map(|last| number(Some(last)))
}

fn last_key(payload: &[u8]) -> Vec<u8> {
    subject_key(b"last/", payload.first().copied().unwrap_or(u8::MAX))
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
    for (seq, payload) in (0_u64..).zip(payloads) {
        if let Some(old) = taken_away(payload, contents.get(&last_key(payload))) {
            let payload = usize::try_from(old).ok().and_then(|old| payloads.get(old));
            for name in streams(old, payload.map_or(&[], Vec::as_slice)) {
                contents.insert(stream_key(&name, position(old)), seq.to_be_bytes().to_vec());
            }
        }
        for name in streams(seq, payload) {
            contents.insert(stream_key(&name, position(seq)), Vec::new());
        }
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

/// What an index holds, read forwards, and backwards, and by single keys; and what its streams do.
///
/// # Errors
///
/// It is damaged.
pub fn contents(view: &View) -> Result<Contents, ReadError> {
    let mut forwards: Contents = view.range(KeyRange::all()).collect::<Result<_, _>>()?;
    let backwards: Contents = view.range(KeyRange::all()).rev().collect::<Result<_, _>>()?;
    assert_eq!(forwards, backwards, "both ways show the same");
    for (key, value) in &forwards {
        assert_eq!(view.get(key)?.as_ref(), Some(value), "a key is found as it is listed");
    }
    let mut names = view.streams(b"")?;
    while let Some(name) = names.next_name()? {
        forwards.extend(stream_contents(view, &name)?);
    }
    Ok(forwards)
}

fn stream_contents(view: &View, name: &[u8]) -> Result<Contents, ReadError> {
    let live = Selection { all_of: vec![vec![name.to_vec()]], ..Selection::default() };
    let backwards = Selection { descending: true, ..live.clone() };
    let all = Selection { with_ended: true, ..live.clone() };
    let mut contents = Contents::new();
    for position in view.select(&all)? {
        let position = position?;
        let end = view.end_of(position)?.map_or_else(Vec::new, |end| end.to_be_bytes().to_vec());
        contents.insert(stream_key(name, position), end);
    }
    let shown: Vec<Position> = view.select(&live)?.collect::<Result<_, _>>()?;
    let mut shown_backwards: Vec<Position> = view.select(&backwards)?.collect::<Result<_, _>>()?;
    shown_backwards.reverse();
    assert_eq!(shown, shown_backwards, "both ways show the same");
    let ended = contents.values().filter(|end| !end.is_empty()).count();
    assert_eq!(shown.len(), contents.len() - ended, "what has ended is not shown");
    assert_eq!(view.count(&live)?, shown.len() as u64, "what is shown is counted");
    Ok(contents)
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
        let (seq, payload) = (record.seq().get(), record.payload());
        if let Some(old) = taken_away(payload, pending.get(last_key(payload))?.as_ref()) {
            pending.end(position(old), seq);
        }
        pending.post(position(seq), streams(seq, payload).iter().map(Vec::as_slice));
        let count = number(pending.get(count_key(payload))?.as_ref());
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
