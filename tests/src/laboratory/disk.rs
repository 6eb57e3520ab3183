//! A disk in memory that behaves as badly as a real one may.
//!
//! Three images are kept apart, of the bytes of each file, of their lengths, and of the names in each directory: what
//! programs see (*live*), what the system still means to write (*cached*), and what is on the medium (*durable*). A
//! crash of the process keeps the first, a power cut only the third and any part of the second. [`medium`] holds them
//! and knows of no trait of ours; [`crash_point`] lists what a power cut can leave of them; [`simulated`] is the log's
//! view, with short calls and [`faults`].

pub mod crash_point;
pub mod faults;
mod file_image;
pub mod medium;
pub mod simulated;
