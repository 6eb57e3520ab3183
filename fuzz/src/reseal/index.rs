//! Right checksums over an edited index: its manifest, and its tables' pages and footers.

use std::ops::Range;
use std::path::Path;

use crate::images::Images;
use crate::reseal::put_crc;

/// A manifest's length field.
const MANIFEST_LENGTH: Range<usize> = 12..16;

/// From the end of a table: the footer's start, its nonce, the length of the content, and its CRC.
const FOOTER_BYTES: usize = 208;
const FOOTER_NONCE: Range<usize> = 8..16;
const FOOTER_CONTENT: Range<usize> = 176..184;
const FOOTER_CRC: usize = 196;

const PAGE_BYTES: usize = 4096;

/// Where the checksums of an index lie, learned from its undamaged files.
pub struct IndexSeals(Vec<TableSeals>);

struct TableSeals {
    name: String,
    /// How much of the file stands before the checksums of its pages.
    content_bytes: usize,
    /// As the undamaged manifest repeats it.
    footer_crc: [u8; 4],
}

impl IndexSeals {
    /// Finds where the content of every table ends.
    pub fn learn(images: &Images) -> Self {
        let tables = images
            .0
            .iter()
            .filter(|(name, _)| Path::new(name).extension().is_some_and(|ending| ending == "table"));
        let seals = tables.map(|(name, bytes)| {
            let footer = &bytes[bytes.len() - FOOTER_BYTES..];
            let content_bytes = u64::from_le_bytes(footer[FOOTER_CONTENT].try_into().unwrap());
            let content_bytes = usize::try_from(content_bytes).unwrap();
            let footer_crc = footer_crc_of(bytes).expect("a table has a footer");
            TableSeals { name: name.clone(), content_bytes, footer_crc }
        });
        Self(seals.collect())
    }

    /// Makes the checksums right again. Pages are sealed where they were: an edit that moves them breaks them.
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
    let mut crc_at = table.content_bytes;
    for start in (0..table.content_bytes).step_by(PAGE_BYTES) {
        let end = (start + PAGE_BYTES).min(table.content_bytes);
        if let Some(page) = bytes.get(start..end) {
            let crc = crc32c::crc32c_append(page_seed(nonce, start), page).to_le_bytes();
            if let Some(field) = bytes.get_mut(crc_at..crc_at + crc.len()) {
                field.copy_from_slice(&crc);
            }
        }
        crc_at += 4;
    }
    let footer = bytes.len() - FOOTER_BYTES;
    put_crc(bytes, footer, footer + FOOTER_CRC, 0);
}

fn page_seed(nonce: [u8; 8], offset: usize) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&nonce), &(offset as u64).to_le_bytes())
}

fn footer_crc_of(bytes: &[u8]) -> Option<[u8; 4]> {
    bytes.get(bytes.len().checked_sub(FOOTER_BYTES)? + FOOTER_CRC..)?.first_chunk().copied()
}

fn nonce_of(bytes: &[u8]) -> Option<[u8; 8]> {
    let footer = bytes.get(bytes.len().checked_sub(FOOTER_BYTES)?..)?;
    footer[FOOTER_NONCE].try_into().ok()
}
