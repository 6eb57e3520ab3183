//! How a list is gone on with where it ended at its limit: said on standard error, so that the list itself stays clean.

use runledger::PageToken;

use crate::output::{Output, remark};

/// Says where the next page starts, if there is one.
pub(super) fn say(next: Option<PageToken>, output: &Output) {
    match next {
        Some(token) if output.is_json() => remark(format_args!("{{\"nextPage\":\"{token}\"}}")),
        Some(token) => {
            remark(format_args!("next page: the same options, times as resolved, and --page {token}"));
        }
        None => {}
    }
}
