use proptest::prelude::*;

use super::*;
use crate::{Body, RunStarted};

const SALT: [u8; 16] = [7; 16];

fn small_event() -> Event {
    Event::new(Body::RunStarted(RunStarted::default())).with_run("run-1")
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_the_same_event(event in arbitrary::event(), salt: [u8; 16]) {
        let payload = encode(&event, salt).unwrap();
        prop_assert_eq!(decode(&payload).unwrap(), event);
    }

    #[test]
    fn the_same_event_and_salt_give_the_same_bytes(event in arbitrary::event()) {
        prop_assert_eq!(encode(&event, SALT).unwrap(), encode(&event.clone(), SALT).unwrap());
    }
}
