//! The names of the files in a log's directory.
//!
//! A name is ours only if it is exactly what we would write: `7.wal` and `00000000000000000007.WAL` are not.

use std::ffi::OsStr;

use crate::seq::Seq;

/// The next segment, made ready.
pub(crate) const SPARE_NAME: &str = "spare.wal";

/// How far the log is durable.
pub(crate) const WATERMARK_NAME: &str = "watermark";

/// A watermark that is being made; renamed to [`WATERMARK_NAME`] once it is whole.
pub(crate) const WATERMARK_NEW_NAME: &str = "watermark.new";

/// Held by the one writer.
pub(crate) const LOCK_NAME: &str = "lock";

const SEGMENT_SUFFIX: &str = ".wal";
const TORN_SUFFIX: &str = ".torn";

/// Ends the name of a compressed segment that is being made; renamed to the segment's once it is whole.
const NEW_SUFFIX: &str = ".new";

/// Enough digits for any `u64`, so that names sort as numbers do.
const SEGMENT_DIGITS: usize = 20;

/// The length of a segment's name.
pub(crate) const SEGMENT_NAME_BYTES: usize = SEGMENT_DIGITS + SEGMENT_SUFFIX.len();

/// What a file in the log's directory is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// The segment that starts with this record.
    Segment(Seq),
    Spare,
    Watermark,
    WatermarkNew,
    /// A compressed segment that is being made.
    SegmentNew,
    Lock,
    /// Bytes that recovery cut and kept.
    Torn,
    /// Named nearly like a segment.
    NearSegment,
    /// Nothing of ours.
    Other,
}

/// The name of the segment that starts with this record.
pub(crate) fn segment_name(first_seq: Seq) -> String {
    format!("{:020}{SEGMENT_SUFFIX}", first_seq.get())
}

/// The name of a compressed segment that is being made.
pub(crate) fn segment_new_name(first_seq: Seq) -> String {
    format!("{}{NEW_SUFFIX}", segment_name(first_seq))
}

/// The name under which bytes are kept that were cut off a segment at this offset. `attempt` tells those apart that
/// were cut at the same place by several recoveries.
pub(crate) fn torn_name(segment: &str, offset: u64, attempt: u32) -> String {
    match attempt {
        0 => format!("{segment}.{offset}{TORN_SUFFIX}"),
        attempt => format!("{segment}.{offset}.{attempt}{TORN_SUFFIX}"),
    }
}

/// What a file of this name is.
pub(crate) fn file_kind(name: &OsStr) -> FileKind {
    let Some(name) = name.to_str() else { return FileKind::Other };
    match name {
        SPARE_NAME => FileKind::Spare,
        WATERMARK_NAME => FileKind::Watermark,
        WATERMARK_NEW_NAME => FileKind::WatermarkNew,
        LOCK_NAME => FileKind::Lock,
        _ if name.ends_with(TORN_SUFFIX) => FileKind::Torn,
        _ => match name.strip_suffix(NEW_SUFFIX).map(segment_kind) {
            Some(FileKind::Segment(_)) => FileKind::SegmentNew,
            _ => segment_kind(name),
        },
    }
}

fn segment_kind(name: &str) -> FileKind {
    let Some(digits) = name.strip_suffix(SEGMENT_SUFFIX) else { return FileKind::Other };
    if digits.len() != SEGMENT_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return FileKind::NearSegment;
    }
    // Twenty digits can still be more than a `Seq` may be.
    let number = digits.parse().ok().filter(|number| *number <= Seq::MAX.get());
    number.map_or(FileKind::NearSegment, |number| FileKind::Segment(Seq::new(number)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_segment_name_gives_its_seq_back(number in 0..=Seq::MAX.get()) {
            let name = segment_name(Seq::new(number));
            prop_assert_eq!(file_kind(OsStr::new(&name)), FileKind::Segment(Seq::new(number)));
        }
    }

    #[test]
    fn only_exact_names_are_ours() {
        for near in [
            "7.wal",
            "0000000000000000007.wal",
            "99999999999999999999.wal",
            "09223372036854775808.wal",
            "+0000000000000000007.wal",
        ] {
            assert_eq!(file_kind(OsStr::new(near)), FileKind::NearSegment, "{near}");
        }
        for other in ["00000000000000000007.WAL", "00000000000000000007.wal~", "Lock", ""] {
            assert_eq!(file_kind(OsStr::new(other)), FileKind::Other, "{other}");
        }
        assert_eq!(file_kind(OsStr::new("00000000000000000007.wal.4096.torn")), FileKind::Torn);
        let new = segment_new_name(Seq::new(7));
        assert_eq!(file_kind(OsStr::new(&new)), FileKind::SegmentNew);
        assert_eq!(file_kind(OsStr::new("7.wal.new")), FileKind::Other);
    }
}
