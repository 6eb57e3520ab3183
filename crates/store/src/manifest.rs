//! Which tables make up the index, and the checkpoint that they are built through.
//!
//! Invariant: the manifest is replaced whole, by rename, after every table that it names is durable; a file is removed
//! only after a manifest that no longer names it is durable. So whatever a crash leaves behind, the manifest names only
//! complete tables, and they and the checkpoint belong together.
//!
//! Format: FORMAT.md#index-manifest

use std::collections::HashSet;
use std::io::{self, Write as _};

use crate::checksum;
use crate::directory::Directory;
use crate::error::{Damage, OpenError, WriteError};
use crate::planted::{Bug, planted};
use crate::table::TableMeta;

pub(crate) const MANIFEST_NAME: &str = "manifest";
/// The next manifest while it is written.
pub(crate) const MANIFEST_DRAFT_NAME: &str = "manifest.tmp";
/// A longer manifest is not ours.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;
/// The longest checkpoint.
pub const CHECKPOINT_BYTES_MAX: usize = 256;

const MANIFEST_FORMAT_VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"RLMANIFS";
/// Magic, version, length: fixed for ever, as is the CRC in the last four bytes.
const FIXED_BYTES: usize = 16;
const CRC_BYTES: usize = 4;
/// Stands where the length of a checkpoint would be.
const NO_CHECKPOINT: u32 = u32::MAX;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Manifest {
    /// +1 each time it is replaced.
    pub(crate) update_number: u64,
    /// No table that was ever published has this id or a higher one.
    pub(crate) next_table_id: u64,
    pub(crate) checkpoint: Option<Vec<u8>>,
    /// From the oldest to the newest entries.
    pub(crate) tables: Vec<TableMeta>,
}

impl Manifest {
    /// Reads the manifest in `directory`. `None`: there is no such file.
    pub(crate) fn read(directory: &dyn Directory) -> Result<Option<Self>, OpenError> {
        match directory.read(MANIFEST_NAME, MANIFEST_BYTES_MAX) {
            Ok(bytes) => Self::decode(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let expected = format!("at most {MANIFEST_BYTES_MAX}");
                Err(Damage::new(MANIFEST_NAME, 0, "file length", expected, "more").into())
            }
            Err(source) => {
                Err(OpenError::Io { operation: "read", path: directory.path().join(MANIFEST_NAME), source })
            }
        }
    }

