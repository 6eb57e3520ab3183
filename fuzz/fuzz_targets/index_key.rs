//! Keys and values of the index: what decodes has one form, and nothing else is read from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_audit::fuzzing::{Part, recode, recode_run};

fuzz_target!(|input: (u8, bool, Vec<u8>)| {
    let (choice, with_tag, mut bytes) = input;
    let choice = usize::from(choice) % (Part::ALL.len() + 1);
    let Some(part) = Part::ALL.get(choice).copied() else {
        // Figures of runs are an archive, which has many forms: one of ours comes back as it is.
        if let Some(ours) = recode_run(&bytes) {
            assert_eq!(recode_run(&ours), Some(ours.clone()));
        }
        return;
    };
    if let (true, Some(tag), Some(first)) = (with_tag, part.tag(), bytes.first_mut()) {
        *first = tag;
    }
    if let Some(encoded) = recode(part, &bytes) {
        // The first byte of a key says whose it is; who asked knows that already.
        let from = usize::from(part.tag().is_some());
        assert_eq!(encoded[from..], bytes[from..], "{part:?} has another form");
    }
});
