//! A folder for a temporary index, deleted with everything in it when it is dropped.

use std::path::{Path, PathBuf};

use crate::IndexError;

pub(super) struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    pub(super) fn new() -> Result<Self, IndexError> {
        let path = std::env::temp_dir().join(format!("runledger-index-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).map_err(|source| IndexError::Temporary {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What stays behind is rubbish in the folder for rubbish; nobody is left to be told.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_with_its_owner_and_what_it_holds() {
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.path().to_owned();
        std::fs::write(path.join("table"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