    /// Puts this manifest in the place of the one before.
    ///
    /// # Durability
    ///
    /// The manifest, and the names of all files made before, are durable when this returns `Ok`. On an error either
    /// manifest may be found at the next open, so the files of both must be kept.
    pub(crate) fn publish(&self, directory: &dyn Directory) -> Result<(), WriteError> {
        let failed = |operation, name: &str| {
            let path = directory.path().join(name);
            move |source| WriteError::Io { operation, path, source }
        };
        // CRASH: tables that no manifest names, removed at the next open.
        if !planted(Bug::SkipTableDirectorySync) {
            directory.sync().map_err(failed("sync", ""))?;
        }
        let mut file =
            directory.create(MANIFEST_DRAFT_NAME).map_err(failed("create", MANIFEST_DRAFT_NAME))?;
        file.write_all(&self.encode()).map_err(failed("write", MANIFEST_DRAFT_NAME))?;
        if !planted(Bug::SkipManifestSync) {
            file.sync().map_err(failed("sync", MANIFEST_DRAFT_NAME))?;
        }
        drop(file);
        // CRASH: the old manifest still counts.
        directory.rename(MANIFEST_DRAFT_NAME, MANIFEST_NAME).map_err(failed("replace", MANIFEST_NAME))?;
        if planted(Bug::SkipManifestDirectorySync) {
            return Ok(());
        }
        // CRASH: one of the two counts; the files of both are there.
        directory.sync().map_err(failed("sync", ""))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let put_u32 = |out: &mut Vec<u8>, length: usize| {
            let length =
                u32::try_from(length).expect("checkpoints, keys and the number of tables are limited");
            out.extend_from_slice(&length.to_le_bytes());
        };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&MANIFEST_FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.update_number.to_le_bytes());
        out.extend_from_slice(&self.next_table_id.to_le_bytes());
        match &self.checkpoint {
            Some(checkpoint) => put_u32(&mut out, checkpoint.len()),
            None => out.extend_from_slice(&NO_CHECKPOINT.to_le_bytes()),
        }
        put_u32(&mut out, self.tables.len());
        out.extend_from_slice(self.checkpoint.as_deref().unwrap_or_default());
        for table in &self.tables {
            for field in [table.id, table.bytes, table.entries] {
                out.extend_from_slice(&field.to_le_bytes());
            }
            out.extend_from_slice(&table.footer_crc.to_le_bytes());
            put_u32(&mut out, table.smallest_key.len());
            put_u32(&mut out, table.largest_key.len());
            out.extend_from_slice(&table.smallest_key);
            out.extend_from_slice(&table.largest_key);
        }
        let mut length = Vec::with_capacity(4);
        put_u32(&mut length, out.len() + CRC_BYTES);
        if let Some(place) = out.get_mut(12..16) {
            place.copy_from_slice(&length);
        }
        let crc = checksum::plain(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        let body = check(bytes)?;
        let mut fields = Fields { bytes: body, at: FIXED_BYTES };
        let (update_number, next_table_id) = (fields.u64()?, fields.u64()?);
        let checkpoint_bytes = fields.u32()?;
        let table_count = fields.u32()?;
        let checkpoint = match checkpoint_bytes {
            NO_CHECKPOINT => None,
            length if length as usize <= CHECKPOINT_BYTES_MAX => Some(fields.take(length as usize)?.to_vec()),
            length => return Err(fields.damage("checkpoint length", "at most 256", length)),
        };
        // The number of tables is not trusted for an allocation: each of them must be found.
        let mut tables = Vec::new();
        let mut ids = HashSet::new();
        for _ in 0..table_count {
            let table = fields.table()?;
            if table.id >= next_table_id || !ids.insert(table.id) {
                return Err(fields.damage(
                    "table id",
                    format_args!("a new one below {next_table_id}"),
                    table.id,
                ));
            }
            tables.push(table);
        }
        if fields.at != body.len() {
            return Err(fields.damage("manifest length", fields.at, body.len()));
        }
        Ok(Self { update_number, next_table_id, checkpoint, tables })
    }
}

/// Checks what is fixed for ever. Returns what the checksum covers.
fn check(bytes: &[u8]) -> Result<&[u8], OpenError> {
    let damage = |offset, problem, expected: String, found: String| {
        OpenError::from(Damage::new(MANIFEST_NAME, offset, problem, expected, found))
    };
    let (Some(fixed), Some((body, crc))) =
        (bytes.first_chunk::<FIXED_BYTES>(), bytes.split_last_chunk::<CRC_BYTES>())
    else {
        return Err(damage(0, "file length", format!("at least {FIXED_BYTES}"), bytes.len().to_string()));
    };
    let mut fields = Fields { bytes: fixed, at: 0 };
    let magic = fields.take(MAGIC.len())?;
    if magic != MAGIC {
        return Err(damage(0, "magic", MAGIC.escape_ascii().to_string(), magic.escape_ascii().to_string()));
    }
    let (version, length) = (fields.u32()?, fields.u32()?);
    if length as usize != bytes.len() {
        return Err(damage(12, "file length", length.to_string(), bytes.len().to_string()));
    }
    let (expected, found) = (u32::from_le_bytes(*crc), checksum::plain(body));
    if expected != found {
        return Err(
            Damage::checksum(MANIFEST_NAME, body.len() as u64, "manifest checksum", expected, found).into()
        );
    }
    if version > MANIFEST_FORMAT_VERSION {
        let supported = MANIFEST_FORMAT_VERSION;
        return Err(OpenError::UnsupportedVersion {
            file: MANIFEST_NAME.to_owned(),
            found: version,
            supported,
        });
    }
    if version != MANIFEST_FORMAT_VERSION {
        return Err(damage(8, "format version", MANIFEST_FORMAT_VERSION.to_string(), version.to_string()));
    }
    Ok(body)
}

