//! What is compared: Runledger's log, and the bare loops that bound it.

mod ledger_wal;
mod reference_batched;
mod reference_single;
mod slot_file;

pub(crate) use ledger_wal::LedgerWal;
pub(crate) use reference_batched::ReferenceBatched;
pub(crate) use reference_single::ReferenceSingle;
