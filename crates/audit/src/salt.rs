//! Salts of events: without them an erased part could be guessed from its hash.

use std::cell::RefCell;

pub(crate) const SALT_BYTES: usize = 16;

/// Random bytes are asked of the system for so many salts at a time: a call costs more than encoding an event.
const SALTS_AT_A_TIME: usize = 64;

/// Salts of this thread that were not given out. (A process that forks takes them along; but no ledger survives a fork,
/// since its threads don't.)
struct Stock {
    bytes: [u8; SALT_BYTES * SALTS_AT_A_TIME],
    left: usize,
}

thread_local! {
    static STOCK: RefCell<Stock> = const {
        RefCell::new(Stock { bytes: [0; SALT_BYTES * SALTS_AT_A_TIME], left: 0 })
    };
}

/// Random bytes that nobody was given before.
///
/// # Panics
///
/// When the operating system has no random bytes to give: nothing could be stored safely then.
pub(crate) fn next() -> [u8; SALT_BYTES] {
    STOCK.with_borrow_mut(|stock| {
        if stock.left == 0 {
            getrandom::fill(&mut stock.bytes).expect("an operating system has random bytes");
            stock.left = SALTS_AT_A_TIME;
        }
        stock.left -= 1;
        let salts = stock.bytes.as_chunks_mut::<SALT_BYTES>().0;
        let salt = salts.get_mut(stock.left).expect("fewer are left than there are");
        // What was given out does not stay here.
        std::mem::take(salt)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_salt_is_given_out_twice_also_by_several_threads() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..300).map(|_| next()).collect::<Vec<_>>())).collect();
        let salts: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(salts.len(), 1200);
        assert!(!salts.contains(&[0; SALT_BYTES]));
    }
}
