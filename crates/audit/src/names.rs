//! The limit on names: of runs, sessions, agents, tools and whatever else events are asked by.
//!
//! Names become index keys, so they can't be as long as an event. Checked where an event is appended, and again where it
//! is indexed, since the log may have come from elsewhere.

use crate::key::stream::Dimension;
use crate::{Body, Event};

/// The longest name in bytes: 4 KiB.
pub const NAME_BYTES_MAX: usize = 4 << 10;

/// A name that is longer than names may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {field} is a name of {bytes} bytes, over the limit of {NAME_BYTES_MAX}")]
pub struct NameTooLong {
    /// Which.
    pub field: &'static str,
    /// How long it is.
    pub bytes: usize,
}

/// Refuses an event with a name that is too long to be found by.
pub(crate) fn check(event: &Event) -> Result<(), NameTooLong> {
    for dimension in Dimension::ALL {
        check_name(dimension.as_str(), dimension.of(event).as_deref())?;
    }
    if let Body::RunStarted(started) = &event.body {
        check_name("parent run id", started.parent_run_id.as_deref())?;
        check_name("skill id", started.skill_id.as_deref())?;
        check_name("caller id", started.caller_id.as_deref())?;
        check_name("channel id", started.channel_id.as_deref())?;
    }
    Ok(())
}

fn check_name(field: &'static str, name: Option<&str>) -> Result<(), NameTooLong> {
    match name.map_or(0, str::len) {
        bytes if bytes > NAME_BYTES_MAX => Err(NameTooLong { field, bytes }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{QueryAudit, RunStarted, ToolCall};

    #[test]
    fn a_name_at_the_limit_passes_and_a_longer_one_is_named() {
        let named =
            |bytes: usize| Event::new(Body::RunStarted(RunStarted::default())).with_run("r".repeat(bytes));
        assert_eq!(check(&named(NAME_BYTES_MAX)), Ok(()));
        let over = NameTooLong { field: "run", bytes: NAME_BYTES_MAX + 1 };
        assert_eq!(check(&named(NAME_BYTES_MAX + 1)), Err(over));
        let call = ToolCall { tool_id: "t".repeat(NAME_BYTES_MAX + 1), ..ToolCall::default() };
        assert_eq!(check(&Event::new(Body::ToolCall(call))).unwrap_err().field, "tool");
        let mut audit = QueryAudit::new();
        audit.params.subject = Some("s".repeat(NAME_BYTES_MAX + 1));
        assert_eq!(check(&Event::new(Body::QueryAudit(audit))).unwrap_err().field, "subject");
        let start = RunStarted { skill_id: Some("s".repeat(NAME_BYTES_MAX + 1)), ..RunStarted::default() };
        assert_eq!(check(&Event::new(Body::RunStarted(start))).unwrap_err().field, "skill id");
    }
}
