//! Every file of a small log, cut at every length: what needs no byte of what is gone goes on, anything else refuses.

use crate::oracle::{Way, judge};
use crate::small_log::{Ending, Place, SmallLog};

/// Cuts the files whose name fits, and judges the log at each length.
fn cut_at_every_length(ending: Ending, of_files: impl Fn(&str) -> bool) {
    let log = SmallLog::make(ending, 8);
    let files = log.storage.files();
    for (name, places) in log.places().iter().filter(|(name, _)| of_files(name)) {
        for length in (0..files[name].len()).rev() {
            let what = format!("{ending:?}, {name}, cut at {length}");
            let storage = log.storage.copy();
            storage.put(name, &files[name][..length]);
            // Between two of these nothing of any use is lost.
            let way = if length % 2 == 0 { Way::Open } else { Way::Recover };
            let report = judge(&storage, &log.payloads, &[way], &what).unwrap();
            let lost = places[length..].iter().find_map(|place| match place {
                Place::Needed(records) => Some(records.start),
                _ => None,
            });
            match lost {
                Some(first) => {
                    let named = report.damaged.iter().find(|damage| damage.segment == *name);
                    let damage = named.unwrap_or_else(|| panic!("{what}: {report:?}"));
                    assert!(
                        damage.seq_from.get() <= first && first < damage.seq_to.get(),
                        "{what}: {damage:?}"
                    );
                }
                None if name == "watermark" && length < 4096 => assert!(!report.is_sound() || length >= 128),
                // A footer is written again, and all else is in no use.
                None => assert!(report.is_sound(), "{what}: {report:?}"),
            }
        }
    }
}

#[test]
fn a_sealed_segment_cut_at_any_length_is_damaged_or_lacks_a_footer() {
    cut_at_every_length(Ending::Closed, |name| name.starts_with("00000000000000000000"));
}

#[test]
fn a_growing_segment_cut_at_any_length_is_damaged_unless_only_unwritten_space_is_lost() {
    for ending in [Ending::Killed, Ending::Closed] {
        let is_later = |name: &str| name.len() == 24 && !name.starts_with("00000000000000000000");
        cut_at_every_length(ending, is_later);
    }
}

#[test]
fn a_watermark_spare_or_lock_cut_at_any_length_costs_no_record() {
    cut_at_every_length(Ending::Killed, |name| name.len() != 24);
}
