//! Lists page by page: how one is read up to its limit, so that memory doesn't grow with that, and how it is gone on with
//! where it ended, which is said on standard error, so that the list itself stays clean.

use anyhow::Result;
use runledger::{Page, PageToken, QueryError};

use crate::output::{Output, remark};

/// How many items are asked for at a time.
const PAGE_ITEMS_MAX: usize = 1_000;

/// Shows items up to a limit, from where an earlier list ended. `ask` is told how many are wanted at most, and from where.
/// Gives where the next page starts, if there is one.
pub(super) fn show<T>(
    limit: usize,
    mut from: Option<PageToken>,
    mut ask: impl FnMut(usize, Option<PageToken>) -> Result<Page<T>, QueryError>,
    mut show: impl FnMut(&T) -> Result<()>,
) -> Result<Option<PageToken>> {
    let mut remaining = limit;
    while remaining > 0 {
        let page = ask(remaining.min(PAGE_ITEMS_MAX), from)?;
        page.items.iter().try_for_each(&mut show)?;
        remaining = remaining.saturating_sub(page.items.len());
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(from)
}

/// Says where the next page starts, if there is one.
pub(super) fn say_next(next: Option<PageToken>, output: &Output) {
    match next {
        Some(token) if output.is_json() => remark(format_args!("{{\"nextPage\":\"{token}\"}}")),
        Some(token) => {
            remark(format_args!("next page: the same options, times as resolved, and --page {token}"));
        }
        None => {}
    }
}
