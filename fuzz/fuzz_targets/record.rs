//! Bytes where a record may be: what decodes has one form, and is no longer than what there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_wal::fuzzing::recode_record;

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (reseal, mut bytes) = input;
    if reseal {
        runledger_fuzz::reseal::log::reseal_record(&mut bytes);
    }
    if let Some(again) = recode_record(&bytes) {
        assert_eq!(bytes.get(..again.len()), Some(again.as_slice()), "encoded otherwise than it was");
        assert_eq!(again.len() % 8, 0);
    }
});
