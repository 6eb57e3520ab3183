//! Base64 (RFC 4648, section 4: the usual alphabet, padded) for imported lines that are not UTF-8.
//!
//! Some forty lines here rather than a dependency: one alphabet, no streaming, and rare. INVARIANT: each byte string
//! has exactly one text; others that would decode to it are refused.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text is not what [`encode`] gives for any bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not base64 (A-Z, a-z, 0-9, + and /, padded with = to a multiple of 4)")]
pub(super) struct NotBase64;

/// The text of `bytes`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index| group.get(index).copied().unwrap_or(0);
        let (first, second, third) = (byte(0), byte(1), byte(2));
        text.push(letter(first >> 2));
        text.push(letter(first << 4 | second >> 4));
        text.push(if group.len() > 1 { letter(second << 2 | third >> 6) } else { '=' });
        text.push(if group.len() > 2 { letter(third) } else { '=' });
    }
    text
}

/// The bytes whose text this is.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, NotBase64> {
    let digits = text.trim_end_matches('=').as_bytes();
    let padded_length = digits.len().next_multiple_of(4);
    // One digit has 6 bits, which make no byte.
    if padded_length != text.len() || digits.len() % 4 == 1 {
        return Err(NotBase64);
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let bits = group.iter().try_fold(0_u32, |bits, &digit| Some(bits << 6 | u32::from(value(digit)?)));
        let bits = bits.ok_or(NotBase64)? << (6 * (4 - group.len()));
        let [_, decoded @ ..] = bits.to_be_bytes();
        let (kept, dropped) = decoded.split_at(group.len() - 1);
        if dropped.iter().any(|&byte| byte != 0) {
            return Err(NotBase64);
        }
        bytes.extend_from_slice(kept);
    }
    Ok(bytes)
}

/// The letter for the low 6 bits.
fn letter(bits: u8) -> char {
    ALPHABET.get(usize::from(bits & 63)).copied().map_or('=', char::from)
}

fn value(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        let examples = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in examples {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn text_that_nothing_encodes_to_is_refused() {
        for text in [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zm 9v", "Zm9v=", "Zg==Zg==", "Zm-_",
            "é===",
        ] {
            assert_eq!(decode(text), Err(NotBase64), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn what_decodes_is_what_encoding_gives(text in "[A-Da-d+/=]{0,12}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
