//! Which records a question rests on.

use runledger_store::View;
use runledger_wal::Seq;

use super::Core;
use crate::query::moment::Moment;
use crate::{AsOf, PageToken, QueryError, Timestamp};

impl Core {
    /// The moment that a question asks for, in a view that has every record before `durable_end`. Later pages of an
    /// answer rest on what the first one rested on.
    pub(super) fn moment(
        &self,
        view: &View,
        durable_end: Seq,
        as_of: Option<AsOf>,
        page: Option<PageToken>,
    ) -> Result<Moment, QueryError> {
        let now = Moment::now(view, durable_end);
        let end = match (page, as_of) {
            (Some(page), _) => page.seen,
            (None, Some(as_of)) => self.known_end(as_of, now.end())?,
            (None, None) => return Ok(now),
        };
        Ok(if end < now.end() { Moment::past(end) } else { now })
    }

    /// The first record before `end` that was not known yet as of then; `end` if all were.
    fn known_end(&self, as_of: AsOf, end: Seq) -> Result<Seq, QueryError> {
        match as_of {
            AsOf::Seq(seq) if seq < end => Ok(seq.next()),
            AsOf::Seq(_) => Ok(end),
            AsOf::Before(seq) => Ok(seq.min(end)),
            AsOf::CommitTime(time) => self.committed_until(time, end),
        }
    }

    /// The first record before `end` that was committed after `time`. Commit times never decrease, so it is found by
    /// halving.
    fn committed_until(&self, time: Timestamp, end: Seq) -> Result<Seq, QueryError> {
        let (mut known, mut unknown) = (0, end.get());
        while known < unknown {
            let middle = known + (unknown - known) / 2;
            let seq = Seq::new(middle);
            let record = self.log.read(seq)?.ok_or(QueryError::IndexAhead { seq })?;
            if record.commit_time() <= time.as_nanoseconds() {
                known = middle + 1;
            } else {
                unknown = middle;
            }
        }
        Ok(Seq::new(known))
    }
}
