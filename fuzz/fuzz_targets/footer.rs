//! A footer that somebody changed: whatever it says behind right checksums, looking things up in it ends, and gives only
//! what stands in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal;
use runledger_fuzz::valid_log::{FIRST_SEGMENT, VALID};
use runledger_wal::Seq;
use runledger_wal::fuzzing::find_footer;

/// The footer alone behind the header: so every edit meets one of the two.
static SMALL: std::sync::LazyLock<(usize, usize)> = std::sync::LazyLock::new(|| {
    let bytes = &VALID.0[FIRST_SEGMENT];
    let footer = find_footer(bytes).expect("the log is sound");
    (usize::try_from(footer.offset()).expect("the segment is small"), bytes.len())
});

fuzz_target!(|input: (Damage, Vec<u64>)| {
    let (damage, seqs) = input;
    let (from, to) = *SMALL;
    let whole = &VALID.0[FIRST_SEGMENT];
    // Only the footer is edited; the name makes resealing leave it alone.
    let mut images = Images([("footer".to_owned(), whole[from..to].to_vec())].into());
    damage.apply(&mut images);
    let Some(footer) = images.0.get("footer") else { return };
    let mut segment = whole[..from].to_vec();
    segment.extend_from_slice(footer);
    if damage.reseal {
        let mut images = Images([(FIRST_SEGMENT.to_owned(), std::mem::take(&mut segment))].into());
        reseal::log::reseal(&mut images);
        segment = images.0.remove(FIRST_SEGMENT).expect("it was just put there");
    }
    let Some(found) = find_footer(&segment) else { return };
    assert!(found.offset() >= 4096 && found.offset() + found.bytes().len() as u64 == segment.len() as u64);
    assert_eq!(found.bytes(), &segment[usize::try_from(found.offset()).unwrap()..]);
    for seq in seqs.into_iter().chain(0..100).chain([u64::MAX, 1 << 63]) {
        let stands = |value: u64| found.bytes().windows(8).any(|field| field == value.to_le_bytes());
        assert!(found.record_offset(seq).is_none_or(stands), "an offset that doesn't stand there");
        let seq = Seq::new(seq);
        assert!(found.commit_of(seq).is_none_or(|(first_seq, _)| stands(first_seq.get())));
        assert!(found.commit_after(seq).is_none_or(|first_seq| stands(first_seq.get())));
    }
});
