//! Tag 21: the runs in the order of their start. The value is empty.

use super::{MalformedKey, Tag, time_bytes, time_from_bytes};
use crate::Timestamp;

pub(crate) fn key(started_at: Timestamp, run_id: &str) -> Vec<u8> {
    [&[Tag::RunStart.byte()], &time_bytes(started_at)[..], run_id.as_bytes()].concat()
}

/// The smallest key of a run that started at `time` or later.
pub(crate) fn bound(time: Timestamp) -> Vec<u8> {
    key(time, "")
}

pub(crate) fn decode(key: &[u8]) -> Result<(Timestamp, &str), MalformedKey> {
    let malformed = MalformedKey::new("run start");
    let (time, run_id) = key.get(1..).and_then(<[u8]>::split_first_chunk).ok_or(malformed)?;
    Ok((time_from_bytes(*time), std::str::from_utf8(run_id).map_err(|_| malformed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_sort_by_time() {
        let time = Timestamp::from_nanoseconds;
        assert_eq!(decode(&key(time(-5), "a")), Ok((time(-5), "a")));
        assert!(key(time(-5), "z") < bound(time(0)) && bound(time(0)) < key(time(0), "a"));
        assert!(decode(&[0x21, 0]).is_err());
    }
}
