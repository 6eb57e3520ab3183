//! Which events match a filter, as positions in order.

use runledger_store::View;
use runledger_wal::Seq;

use super::join::{Join, Union, first, successor};
use super::positions::{StreamError, StreamPositions};
use crate::key::Position;
use crate::{EventFilter, PageToken};

/// The positions that match a filter, from its page token on.
pub(crate) struct Matching {
    join: Join<Union<StreamPositions>>,
    /// Events at this `Seq` or later came after the first page.
    seen: Seq,
}

impl Matching {
    /// `page` has been checked against `filter`; `end` is how far the index reaches now.
    pub(crate) fn new(view: &View, filter: &EventFilter, page: Option<PageToken>, end: Seq) -> Self {
        let (order, bounds) = (filter.order, (filter.from, filter.to));
        let streams = filter
            .streams()
            .into_iter()
            .map(|prefixes| {
                let streams = prefixes
                    .into_iter()
                    .map(|prefix| StreamPositions::new(view, prefix, order, bounds))
                    .collect();
                Union::new(streams, order)
            })
            .collect();
        let start = match page {
            Some(page) => successor(page.last, order),
            None => Some(first(order)),
        };
        Self { join: Join::new(streams, order, start), seen: page.map_or(end, |page| page.seen) }
    }

    pub(crate) fn seen(&self) -> Seq {
        self.seen
    }

    pub(crate) fn advance(&mut self) -> Result<Option<Position>, StreamError> {
        while let Some(position) = self.join.advance()? {
            if position.seq < self.seen {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}
