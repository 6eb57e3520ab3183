//! `health`: whether all is well with a ledger, as far as that can be told from its files.

use std::io::Write;

use anyhow::Result;
use runledger::{Health, IndexStatus};
use serde::Serialize;

use super::{Context, opening};
use crate::event_text::write_field;
use crate::exit::Exit;
use crate::output::{Output, counted};

/// The health as `--json` prints it. What only a writer's own process knows is nothing here: the program looks at the ledger
/// as a reader.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthJson<'a> {
    well: bool,
    records: u64,
    unsafe_events: u64,
    unsafe_seconds: Option<f64>,
    queue_events: u64,
    queue_bytes: u64,
    log_bytes_written: u64,
    log_failure: Option<&'a str>,
    log_last_failure: Option<&'a str>,
    log_last_failure_at: Option<String>,
    index: IndexJson<'a>,
    subscriptions: u64,
    subscription_lag_events: u64,
    recent_events: u64,
    recent_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexJson<'a> {
    status: &'static str,
    reason: Option<&'a str>,
    indexed: u64,
    lag_events: u64,
    lag_seconds: Option<f64>,
    merge_failure: Option<&'a str>,
    last_failure: Option<&'a str>,
}

impl<'a> From<&'a Health> for HealthJson<'a> {
    fn from(health: &'a Health) -> Self {
        let index = &health.index;
        let (status, reason) = status(&index.status);
        Self {
            well: health.is_well(),
            records: health.durable_end.get(),
            unsafe_events: health.unsafe_events,
            unsafe_seconds: health.unsafe_for.map(|lag| lag.as_secs_f64()),
            queue_events: health.queue.events,
            queue_bytes: health.queue.bytes,
            log_bytes_written: health.log_bytes_written,
            log_failure: health.log_failure.as_deref(),
            log_last_failure: health.log_last_failure.as_deref(),
            log_last_failure_at: health.log_last_failure_at.map(|at| at.to_string()),
            index: IndexJson {
                status,
                reason,
                indexed: index.indexed_end.get(),
                lag_events: index.lag_events,
                lag_seconds: index.lag.map(|lag| lag.as_secs_f64()),
                merge_failure: index.merge_failure.as_deref(),
                last_failure: index.last_failure.as_deref(),
            },
            subscriptions: health.live.subscriptions,
            subscription_lag_events: health.live.lag_events_max,
            recent_events: health.live.recent_events,
            recent_bytes: health.live.recent_bytes,
        }
    }
}

/// One word for what an index does, and why, where that is known.
fn status(status: &IndexStatus) -> (&'static str, Option<&str>) {
    match status {
        IndexStatus::Following => ("following", None),
        IndexStatus::Rebuilding { reason, .. } => ("rebuilding", Some(reason)),
        IndexStatus::Paused => ("paused", None),
        IndexStatus::Failed { reason, .. } => ("failed", Some(reason)),
        IndexStatus::Stopped => ("stopped", None),
        IndexStatus::BesideWriter => ("on_disk", None),
        IndexStatus::FarBehind { .. } => ("far_behind", Some("its writer paused it, or can't write it")),
        IndexStatus::Unusable { reason } => ("unusable", Some(reason)),
        _ => ("other", None),
    }
}

/// Runs the command.
pub(super) fn run(context: &mut Context) -> Result<Exit> {
    let health = opening::for_inspection(&context.ledger)?.health()?;
    if context.output.is_json() {
        writeln!(context.output, "{}", serde_json::to_string(&HealthJson::from(&health))?)?;
    } else {
        write_text(&health, &mut context.output)?;
    }
    Ok(if health.is_well() { Exit::Fine } else { Exit::StorageFailed })
}

fn write_text(health: &Health, output: &mut Output) -> Result<()> {
    let index = &health.index;
    write_field("records", &health.durable_end.to_string(), output)?;
    let (word, reason) = status(&index.status);
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    write_field("index", &format!("{}{reason}", word.replace('_', " ")), output)?;
    let lag = match index.lag_events {
        0 => "none".to_owned(),
        events => format!("{}, which readers index for themselves", counted(events, "event")),
    };
    write_field("lag", &lag, output)?;
    for failure in [&health.log_failure, &health.log_last_failure, &index.merge_failure, &index.last_failure]
        .into_iter()
        .flatten()
    {
        write_field("failure", failure, output)?;
    }
    write_field("well", if health.is_well() { "yes" } else { "no" }, output)?;
    Ok(())
}
