//! The laboratory: a simulated disk, an oracle that knows what a log has promised, and explorers of what crashes and
//! failing calls leave of it.
//!
//! One life of a log, from workload to verdict: [`workload`] says what is done, [`life`] does it on a [`disk`] and
//! writes down every operation on the disk and, in a [`history`], every word of the log. [`explorer`] then ends the
//! life at each of these operations, by a kill and by power cuts that leave any part of what wasn't synced, and has
//! each resulting state [`examine`]d: verified, read, recovered, used, and lost again. [`shrink`] makes what it finds
//! small enough to be understood.
//!
//! Where lives come from: a [`campaign`] draws them at random; [`exhaustive`] makes all short ones and looks at all that
//! they can leave; a [`sweep`] fails each of their calls in turn; [`decay`] flips what they left on the medium.
//!
//! Everything follows from a seed. Nothing here is compiled into the product.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::missing_panics_doc,
    reason = "a laboratory states its expectations by indexing; a failure there is its own report"
)]

pub mod campaign;
pub mod choice;
pub mod decay;
pub mod disk;
pub mod examine;
pub mod exhaustive;
pub mod explorer;
pub mod history;
pub mod life;
pub mod shrink;
#[cfg(feature = "planted-bugs")]
pub mod suspects;
pub mod sweep;
pub mod workload;
