//! Right checksums over an edited index: its manifest, and its tables' blocks, positions and footers.

use std::ops::Range;
use std::path::Path;

use crate::images::Images;
use crate::reseal::put_crc;

/// A manifest's length field.
const MANIFEST_LENGTH: Range<usize> = 12..16;

/// From the end of a table: the footer's start, its nonce, and its CRC.
const FOOTER_BYTES: usize = 136;
const FOOTER_NONCE: Range<usize> = 8..16;
const FOOTER_POSITIONS: Range<usize> = 104..112;
const FOOTER_CRC: usize = 124;

/// The directory of positions: an entry for so many of them, its length, and in it the group's place and CRC.
const GROUP_POSITIONS: usize = 128;
const ENTRY_BYTES: usize = 32;
const ENTRY_PLACE: Range<usize> = 16..24;
const ENTRY_GROUP_CRC: usize = 24;
const ENTRY_CRC: usize = 28;

/// The shortest block: a restart point and the trailer.
const BLOCK_BYTES_MIN: usize = 13;

/// Where the checksums of an index lie, learned from its undamaged files.
pub struct IndexSeals(Vec<TableSeals>);

struct TableSeals {
    name: String,
    blocks: Vec<Range<usize>>,
    /// Entries in the directory of positions.
    groups: usize,
    /// As the undamaged manifest repeats it.
    footer_crc: [u8; 4],
}

impl IndexSeals {
    /// Finds the blocks of every table: a block ends where a CRC of what came before stands.
    pub fn learn(images: &Images) -> Self {
        let tables = images
            .0
            .iter()
            .filter(|(name, _)| Path::new(name).extension().is_some_and(|ending| ending == "table"));
        let seals = tables.map(|(name, bytes)| {
            let blocks = blocks_of(bytes);
            assert!(!blocks.is_empty(), "{name} has no blocks: is the layout still this one?");
            let footer_crc = footer_crc_of(bytes).expect("a table has a footer");
            TableSeals { name: name.clone(), blocks, groups: groups_of(bytes), footer_crc }
        });
        Self(seals.collect())
    }

    /// Makes the checksums right again. Blocks are sealed where they were: an edit that moves them breaks them.
    pub fn reseal(&self, images: &mut Images) {
        let mut footer_crcs = Vec::new();
        for table in &self.0 {
            if let Some(bytes) = images.0.get_mut(&table.name) {
                reseal_table(bytes, table);
                footer_crcs.extend(footer_crc_of(bytes).map(|new| (table.footer_crc, new)));
            }
        }
        if let Some(manifest) = images.0.get_mut("manifest") {
            reseal_manifest(manifest, &footer_crcs);
        }
    }
}

/// The manifest repeats each table's footer CRC: the new one is put in the old one's place, wherever that is.
fn reseal_manifest(bytes: &mut [u8], footer_crcs: &[([u8; 4], [u8; 4])]) {
    for (old, new) in footer_crcs {
        if let Some(at) = bytes.windows(4).position(|window| window == old) {
            bytes[at..at + 4].copy_from_slice(new);
        }
    }
    let Ok(length) = u32::try_from(bytes.len()) else { return };
    if let Some(field) = bytes.get_mut(MANIFEST_LENGTH) {
        field.copy_from_slice(&length.to_le_bytes());
        put_crc(bytes, 0, bytes.len() - 4, 0);
    }
}

fn reseal_table(bytes: &mut [u8], table: &TableSeals) {
    let Some(nonce) = nonce_of(bytes) else { return };
    for block in &table.blocks {
        put_crc(bytes, block.start, block.end - 4, block_seed(nonce, block.start));
    }
    let footer = bytes.len() - FOOTER_BYTES;
    let directory = footer.saturating_sub(table.groups * ENTRY_BYTES);
    for entry in (directory..footer).step_by(ENTRY_BYTES) {
        reseal_group(bytes, nonce, entry);
    }
    put_crc(bytes, footer, footer + FOOTER_CRC, 0);
}

/// The group that the entry says, wherever that is now, and the entry.
fn reseal_group(bytes: &mut [u8], nonce: [u8; 8], entry: usize) {
    let Some(place) = bytes.get(entry..entry + ENTRY_BYTES).map(|entry| &entry[ENTRY_PLACE]) else { return };
    let place = u64::from_le_bytes(place.try_into().unwrap());
    let (offset, length) = (place & ((1 << 48) - 1), place >> 48);
    let (start, end) = (usize::try_from(offset).unwrap(), usize::try_from(offset + length).unwrap());
    if let Some(group) = bytes.get(start..end) {
        let crc = crc32c::crc32c_append(block_seed(nonce, start), group);
        bytes[entry + ENTRY_GROUP_CRC..entry + ENTRY_CRC].copy_from_slice(&crc.to_le_bytes());
    }
    put_crc(bytes, entry, entry + ENTRY_CRC, block_seed(nonce, entry));
}

fn groups_of(bytes: &[u8]) -> usize {
    let footer = &bytes[bytes.len() - FOOTER_BYTES..];
    let positions = u64::from_le_bytes(footer[FOOTER_POSITIONS].try_into().unwrap());
    usize::try_from(positions).unwrap().div_ceil(GROUP_POSITIONS)
}

/// Block after block from the file's start. Lines of the filter are checked in the same way, and count as blocks.
fn blocks_of(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (Some(nonce), mut start) = (nonce_of(bytes), 0) else { return blocks };
    while let Some(end) = block_end(bytes, nonce, start) {
        blocks.push(start..end);
        start = end;
    }
    blocks
}

fn block_end(bytes: &[u8], nonce: [u8; 8], start: usize) -> Option<usize> {
    let seed = block_seed(nonce, start);
    (start + BLOCK_BYTES_MIN..=bytes.len()).find(|&end| {
        let crc = crc32c::crc32c_append(seed, &bytes[start..end - 4]);
        bytes[end - 4..end] == crc.to_le_bytes()
    })
}

fn block_seed(nonce: [u8; 8], offset: usize) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&nonce), &(offset as u64).to_le_bytes())
}

fn footer_crc_of(bytes: &[u8]) -> Option<[u8; 4]> {
    bytes.get(bytes.len().checked_sub(FOOTER_BYTES)? + FOOTER_CRC..)?.first_chunk().copied()
}

fn nonce_of(bytes: &[u8]) -> Option<[u8; 8]> {
    let footer = bytes.get(bytes.len().checked_sub(FOOTER_BYTES)?..)?;
    footer[FOOTER_NONCE].try_into().ok()
}
