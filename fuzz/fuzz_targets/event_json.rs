//! A line of event JSON: refused with an error, or understood, and then what is printed means the same when it is fed
//! back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runledger_audit::Event;

fuzz_target!(|line: &str| {
    let Ok(event) = Event::from_json(line) else { return };
    let printed = event.to_json(None);
    match Event::from_json(&printed) {
        Ok(again) => assert_eq!(again.to_json(None), printed),
        Err(error) => panic!("{printed} was printed and is refused: {error}"),
    }
});
