//! Bytes where a commit's frame may be: what decodes has one form, names records that its length can hold, and belongs to
//! this offset of this segment alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_wal::fuzzing::recode_frame;

fuzz_target!(|input: (bool, [u8; 16], u64, [[u8; 32]; 2])| {
    let (reseal, nonce, offset, halves) = input;
    let mut block: [u8; 64] = halves.concat().try_into().expect("two halves are a frame");
    if reseal {
        runledger_fuzz::reseal::log::reseal_frame(&mut block, nonce, offset);
    }
    let Some(found) = recode_frame(&block, &nonce, offset) else { return };
    assert_eq!(found.encoded, block, "encoded otherwise than it was");
    assert!(found.records >= 1 && found.records_bytes >= 40 * found.records);
    assert!(found.end_seq.get() >= found.records && found.end_seq.get() < 1 << 63);
    assert!(recode_frame(&block, &nonce, offset ^ 8).is_none(), "a frame of another offset was believed");
    let mut other = nonce;
    other[7] ^= 1;
    assert!(recode_frame(&block, &other, offset).is_none(), "a frame of another segment was believed");
});
