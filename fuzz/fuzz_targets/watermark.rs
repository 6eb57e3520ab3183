//! Bytes where a watermark may be: what decodes has one form, the newer of two sound slots counts, and a slot that isn't
//! sound raises doubt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_fuzz::edit::Damage;
use runledger_fuzz::images::Images;
use runledger_fuzz::reseal;
use runledger_fuzz::valid_log::VALID;
use runledger_wal::fuzzing::{newest_slot, recode_slot};

fuzz_target!(|damage: Damage| {
    let mut images = Images([("watermark".to_owned(), VALID.0["watermark"].clone())].into());
    damage.apply(&mut images);
    if damage.reseal {
        reseal::log::reseal(&mut images);
    }
    let Some(bytes) = images.0.get("watermark") else { return };
    let slots = [0, 4096].map(|at| bytes.get(at..).and_then(<[u8]>::first_chunk::<128>));
    for block in slots.into_iter().flatten() {
        if let Some(again) = recode_slot(block) {
            assert_eq!(again, *block, "encoded otherwise than it was");
        }
    }
    let sound = slots.map(|block| block.and_then(recode_slot));
    let update = |slot: &[u8; 128]| u64::from_le_bytes(*slot[32..].first_chunk().expect("a slot is longer"));
    // A slot in the other's place is sound by itself, and isn't believed there.
    let placed = |at: u64| sound[usize::from(at == 1)].filter(|slot| update(slot) % 2 == at);
    let expected = [placed(0), placed(1)].into_iter().flatten().max_by_key(update);
    match newest_slot(bytes) {
        Some((newest, other_broken)) => {
            assert_eq!(Some(newest), expected);
            assert!(other_broken || placed(0).is_some() && placed(1).is_some() || update(&newest) == 1);
        }
        None => assert!(expected.is_none() || sound.contains(&None), "a sound watermark was not believed"),
    }
});
