//! A small indexer, a log and a store for it, and what the index should hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runledger_ingest::{Indexer, Ingestor, Options, Pending, Resume};
use runledger_store::{KeyRange, ReadError, Store, View};
use runledger_wal::{Damage, Durability, Leaf, Reader, Record, Seq, Wal};
use tempfile::TempDir;

/// The key `payload/…` leads to the `Seq`; `count` and `count/X` count records, all and by the first byte, as absolute
/// values that are read back.
#[derive(Default, Clone)]
pub(crate) struct Toy {
    pub(crate) panics: Arc<AtomicBool>,
}

impl Indexer for Toy {
    type Error = ReadError;

    fn index(&mut self, record: &Record, pending: &mut Pending<'_>) -> Result<(), ReadError> {
        pending.put([b"payload/", record.payload()].concat(), record.seq().get().to_be_bytes());
        assert!(!self.panics.load(Ordering::Relaxed), "told to panic in the middle of a record");
        let first = record.payload().first().copied().unwrap_or_default();
        for key in [b"count".to_vec(), vec![b'c', b'o', b'u', b'n', b't', b'/', first]] {
            let count = pending.get(&key)?.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()));
            pending.put(&key, (count + 1).to_be_bytes());
        }
        Ok(())
    }

    /// The key `damaged/…` leads from the first damaged record to behind the last.
    fn damaged(
        &mut self,
        from: Seq,
        to: Seq,
        _damage: &Damage,
        pending: &mut Pending<'_>,
    ) -> Result<(), ReadError> {
        pending.put([&b"damaged/"[..], &from.get().to_be_bytes()].concat(), to.get().to_be_bytes());
        Ok(())
    }

    fn checkpoint(&self, seq: Seq, leaf: Leaf) -> Vec<u8> {
        [&seq.get().to_be_bytes()[..], &leaf.to_bytes()[..]].concat()
    }

    fn resume(&self, checkpoint: Option<&[u8]>, log: &Reader) -> Resume {
        let Some(checkpoint) = checkpoint.filter(|bytes| !bytes.is_empty()) else {
            return Resume::From(Seq::ZERO);
        };
        let (seq, leaf) = checkpoint.split_first_chunk::<8>().unwrap();
        let seq = Seq::new(u64::from_be_bytes(*seq));
        match log.read(seq) {
            Ok(Some(record)) if record.leaf().to_bytes() == leaf => Resume::From(seq.next()),
            Ok(_) => Resume::Rebuild("another record is there".to_owned()),
            Err(error) => Resume::Unknown(error.to_string()),
        }
    }
}

pub(crate) type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) fn contents(view: &View) -> Contents {
    view.range(KeyRange::all()).map(Result::unwrap).collect()
}

/// What the index over the first `end` records should hold.
pub(crate) fn expected(end: u64) -> Contents {
    let mut contents = Contents::new();
    for number in 0..end {
        contents.insert([&b"payload/"[..], &payload(number)].concat(), number.to_be_bytes().to_vec());
        for key in [b"count".to_vec(), [b"count/", payload(number).get(..1).unwrap()].concat()] {
            let count =
                contents.get(&key).map_or(0, |value| u64::from_be_bytes(value.clone().try_into().unwrap()));
            contents.insert(key, (count + 1).to_be_bytes().to_vec());
        }
    }
    contents
}

pub(crate) fn payload(number: u64) -> Vec<u8> {
    format!("{} and so on {number}", char::from(b'a' + u8::try_from(number % 7).unwrap())).into_bytes()
}

/// A directory with a log.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) log: Wal,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = open_log(&dir.path().join("wal"));
        Self { dir, log }
    }

    /// Appends records until there are `end`.
    pub(crate) fn append_until(&self, end: u64) {
        let payloads: Vec<_> = (self.log.durable_end().get()..end).map(payload).collect();
        for chunk in payloads.chunks(50) {
            self.log.append_batch(chunk, Durability::Durable).unwrap();
        }
        assert_eq!(self.log.durable_end(), Seq::new(end));
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    pub(crate) fn open_store(&self) -> Store {
        Store::open(&self.index_path(), store_options()).unwrap()
    }

    pub(crate) fn start(&self, store: &Store) -> Ingestor {
        Ingestor::start(self.log.reader(), store.clone(), Toy::default(), options()).unwrap()
    }
}

pub(crate) fn open_log(path: &Path) -> Wal {
    Wal::open(path, runledger_wal::Options::new().create(true)).unwrap().0
}

/// Small limits, so that a few records make many batches and tables.
pub(crate) fn store_options() -> runledger_store::Options {
    runledger_store::Options::new().create(true).memory_table_bytes_max(4_000).block_bytes(256)
}

pub(crate) fn options() -> Options {
    Options::new().batch_events_max(7)
}

/// Long enough for a slow machine; a test that works does not wait for it.
#[expect(clippy::unnecessary_wraps, reason = "what the functions that take it want")]
pub(crate) fn patience() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(30))
}

/// The index of this store is complete, and right.
pub(crate) fn check(store: &Store, ingestor: &Ingestor, end: u64) {
    ingestor.wait_indexed(Seq::new(end), patience()).unwrap();
    assert_eq!(contents(&store.view()), expected(end));
}
