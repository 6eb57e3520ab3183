//! Group commit: how records of many callers become durable together.
//!
//! Callers hash and checksum on their own thread, then place their bytes in the commit that is being filled, under a
//! short lock ([`queue`]). One of them leads: it takes the filled commit and writes and syncs it ([`tail`](crate::tail)),
//! while the others fill the next one and wait, each parked by itself ([`outcome`]). When the leader is done it hands
//! the lead to a caller of the next commit ([`leader`]). A lone caller leads its own commit without any hand-off. A
//! background thread ([`flusher`]) leads for those who don't wait, and for tasks of an async runtime.

pub(crate) mod batch;
pub(crate) mod flusher;
pub(crate) mod leader;
pub(crate) mod outcome;
pub(crate) mod queue;
#[cfg(feature = "tokio")]
pub(crate) mod task;
pub(crate) mod ticket;

#[cfg(test)]
mod tests;
