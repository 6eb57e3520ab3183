//! `usage`: what models and tools were used, by what calls have in common.

use std::cmp::Reverse;
use std::io::Write;

use anyhow::Result;
use runledger::{Days, EventFilter, Kind, UsageBy, UsageFigures, UsageGroup, UsageReport};
use serde::Serialize;

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
        writeln!(context.output, "{}", json_of(&by, &report)?)?;
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

/// The figures of a group as `--json` prints them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FiguresJson {
    model_calls: u64,
    tool_calls: u64,
    failures: u64,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    thinking_tokens: u64,
    total_tokens: u64,
    priced_calls: u64,
    cost_usd: Option<f64>,
}

impl From<&UsageFigures> for FiguresJson {
    fn from(figures: &UsageFigures) -> Self {
        Self {
            model_calls: figures.model_calls,
            tool_calls: figures.tool_calls,
            failures: figures.failures,
            input_tokens: figures.input_tokens,
            output_tokens: figures.output_tokens,
            cache_read_tokens: figures.cache_read_tokens,
            cache_write_tokens: figures.cache_write_tokens,
            thinking_tokens: figures.thinking_tokens,
            total_tokens: figures.total_tokens(),
            priced_calls: figures.priced_calls,
            cost_usd: figures.cost_usd(),
        }
    }
}

/// One object: the groups in the order of their values, each with its value under the grouping's name, and the total.
fn json_of(by: &UsageBy, report: &UsageReport) -> Result<String> {
    let mut groups = Vec::with_capacity(report.groups.len());
    for group in &report.groups {
        let value = serde_json::to_string(&group.value)?;
        let figures = serde_json::to_string(&FiguresJson::from(&group.figures))?;
        let figures = figures.strip_prefix('{').unwrap_or(&figures);
        groups.push(format!("{{\"{}\":{value},{figures}", by.as_str()));
    }
    let total = serde_json::to_string(&FiguresJson::from(&report.total))?;
    Ok(format!("{{\"by\":\"{}\",\"groups\":[{}],\"total\":{total}}}", by.as_str(), groups.join(",")))
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
