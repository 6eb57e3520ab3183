//! The place of one record among those in memory, and how places are filled from the log.

use std::sync::Arc;

use runledger_wal::{ReadError, Reader, Record, Seq};

use super::super::read::StoredEvent;

/// So few records are read one by one; to scan them would read the log in larger pieces.
const READ_ONE_BY_ONE_MAX: u64 = 8;

/// What stands at one number of the log.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// `None`: the record is damaged, or no event that this program can read. Reading it again says why.
    pub(super) event: Option<Arc<StoredEvent>>,
    /// How long its record is, for bounds of memory.
    pub(super) bytes: usize,
}

impl Slot {
    const UNREADABLE: Self = Self { event: None, bytes: 0 };

    pub(super) fn new(event: StoredEvent, payload_bytes: usize) -> Self {
        Self { event: Some(Arc::new(event)), bytes: payload_bytes }
    }

    fn of(record: &Record) -> Self {
        match StoredEvent::decode(record) {
            Ok(event) => Self::new(event, record.payload().len()),
            Err(_) => Self::UNREADABLE,
        }
    }
}

/// The slots of the records from `from` to before `to`, which is durable, or the first of them, up to `bytes_max` of
/// records and one more.
///
/// # Errors
///
/// The first could not be read, for a reason that may pass. Damage is no error here: it has its slot.
pub(super) fn read(log: &Reader, from: Seq, to: Seq, bytes_max: usize) -> Result<Vec<Slot>, ReadError> {
    if to.get().saturating_sub(from.get()) <= READ_ONE_BY_ONE_MAX {
        collect(|seq| log.read(seq).transpose(), from, to, bytes_max)
    } else {
        let mut scan = log.scan(from);
        collect(|_| scan.next(), from, to, bytes_max)
    }
}

/// `read_next` is told which record comes next. It may leave out what an error named.
fn collect(
    mut read_next: impl FnMut(Seq) -> Option<Result<Record, ReadError>>,
    from: Seq,
    to: Seq,
    bytes_max: usize,
) -> Result<Vec<Slot>, ReadError> {
    let (mut slots, mut bytes, mut next) = (Vec::new(), 0_usize, from);
    while next < to && bytes < bytes_max {
        match read_next(next) {
            Some(Ok(record)) => {
                debug_assert_eq!(
                    record.seq(),
                    next,
                    "records come in order, and each error names what is left out"
                );
                let slot = Slot::of(&record);
                bytes = bytes.saturating_add(slot.bytes);
                slots.push(slot);
                next = next.next();
            }
            Some(Err(ReadError::Damaged(damage))) => {
                let end = damage.seq_to.max(next.next()).min(to);
                slots.extend((next.get()..end.get()).map(|_| Slot::UNREADABLE));
                next = end;
            }
            Some(Err(error)) if slots.is_empty() => return Err(error),
            Some(Err(_)) | None => break,
        }
    }
    Ok(slots)
}
