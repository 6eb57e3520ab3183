//! `usage`: what models and tools were used, by what calls have in common.

use std::cmp::Reverse;
use std::io::Write;

use anyhow::Result;
use runledger::{Days, EventFilter, Kind, UsageBy, UsageFigures, UsageGroup, UsageReport};
use serde_json::{Map, Value, json};

use super::{Context, event_filter, opening};
use crate::arguments::{UsageArguments, UsageGrouping};
use crate::exit::{Exit, Refused};
use crate::output::{BAD, FAINT, Output, STRONG};
use crate::table::{Cell, Column, Table};
use crate::terminal_text::grouped;

/// How much of a group's name a row shows at most, and at least.
const NAME_COLUMNS_MAX: usize = 60;
const NAME_COLUMNS_MIN: usize = 12;

/// Runs the command.
pub(super) fn run(arguments: &UsageArguments, context: &mut Context) -> Result<Exit> {
    let filter = event_filter::of(&arguments.filter, &context.now)?;
    refuse_without_calls(&filter)?;
    let zone = context.now.time_zone().clone();
    let by = match arguments.by {
        UsageGrouping::Model => UsageBy::Model,
        UsageGrouping::Agent => UsageBy::Agent,
        UsageGrouping::Tool => UsageBy::Tool,
        UsageGrouping::Run => UsageBy::Run,
        UsageGrouping::Session => UsageBy::Session,
        UsageGrouping::Day => UsageBy::Day(Days::by_offset(move |time| {
            let instant = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanoseconds()));
            instant.map_or(0, |instant| zone.to_offset(instant).seconds())
        })),
    };
    let ledger = opening::for_reading(&context.ledger)?;
    let progress = opening::progress("summing up", "{pos} of {len} calls");
    let report = ledger.usage_with_progress(&by, &filter, progress)?;
    if context.output.is_json() {
        writeln!(context.output, "{}", json_of(&by, &report))?;
    } else {
        write_table(&by, report, &mut context.output)?;
    }
    Ok(Exit::Fine)
}

/// A filter of other kinds asks for the sum of nothing: that is a mistake.
fn refuse_without_calls(filter: &EventFilter) -> Result<(), Refused> {
    let is_call = |kind: &Kind| matches!(kind, Kind::ModelCall | Kind::ToolCall);
    if filter.kinds.is_empty() || filter.kinds.iter().any(is_call) {
        return Ok(());
    }
    Err(Refused("usage sums up model_call and tool_call; --kind names neither".to_owned()))
}

/// One object: the groups in the order of their values, and the total.
fn json_of(by: &UsageBy, report: &UsageReport) -> Value {
    let groups: Vec<Value> = report
        .groups
        .iter()
        .map(|group| {
            let mut fields = Map::new();
            fields.insert(by.as_str().to_owned(), Value::from(group.value.clone()));
            fields.extend(figures(&group.figures));
            Value::Object(fields)
        })
        .collect();
    json!({ "by": by.as_str(), "groups": groups, "total": Value::Object(figures(&report.total)) })
}

fn figures(figures: &UsageFigures) -> Map<String, Value> {
    let counts = [
        ("modelCalls", figures.model_calls),
        ("toolCalls", figures.tool_calls),
        ("failures", figures.failures),
        ("inputTokens", figures.input_tokens),
        ("outputTokens", figures.output_tokens),
        ("cacheReadTokens", figures.cache_read_tokens),
        ("cacheWriteTokens", figures.cache_write_tokens),
        ("thinkingTokens", figures.thinking_tokens),
        ("totalTokens", figures.total_tokens()),
        ("pricedCalls", figures.priced_calls),
    ];
    let mut fields: Map<String, Value> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    fields.insert("costUsd".to_owned(), figures.cost_usd().into());
    fields
}

/// Days in their order; of other groups those first that used most.
fn write_table(by: &UsageBy, report: UsageReport, output: &mut Output) -> Result<()> {
    let UsageReport { mut groups, total, .. } = report;
    if !matches!(by, UsageBy::Day(_)) {
        let most_used = |group: &UsageGroup| {
            let figures = &group.figures;
            (figures.cost_usd_millionths, figures.total_tokens(), figures.calls())
        };
        groups.sort_by_key(|group| (group.value.is_none(), Reverse(most_used(group))));
    }
    let name = match by {
        // Somebody goes on with these.
        UsageBy::Run | UsageBy::Session => Column::whole(by.as_str()),
        _ => Column::text(by.as_str(), NAME_COLUMNS_MIN, NAME_COLUMNS_MAX),
    };
    let mut table = Table::new([
        name,
        Column::number("model calls").dispensable(2),
        Column::number("tool calls").dispensable(2),
        Column::number("failures").dispensable(1),
        Column::number("tokens in").dispensable(4),
        Column::number("out").dispensable(3),
        Column::number("total"),
        Column::number("cache read").dispensable(5),
        Column::number("cache write").dispensable(6),
        Column::number("thinking").dispensable(7),
        Column::number("cost"),
    ]);
    for group in &groups {
        let name = match &group.value {
            Some(value) => Cell::new(value),
            None => Cell::styled(FAINT, "(none)"),
        };
        table.add(row(name, &group.figures), output)?;
    }
    table.add(row(Cell::styled(STRONG, "total"), &total), output)?;
    table.flush(output)
}

fn row(name: Cell, figures: &UsageFigures) -> Vec<Cell> {
    let failures = if figures.failures > 0 { BAD } else { FAINT };
    let count = |count: u64| Cell::new(grouped(count));
    vec![
        name,
        count(figures.model_calls),
        count(figures.tool_calls),
        Cell::styled(failures, grouped(figures.failures)),
        count(figures.input_tokens),
        count(figures.output_tokens),
        count(figures.total_tokens()),
        count(figures.cache_read_tokens),
        count(figures.cache_write_tokens),
        count(figures.thinking_tokens),
        Cell::new(figures.cost_usd().map_or_else(|| "-".to_owned(), |cost| format!("${cost:.4}"))),
    ]
}
