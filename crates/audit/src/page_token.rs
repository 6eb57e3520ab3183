//! Where a page of an answer ended, so that the next one goes on there.
//!
//! A token remembers which records the first page rested on. The pages that follow answer as of then: events that
//! arrive later, whatever their time, are left out, and what they supersede stays in, so that no page repeats or skips
//! one.
//!
//! Format: FORMAT.md#page-token

use std::fmt;
use std::str::FromStr;

use runledger_wal::Seq;

use crate::key::Position;
use crate::{Order, Timestamp};

const VERSION: u8 = 2;
const BODY_BYTES: usize = 34;
const TOKEN_BYTES: usize = BODY_BYTES + CHECK_BYTES;
const CHECK_BYTES: usize = 4;

/// Where a page ended. As text, 76 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageToken {
    pub(crate) filter: u64,
    pub(crate) order: Order,
    /// The first page rested on the records before this one.
    pub(crate) seen: Seq,
    pub(crate) last: Position,
}

/// The text is not a page token of this version, or one of another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageTokenError {
    /// The text was never a token, or was changed.
    #[error("not a page token")]
    Malformed,
    /// Another version of the program made it.
    #[error("a page token of version {0}, expected version {VERSION}")]
    Version(u8),
    /// It belongs to another filter or order.
    #[error("the page token belongs to another question: repeat the filters and the order that it came with")]
    OtherFilter,
}

impl PageToken {
    /// Refuses a token that belongs to another filter or order.
    pub(crate) fn check(self, fingerprint: u64, order: Order) -> Result<Self, PageTokenError> {
        let same = self.filter == fingerprint && self.order == order;
        if same { Ok(self) } else { Err(PageTokenError::OtherFilter) }
    }

    fn body(self) -> [u8; BODY_BYTES] {
        let descending = u8::from(self.order == Order::Descending);
        let parts = [
            &[VERSION, descending][..],
            &self.filter.to_le_bytes(),
            &self.seen.get().to_le_bytes(),
            &self.last.time.as_nanoseconds().to_le_bytes(),
            &self.last.seq.get().to_le_bytes(),
        ]
        .concat();
        parts.try_into().expect("2 bytes and four numbers of 8 are 34")
    }
}

fn check_bytes(body: &[u8; BODY_BYTES]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    blake3::Hasher::new_derive_key("Runledger 2026 page token").update(body).finalize_xof().fill(&mut check);
    check
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        body.iter().chain(&check_bytes(&body)).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PageToken {
    type Err = PageTokenError;

    fn from_str(text: &str) -> Result<Self, PageTokenError> {
        let malformed = PageTokenError::Malformed;
        if text.len() != 2 * TOKEN_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(malformed);
        }
        let mut bytes = [0; TOKEN_BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(2 * index..2 * index + 2).ok_or(malformed)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| malformed)?;
        }
        let (body, check) = bytes.split_first_chunk::<BODY_BYTES>().expect("38 bytes start with 34");
        if check_bytes(body) != *check {
            return Err(malformed);
        }
        decode_body(body)
    }
}

fn decode_body(body: &[u8; BODY_BYTES]) -> Result<PageToken, PageTokenError> {
    let ([version, descending], numbers) = body.split_first_chunk().expect("34 bytes start with 2");
    if *version != VERSION {
        return Err(PageTokenError::Version(*version));
    }
    let order = match descending {
        0 => Order::Ascending,
        1 => Order::Descending,
        _ => return Err(PageTokenError::Malformed),
    };
    let mut numbers = numbers.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let mut number = || numbers.next().ok_or(PageTokenError::Malformed);
    Ok(PageToken {
        filter: number()?,
        order,
        seen: Seq::new(number()?),
        last: Position {
            time: Timestamp::from_nanoseconds(number()?.cast_signed()),
            seq: Seq::new(number()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::EventFilter;

    proptest! {
        #[test]
        fn text_round_trips_and_one_changed_digit_is_refused(
            filter: u64, descending: bool, seen: u64, time: i64, seq: u64, place in 0..2 * TOKEN_BYTES,
        ) {
            let token = PageToken {
                filter,
                order: if descending { Order::Descending } else { Order::Ascending },
                seen: Seq::new(seen),
                last: Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) },
            };
            let mut text = token.to_string();
            prop_assert_eq!(text.parse(), Ok(token));
            let digit = if &text[place..=place] == "0" { "1" } else { "0" };
            text.replace_range(place..=place, digit);
            prop_assert!(text.parse::<PageToken>().is_err());
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC*") {
            prop_assert!(text.parse::<PageToken>().is_err());
        }
    }

    #[test]
    fn a_token_of_another_filter_is_refused() {
        let filter = EventFilter { run: Some("a".into()), ..EventFilter::default() };
        let last = Position { time: Timestamp::MIN, seq: Seq::ZERO };
        let token = PageToken { filter: filter.fingerprint(), order: filter.order, seen: Seq::new(1), last };
        assert!(token.check(filter.fingerprint(), filter.order).is_ok());
        let other = EventFilter { run: Some("b".into()), ..filter };
        assert_eq!(token.check(other.fingerprint(), other.order), Err(PageTokenError::OtherFilter));
    }
}
