use proptest::prelude::*;

use super::*;
use crate::codec::arbitrary;

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_event(event in arbitrary::event(), seq: Option<u64>) {
        let json = event.to_json(seq.map(Seq::new));
        prop_assert!(!json.contains('\n'));
        prop_assert_eq!(Event::from_json(&json).unwrap(), event);
    }
}
