//! Which events match a filter, as positions in order.

use runledger_store::View;

use super::join::{Join, Union};
use super::moment::Moment;
use super::positions::{StreamError, StreamPositions, Walk};
use super::rank::Rank;
use crate::key::Position;
use crate::{EventFilter, Order, PageToken};

/// The positions that match a filter, from its page token on.
pub(crate) struct Matching {
    join: Join<Union<StreamPositions>>,
    order: Order,
    /// What was known then is what counts.
    moment: Moment,
}

impl Matching {
    /// `page` has been checked against `filter`; `moment` is that of the page token, if there is one.
    pub(crate) fn new(view: &View, filter: &EventFilter, page: Option<PageToken>, moment: Moment) -> Self {
        let walk = Walk { order: filter.order, from: filter.from, to: filter.to };
        let streams = filter
            .streams()
            .iter()
            .map(|prefixes| {
                let now = prefixes.iter().map(|prefix| StreamPositions::new(view, prefix, walk));
                let once = prefixes
                    .iter()
                    .filter(|_| moment.needs_history())
                    .map(|prefix| StreamPositions::history(view, prefix, walk, moment.end()));
                Union::new(now.chain(once).collect())
            })
            .collect();
        let start = match page {
            Some(page) => Rank::of(page.last, filter.order).next(),
            None => Some(Rank::FIRST),
        };
        Self { join: Join::new(streams, start), order: filter.order, moment }
    }

    pub(crate) fn advance(&mut self) -> Result<Option<Position>, StreamError> {
        while let Some(rank) = self.join.advance()? {
            let position = rank.position(self.order);
            if position.seq < self.moment.end() {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}
