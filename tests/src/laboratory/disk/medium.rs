//! The images of all files, names and directories, and what each operation does to them.
//!
//! INVARIANT: a pure function of the operations applied. Replaying them gives the same medium, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::laboratory::disk::crash_point::CrashPoint;
use crate::laboratory::disk::file_image::FileImage;
use crate::random::Random;

/// The directory that is always there.
pub const MOUNTED: &str = "/machine";

/// How a medium is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// What it writes as one piece, if it writes anything.
    pub sector_bytes: usize,
    /// Whether an interrupted write leaves alone the bytes of a sector that it doesn't change. If not, a torn sector may
    /// lose everything in it.
    pub powersafe: bool,
    /// Whether space that a file was given and didn't write to may show what was there before.
    pub recycles: bool,
}

impl Geometry {
    /// The medium that FORMAT.md assumes.
    pub const ASSUMED: Geometry = Geometry { sector_bytes: 512, powersafe: true, recycles: true };
}

/// Names a file for as long as the medium is powered, whatever its name.
pub type Inode = usize;

/// Something that happened to the medium.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A file was made; its inode is the next one.
    Create(Arc<Path>),
    /// Bytes were written.
    Write(Inode, usize, Arc<[u8]>),
    /// A length was set.
    SetLength(Inode, usize),
    /// A file was synced.
    Sync(Inode),
    /// A file was synced, in vain; the seed says what reached the medium.
    FailedSync(Inode, u64),
    /// A directory was made, and those above it.
    CreateDirectory(PathBuf),
    /// The names in a directory were synced.
    SyncDirectory(PathBuf),
    /// A file got another name.
    Rename(Arc<Path>, Arc<Path>),
    /// A name was removed.
    Remove(Arc<Path>),
    /// The power was cut and came back; the seed says what was left.
    PowerCut(u64),
}

pub(crate) type Names = BTreeMap<Arc<Path>, Inode>;

/// All that is on the medium and in the caches before it.
#[derive(Debug, Clone)]
pub struct Medium {
    pub(crate) geometry: Geometry,
    pub(crate) files: Vec<FileImage>,
    pub(crate) live_names: Names,
    pub(crate) durable_names: Names,
    pub(crate) live_directories: Arc<BTreeSet<PathBuf>>,
    pub(crate) durable_directories: Arc<BTreeSet<PathBuf>>,
    /// What the file that was removed last held.
    removed: Option<Arc<Vec<u8>>>,
    pub(crate) boots: u64,
}

impl Medium {
    /// An empty one.
    #[must_use]
    pub fn new(geometry: Geometry) -> Medium {
        let directories: BTreeSet<_> = Path::new(MOUNTED).ancestors().map(Path::to_owned).collect();
        let directories = Arc::new(directories);
        Medium {
            geometry,
            files: Vec::new(),
            live_names: Names::new(),
            durable_names: Names::new(),
            live_directories: Arc::clone(&directories),
            durable_directories: directories,
            removed: None,
            boots: 0,
        }
    }

    /// What is left of it after a power cut.
    pub(crate) fn restarted(
        &self,
        files: Vec<FileImage>,
        names: Names,
        directories: Arc<BTreeSet<PathBuf>>,
    ) -> Medium {
        Medium {
            files,
            live_names: names.clone(),
            durable_names: names,
            live_directories: Arc::clone(&directories),
            durable_directories: directories,
            removed: self.removed.clone(),
            geometry: self.geometry,
            boots: self.boots + 1,
        }
    }

    /// How often the power came back.
    #[must_use]
    pub fn boots(&self) -> u64 {
        self.boots
    }

