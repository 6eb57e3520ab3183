//! What AI agents did, as events in a ledger: the vocabulary, its codec, the index keys, and the handle that
//! appends and asks.
//!
//! The modules stand in the order in which data flows: an [`Event`] is made of ids, times and a [`Body`]; the codec
//! turns it into the two parts of a record's payload; the log makes it durable; the indexer derives keys from it;
//! queries read those.
//!
//! # Example
//!
//! ```
//! use runledger_audit::{Body, Event, Ledger, RunStarted};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let ledger = Ledger::open(dir.path().join("ledger"))?;
//! let started = Event::new(Body::RunStarted(RunStarted::default())).with_run("run-1");
//! let receipt = ledger.append(started)?; // returns once the event is on stable storage
//! assert_eq!(ledger.event_at(receipt.seq)?.expect("just appended").event.run_id.as_deref(), Some("run-1"));
//! # Ok(())
//! # }
//! ```

// Whoever calls this has to know what can go wrong.
#![warn(clippy::missing_errors_doc)]

mod any_of;
mod as_of;
mod audit_filter;
mod audited_query;
mod backup;
pub mod body;
mod checkpoint;
mod claim;
mod codec;
mod content;
mod correlation_chain;
mod digest;
mod error;
mod event;
mod event_json;
mod explanation;
mod filter;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod glob;
mod id;
mod indexer;
mod json;
mod key;
mod kind;
mod ledger;
mod ledger_read;
mod maintenance;
mod names;
mod page_token;
mod planted;
mod provenance;
mod query;
mod reset;
mod rollup;
mod run_filter;
mod run_keys;
mod run_status;
mod run_summary;
mod salt;
mod sink;
mod source_digest;
mod task_run;
mod time;
mod trace;
mod usage;

pub use any_of::AnyOf;
pub use as_of::AsOf;
pub use audit_filter::{AuditAgent, AuditFilter};
pub use audited_query::AuditedQuery;
pub use backup::{backup, restore};
pub use body::{
    Body, ContributingAssertion, Custom, Epoch, InvalidEpoch, Message, ModelCall, QueryAudit, QueryId,
    QueryParams, RunFinished, RunLog, RunStarted, RunStatistics, RunStatusChanged, ToolCall, Unparsed, Usage,
    WorkspaceAction, WorkspaceEvent,
};
pub use codec::{DecodeError, EncodeError, EventLeaf};
pub use content::{Content, SourceLine, SourceRange};
pub use correlation_chain::{
    CHAIN_CORRELATIONS_MAX, CHAIN_EVENTS_MAX, ChainCut, ChainGap, ChainedCorrelation, CorrelationChain,
};
pub use digest::{Digest, ParseDigestError};
pub use error::{
    AppendError, CloseError, CompressError, ErrorClass, IndexError, MaintenanceError, OpenError, QueryError,
};
pub use event::Event;
pub use event_json::EventJsonError;
pub use explanation::{CheckedCondition, CountMethod, Explanation, JoinedCondition};
pub use filter::{EventFilter, Order, PAGE_ITEMS_DEFAULT};
pub use glob::{GLOB_BYTES_MAX, Glob, GlobError};
pub use id::{EventId, ParseIdError, WriterInstance};
pub use json::{InvalidJson, Json};
pub use key::MalformedKey;
pub use key::stream::Dimension;
pub use kind::Kind;
pub use ledger::{
    Ancestry, AncestryEnd, BatchError, Health, IndexHealth, IndexState, IndexStatus, Ledger, LedgerOptions,
    LedgerStats, LiveHealth, OpenReport, Page, Progress, ProgressCallback, QueueHealth, Receipt, Recent,
    RunListCost, RunLogEntry, RunLogPage, SourceEntry, StoredEvent, StoredRecord, Submitted, SubscribeFrom,
    Subscription, SubscriptionError, Tail, ValueCounts,
};
pub use ledger_read::{LEDGER_READ, LedgerReader};
pub use maintenance::{RebuildReport, compress, rebuild_index, recover, salvage, verify, verify_on};
pub use names::{NAME_BYTES_MAX, NameTooLong};
pub use page_token::{PageToken, PageTokenError};
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use planted::{Bug, plant};
pub use provenance::{
    PROVENANCE_AGENT_AGE_MAX, PROVENANCE_EVENTS_MAX, PROVENANCE_NODES_MAX, PROVENANCE_QUERIES_MAX,
    PROVENANCE_RUNS_MAX, Provenance, ProvenanceFinding, ProvenanceNode, ProvenanceRelation,
};
pub use query::matching::UnsupportedFilter;
pub use reset::{ResetPlan, ResetReport, plan_reset, reset};
pub use run_filter::{RunFilter, RunTime};
pub use run_status::{RunStatus, UnknownRunStatus};
pub use run_summary::RunSummary;
pub use runledger_wal::{
    BackupReport, CompressReport, CopiedRange, Damage, Durability, Leaf, LedgerId, Listed, RecoverReport,
    Repair, SalvageFinding, SalvageReport, Seq, Trouble, UnplacedRange, VerifyReport,
};
pub use sink::{
    AuditSink, Destination, FlushError, QueuedEvent, RecordDurableError, RecordError, SinkError, SinkOptions,
    SinkStats, StoreError, StoreFailure, TryRecordError, Undelivered, Unstored,
};
pub use source_digest::SourceDigest;
pub use task_run::{NewRun, TaskRun};
pub use time::{ParseTimestampError, Timestamp};
pub use trace::{Trace, TracedSource};
pub use usage::{Days, FAILURE_OUTCOMES, UsageBy, UsageFigures, UsageGroup, UsageReport, is_failure};