/// Takes one field after the other, each within bounds.
struct Fields<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Fields<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], OpenError> {
        let end = self.at.checked_add(length);
        let Some(field) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            let left = self.bytes.len().saturating_sub(self.at);
            return Err(self.damage("field length", format_args!("at most {left}"), length));
        };
        self.at += length;
        Ok(field)
    }

    fn u32(&mut self) -> Result<u32, OpenError> {
        Ok(self.take(4)?.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn u64(&mut self) -> Result<u64, OpenError> {
        Ok(self.take(8)?.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    fn table(&mut self) -> Result<TableMeta, OpenError> {
        let (id, bytes, entries) = (self.u64()?, self.u64()?, self.u64()?);
        let footer_crc = self.u32()?;
        let (smallest, largest) = (self.u32()? as usize, self.u32()? as usize);
        let (smallest_key, largest_key) = (self.take(smallest)?.to_vec(), self.take(largest)?.to_vec());
        if smallest_key > largest_key {
            return Err(self.damage("key bounds", "ascending keys", "descending ones"));
        }
        Ok(TableMeta { id, bytes, entries, footer_crc, smallest_key, largest_key })
    }

    fn damage(&self, problem: &'static str, expected: impl ToString, found: impl ToString) -> OpenError {
        Damage::new(MANIFEST_NAME, self.at as u64, problem, expected, found).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn manifests() -> impl Strategy<Value = Manifest> {
        let key = || vec(any::<u8>(), 0..20);
        let table = (any::<u64>(), any::<u64>(), any::<u32>(), key(), key());
        (any::<u64>(), proptest::option::of(vec(any::<u8>(), 0..=256)), vec(table, 0..8)).prop_map(
            |(update_number, checkpoint, tables)| {
                let tables: Vec<_> = (0..)
                    .zip(tables)
                    .map(|(id, (bytes, entries, footer_crc, a, b))| TableMeta {
                        id,
                        bytes,
                        entries,
                        footer_crc,
                        smallest_key: a.clone().min(b.clone()),
                        largest_key: a.max(b),
                    })
                    .collect();
                Manifest { update_number, next_table_id: tables.len() as u64, checkpoint, tables }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(manifest in manifests()) {
            prop_assert_eq!(Manifest::decode(&manifest.encode()).unwrap(), manifest);
        }

        #[test]
        fn hostile_fields_behind_a_right_checksum_are_refused_without_panic(
            manifest in manifests(), at in 16usize..200, value: u32
        ) {
            let mut bytes = manifest.encode();
            let end = bytes.len() - CRC_BYTES;
            if at + 4 <= end {
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
                let crc = checksum::plain(&bytes[..end]);
                bytes[end..].copy_from_slice(&crc.to_le_bytes());
            }
            match Manifest::decode(&bytes) {
                Ok(decoded) => prop_assert_eq!(decoded.encode(), bytes),
                Err(error) => prop_assert!(error.is_rebuildable()),
            }
        }

        #[test]
        fn every_flipped_bit_and_every_truncation_is_noticed(manifest in manifests(), bit: prop::sample::Index) {
            let bytes = manifest.encode();
            let bit = bit.index(bytes.len() * 8);
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Manifest::decode(&flipped).unwrap_err().is_rebuildable());
            prop_assert!(Manifest::decode(&bytes[..bit / 8]).unwrap_err().is_rebuildable());
        }
    }

    #[test]
    fn a_newer_version_is_believed_only_with_its_checksum() {
        let mut bytes = Manifest::default().encode();
        bytes[8] = 9;
        assert!(matches!(Manifest::decode(&bytes), Err(OpenError::Damaged(_))));
        let end = bytes.len() - CRC_BYTES;
        let crc = checksum::plain(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(Manifest::decode(&bytes), Err(OpenError::UnsupportedVersion { found: 9, .. })));
    }
}