    /// Does what was done.
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(path) => {
                let recycled = self.removed.clone().filter(|_| self.geometry.recycles);
                self.live_names.insert(Arc::clone(path), self.files.len());
                self.files.push(FileImage { recycled, ..FileImage::default() });
            }
            Operation::Write(file, offset, bytes) => {
                self.files[*file].write(*offset, Arc::clone(bytes));
                if !self.geometry.powersafe {
                    self.files[*file].widen_last_write(self.geometry.sector_bytes);
                }
            }
            Operation::SetLength(file, length) => self.files[*file].set_length(*length),
            Operation::Sync(file) => self.files[*file].sync(),
            Operation::FailedSync(file, seed) => {
                let reached = CrashPoint::of_file(&self.files[*file], self.geometry);
                let durable = reached.contents(&mut Random::new(*seed));
                self.files[*file].lose(durable);
            }
            Operation::CreateDirectory(path) => {
                let above = path.ancestors().map(Path::to_owned);
                Arc::make_mut(&mut self.live_directories).extend(above);
            }
            Operation::SyncDirectory(path) => self.sync_directory(path),
            Operation::Rename(from, to) => {
                let file = self.live_names.remove(from).expect("what is renamed exists");
                if let Some(replaced) = self.live_names.insert(Arc::clone(to), file) {
                    self.removed = Some(Arc::clone(&self.files[replaced].live));
                }
            }
            Operation::Remove(path) => {
                let file = self.live_names.remove(path).expect("what is removed exists");
                self.removed = Some(Arc::clone(&self.files[file].live));
            }
            Operation::PowerCut(seed) => *self = CrashPoint::of(self).state(&mut Random::new(*seed)),
        }
    }

    fn sync_directory(&mut self, directory: &Path) {
        let is_here = |path: &Path| path.parent() == Some(directory);
        self.durable_names.retain(|name, _| !is_here(name));
        let here = self.live_names.iter().filter(|(name, _)| is_here(name));
        self.durable_names.extend(here.map(|(name, file)| (Arc::clone(name), *file)));
        let made = self.live_directories.difference(&self.durable_directories).filter(|path| is_here(path));
        let made: Vec<_> = made.cloned().collect();
        if !made.is_empty() {
            Arc::make_mut(&mut self.durable_directories).extend(made);
        }
    }

    /// The file of this name, as programs see it.
    #[must_use]
    pub fn find(&self, path: &Path) -> Option<Inode> {
        self.live_names.get(path).copied()
    }

    /// The names in a directory, as programs see them. `None` if there is no such directory.
    pub fn list<'a>(&'a self, directory: &'a Path) -> Option<impl Iterator<Item = &'a Path>> {
        let here = |path: &&Arc<Path>| path.parent() == Some(directory);
        self.live_directories
            .contains(directory)
            .then(|| self.live_names.keys().filter(here).map(|name| &**name))
    }

    /// What programs see in a file.
    #[must_use]
    pub fn live(&self, file: Inode) -> &Arc<Vec<u8>> {
        &self.files[file].live
    }

    /// Changes a byte on the medium and in the caches, as decay does.
    pub fn flip(&mut self, file: Inode, at: usize, mask: u8) {
        let image = &mut self.files[file];
        assert!(image.pending.is_empty(), "only what is at rest decays here");
        Arc::make_mut(&mut image.live)[at] ^= mask;
        image.durable = Arc::clone(&image.live);
    }

    /// All that programs see, by name: to be compared.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<Arc<Path>, Arc<Vec<u8>>> {
        let named = self.live_names.iter();
        named.map(|(name, file)| (Arc::clone(name), Arc::clone(&self.files[*file].live))).collect()
    }

    /// A number for what programs see: equal for equal contents under equal names.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fingerprint(self.live_directories.len() as u64);
        for (name, file) in &self.live_names {
            hash.bytes(name.as_os_str().as_encoded_bytes());
            hash.bytes(&self.files[*file].live);
        }
        hash.0
    }
}

/// A fast hash for telling states apart: eight bytes at a time, by multiplying and folding.
struct Fingerprint(u64);

impl Fingerprint {
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.word(u64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes")));
        }
        for byte in chunks.remainder() {
            self.word(u64::from(*byte));
        }
    }

    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0xd6e8_feb8_6659_fd93) * 0x9e37_79b9_7f4a_7c15;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        self.0 = folded.wrapping_add(0x1234_5678_9abc_def1);
    }
}
