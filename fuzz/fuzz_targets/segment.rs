//! A segment that somebody changed: its commits follow each other without a gap inside of the file, its header has one
//! form, and the footer that belongs behind them says exactly where they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal;
use runledger_fuzz::valid_log::{FIRST_SEGMENT, VALID};
use runledger_wal::Seq;
use runledger_wal::fuzzing::{find_footer, recode_header, walk_segment};

fuzz_target!(|damage: Damage| {
    let mut images = Images([(FIRST_SEGMENT.to_owned(), VALID.0[FIRST_SEGMENT].clone())].into());
    damage.apply(&mut images);
    if damage.reseal {
        reseal::log::reseal(&mut images);
    }
    let directory = images.write();
    let Some(bytes) = images.0.get(FIRST_SEGMENT) else { return };
    if let Some(block) = bytes.first_chunk()
        && let Some(again) = recode_header(block)
    {
        assert!(again == *block, "a header is encoded otherwise than it was");
    }
    let Some((commits, footer)) = walk_segment(directory.path(), Seq::ZERO) else { return };
    let (mut seq, mut end) = (Seq::ZERO, 4096);
    for commit in &commits {
        assert!(commit.first_seq == seq && commit.end_seq > seq && commit.offset >= end);
        assert_eq!(commit.end_seq.get() - commit.first_seq.get(), commit.records.len() as u64);
        assert!(commit.records.is_sorted() && commit.records[0] == commit.offset + 64);
        (seq, end) = (commit.end_seq, commit.end);
        assert!(end <= bytes.len() as u64, "a commit ends behind the file");
    }
    // The segment as sealing would leave it.
    let mut sealed = bytes[..usize::try_from(end).unwrap()].to_vec();
    sealed.extend_from_slice(&footer);
    let found = find_footer(&sealed).expect("a footer that was just made is sound");
    assert_eq!((found.offset(), found.bytes()), (end, footer.as_slice()));
    for (number, commit) in commits.iter().enumerate() {
        for (seq, at) in (commit.first_seq.get()..).zip(&commit.records) {
            assert_eq!(found.record_offset(seq), Some(*at));
            assert_eq!(found.commit_of(Seq::new(seq)), Some((commit.first_seq, commit.commit_time_ns)));
            let next = commits.get(number + 1).map(|next| next.first_seq);
            assert_eq!(found.commit_after(Seq::new(seq)), next);
        }
    }
    assert_eq!(found.record_offset(seq.get()), None);
});
