//! What the leaf promises: it is as defined, binds every bit, and can be checked with a part withheld.

use std::collections::HashSet;

use super::*;
use crate::codec::golden;
use crate::codec::tests::encode;

const SALT: [u8; 16] = [7; 16];

/// The definition, spelled out over raw bytes.
fn leaf_by_the_page(payload: &[u8]) -> [u8; 32] {
    let length_0 = u32::from_le_bytes(payload[8..12].try_into().unwrap()) as usize;
    let length_1 = u32::from_le_bytes(payload[12..16].try_into().unwrap()) as usize;
    let parts = [&payload[32..32 + length_0], &payload[payload.len() - length_1..]];
    let mut input = vec![1, 0, 0, 0];
    input.extend_from_slice(&payload[..16]);
    for (number, part) in (0_u8..).zip(parts) {
        let mut key_material = payload[16..32].to_vec();
        key_material.push(number);
        let key = blake3::derive_key("Runledger 2026 part key v1", &key_material);
        input.extend_from_slice(blake3::keyed_hash(&key, part).as_bytes());
    }
    blake3::derive_key("Runledger 2026 event leaf v1", &input)
}

#[test]
fn the_leaf_is_what_the_format_page_defines() {
    for (name, event) in golden::events() {
        let payload = encode(&event, SALT).unwrap();
        assert_eq!(EventLeaf.leaf(&payload).to_bytes(), leaf_by_the_page(&payload), "{name}");
    }
}

#[test]
fn every_bit_of_a_payload_is_bound() {
    for (name, event) in golden::events() {
        let payload = encode(&event, SALT).unwrap();
        let mut leaves = HashSet::from([EventLeaf.leaf(&payload).to_bytes()]);
        for at in 0..payload.len() {
            for bit in 0..8 {
                let mut flipped = payload.clone();
                flipped[at] ^= 1 << bit;
                assert!(leaves.insert(EventLeaf.leaf(&flipped).to_bytes()), "{name}: bit {bit} of byte {at}");
            }
        }
        for length in 0..payload.len() {
            assert!(leaves.insert(EventLeaf.leaf(&payload[..length]).to_bytes()), "{name} cut to {length}");
        }
    }
}

#[test]
fn who_is_shown_one_part_can_compute_the_leaf_without_the_other() {
    for (_, event) in golden::events() {
        let payload = encode(&event, SALT).unwrap();
        let parts = Parts::of(&payload).unwrap();
        let withheld = part_hash(&part_key(&SALT, 1), parts.part_1);
        // Shown: the plain header, the key of part 0, part 0, and the hash of part 1. Not the salt.
        let shown = part_hash(&part_key(&SALT, 0), parts.part_0);
        assert_eq!(leaf_from_part_hashes(parts.plain, &shown, &withheld), EventLeaf.leaf(&payload));
        let forged = part_hash(&part_key(&SALT, 0), b"another envelope");
        assert_ne!(leaf_from_part_hashes(parts.plain, &forged, &withheld), EventLeaf.leaf(&payload));
    }
}

#[test]
fn equal_parts_hash_differently_in_either_place_and_under_another_salt() {
    let hash = |salt: &[u8; 16], number| part_hash(&part_key(salt, number), b"the same");
    assert_ne!(hash(&SALT, 0), hash(&SALT, 1));
    assert_ne!(hash(&SALT, 1), hash(&[8; 16], 1));
}
