//! Tag 22: the runs that a run started, by the parent's id. The value is empty.

use super::{MalformedKey, Tag, push_text};

pub(crate) fn key(parent: &str, child: &str) -> Vec<u8> {
    let mut key = prefix(parent);
    key.extend_from_slice(child.as_bytes());
    key
}

/// What the keys of all children of `parent` start with.
pub(crate) fn prefix(parent: &str) -> Vec<u8> {
    let mut key = vec![Tag::RunChild.byte()];
    push_text(&mut key, parent);
    key
}

pub(crate) fn decode_child<'a>(parent_prefix: &[u8], key: &'a [u8]) -> Result<&'a str, MalformedKey> {
    let malformed = MalformedKey::new("child run");
    let child = key.strip_prefix(parent_prefix).ok_or(malformed)?;
    std::str::from_utf8(child).map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_under_its_parent_only() {
        assert_eq!(decode_child(&prefix("p"), &key("p", "c")), Ok("c"));
        assert!(decode_child(&prefix("p"), &key("pp", "c")).is_err());
    }
}
