//! Opening an index, and deleting one.
//!
//! Invariant: opening for reading writes nothing. Opening for writing removes only files whose names are of our own
//! pattern and that the manifest does not name. Nothing is ever repaired here: what is damaged is reported.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::directory::{Directory, DirectoryLock, DiskDirectory};
use crate::error::{Damage, OpenError};
use crate::manifest::{MANIFEST_DRAFT_NAME, MANIFEST_NAME, Manifest};
use crate::table::{Table, id_in_name};

/// A reader in another process that finds a table gone tries again with the manifest that replaced it.
const OPEN_ATTEMPTS_MAX: usize = 16;

/// What was found at open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) lock: DirectoryLock,
    pub(crate) manifest: Manifest,
    /// Those that the manifest names, in its order.
    pub(crate) tables: Vec<Arc<Table>>,
}

/// Opens for writing.
pub(crate) fn open_for_writing(directory: &dyn Directory, create: bool) -> Result<Opened, OpenError> {
    let lock = directory.lock().map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::InUse { path: directory.path().to_owned() },
        io::ErrorKind::NotFound => OpenError::Missing { path: directory.path().to_owned() },
        _ => failed(directory, "lock", source),
    })?;
    let names = directory.names().map_err(|source| failed(directory, "list", source))?;
    let mut manifest = match Manifest::read(directory)? {
        Some(manifest) => manifest,
        None if names.iter().any(|name| id_in_name(name).is_some()) => {
            return Err(OpenError::MissingManifest { path: directory.path().to_owned() });
        }
        None if create => create_manifest(directory)?,
        None => return Err(OpenError::Missing { path: directory.path().to_owned() }),
    };
    let tables = open_tables(directory, &manifest)?;
    for name in &names {
        let id = id_in_name(name);
        // An id is never used twice, not even one that no manifest got to name.
        manifest.next_table_id = manifest.next_table_id.max(id.map_or(0, |id| id.saturating_add(1)));
        let left_over = id.is_some_and(|id| !tables.iter().any(|table| table.meta().id == id));
        if left_over || name == MANIFEST_DRAFT_NAME {
            // What can't be removed now is tried again at the next open; it is in nobody's way.
            let _ = directory.remove(name);
        }
    }
    Ok(Opened { lock, manifest, tables })
}

/// Opens for reading, beside a writer in another process or without one.
pub(crate) fn open_for_reading(directory: &dyn Directory) -> Result<Opened, OpenError> {
    let path = || directory.path().to_owned();
    let mut last_update_number = None;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let Some(manifest) = Manifest::read(directory)? else {
            let names = match directory.names() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                names => names.map_err(|source| failed(directory, "list", source))?,
            };
            let has_tables = names.iter().any(|name| id_in_name(name).is_some());
            return Err(if has_tables {
                OpenError::MissingManifest { path: path() }
            } else {
                OpenError::Missing { path: path() }
            });
        };
        match open_tables(directory, &manifest) {
            // A merge took a table away after the manifest was read; unless the manifest is still the same.
            Err(OpenError::MissingTable { .. }) if last_update_number != Some(manifest.update_number) => {
                last_update_number = Some(manifest.update_number);
            }
            tables => return Ok(Opened { lock: DirectoryLock::private(), tables: tables?, manifest }),
        }
    }
    let source = io::Error::other("its tables were replaced again and again");
    Err(OpenError::Io { operation: "open", path: path(), source })
}

fn open_tables(directory: &dyn Directory, manifest: &Manifest) -> Result<Vec<Arc<Table>>, OpenError> {
    let mut tables = Vec::with_capacity(manifest.tables.len());
    let mut last = None;
    for meta in &manifest.tables {
        let table = Table::open(directory, meta.clone())?;
        // A position is in one table only, and what ends it in no older one.
        if let Some(numbers) = table.numbers() {
            if last.is_some_and(|last| last >= numbers.first) {
                let problem = "numbers of positions that do not ascend from table to table";
                return Err(
                    Damage::new(table.name(), 0, problem, format!("above {last:?}"), numbers.first).into()
                );
            }
            last = Some(numbers.last);
        }
        tables.push(Arc::new(table));
    }
    Ok(tables)
}

/// From here on, tables without a manifest mean that the manifest was lost.
fn create_manifest(directory: &dyn Directory) -> Result<Manifest, OpenError> {
    let manifest = Manifest { update_number: 1, next_table_id: 1, ..Manifest::default() };
    manifest.publish(directory).map_err(|error| match error {
        crate::WriteError::Io { operation, path, source } => OpenError::Io { operation, path, source },
        other => failed(directory, "create the manifest in", io::Error::other(other)),
    })?;
    Ok(manifest)
}

/// Deletes the index in `dir`: the files whose names are ours, nothing else. The directory stays. For a rebuild.
///
/// # Errors
///
/// [`OpenError::InUse`] while a store has it open for writing; readers keep what they hold.
///
/// # Durability
///
/// The manifest goes first, durably, so that a crash in the middle leaves an index that is plainly incomplete.
pub fn reset(dir: &Path) -> Result<(), OpenError> {
    let directory = DiskDirectory::new(dir);
    let _lock = match directory.lock() {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(OpenError::InUse { path: dir.to_owned() });
        }
        Err(source) => return Err(failed(&directory, "lock", source)),
    };
    reset_in(&directory)
}

pub(crate) fn reset_in(directory: &dyn Directory) -> Result<(), OpenError> {
    let remove = |name: &str| match directory.remove(name) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::Io { operation: "remove", path: directory.path().join(name), source })
        }
        _ => Ok(()),
    };
    let names = directory.names().map_err(|source| failed(directory, "list", source))?;
    remove(MANIFEST_NAME)?;
    directory.sync().map_err(|source| failed(directory, "sync", source))?;
    // CRASH: tables without a manifest, which opening reports as such.
    remove(MANIFEST_DRAFT_NAME)?;
    for name in names.iter().filter(|name| id_in_name(name).is_some()) {
        remove(name)?;
    }
    directory.sync().map_err(|source| failed(directory, "sync", source))
}

fn failed(directory: &dyn Directory, operation: &'static str, source: io::Error) -> OpenError {
    OpenError::Io { operation, path: directory.path().to_owned(), source }
}
