//! All that a power cut can leave at one moment.
//!
//! Per sector: what it held at any time since the last sync, a mixture of two neighbours of those, zeroes in place of
//! what was being changed, or, in space never written durably, what lay there before. Per file: any length that it had.
//! Per name: the durable or the live one. Each independently of all others.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::laboratory::choice::Choose;
use crate::laboratory::disk::file_image::{Change, FileImage};
use crate::laboratory::disk::medium::{Geometry, Inode, Medium, Names};

/// What garbage looks like in a sector that lost everything.
const GARBAGE: u8 = 0xa5;

/// What a power cut can leave of one file.
pub(crate) struct FileCrash {
    durable: Arc<Vec<u8>>,
    lengths: Vec<usize>,
    sectors: Vec<SectorCrash>,
}

/// The distinct contents that one sector can have. The first is the oldest.
struct SectorCrash {
    range: Range<usize>,
    contents: Vec<Vec<u8>>,
}

/// What a power cut can leave of everything.
pub struct CrashPoint<'a> {
    medium: &'a Medium,
    /// Those files of which more than one thing can be left, or whose live image isn't the durable one.
    files: Vec<(Inode, FileCrash)>,
    /// Names that aren't the same in both images.
    names: Vec<Arc<std::path::Path>>,
    directories: Vec<PathBuf>,
}

impl<'a> CrashPoint<'a> {
    /// What a power cut can leave of this.
    #[must_use]
    pub fn of(medium: &'a Medium) -> CrashPoint<'a> {
        let unsettled = medium.files.iter().enumerate().filter(|(_, file)| !file.pending.is_empty());
        let files = unsettled.map(|(inode, file)| (inode, CrashPoint::of_file(file, medium.geometry)));
        let all: BTreeSet<_> = medium.live_names.keys().chain(medium.durable_names.keys()).collect();
        let differ =
            |name: &&Arc<std::path::Path>| medium.live_names.get(*name) != medium.durable_names.get(*name);
        CrashPoint {
            medium,
            files: files.collect(),
            names: all.into_iter().filter(differ).cloned().collect(),
            directories: medium.live_directories.difference(&medium.durable_directories).cloned().collect(),
        }
    }

    /// What a power cut can leave of one file.
    pub(crate) fn of_file(file: &FileImage, geometry: Geometry) -> FileCrash {
        let mut lengths = vec![file.durable.len()];
        let mut touched = BTreeSet::new();
        let mut length = file.durable.len();
        for change in &file.pending {
            let Range { start, end } = change.touches(length);
            touched.extend(start / geometry.sector_bytes..end.div_ceil(geometry.sector_bytes));
            if let Change::Length(new) = change {
                length = *new;
                if !lengths.contains(new) {
                    lengths.push(*new);
                }
            }
        }
        let sectors = touched.into_iter().map(|sector| {
            let start = sector * geometry.sector_bytes;
            SectorCrash::of(file, start..start + geometry.sector_bytes, geometry)
        });
        let sectors = sectors.filter(|sector| sector.contents.len() > 1).collect();
        FileCrash { durable: Arc::clone(&file.durable), lengths, sectors }
    }

    /// In how many ways the disk can be found, as a power of two at least: to tell few from many.
    #[must_use]
    pub fn states(&self) -> f64 {
        let of_file = |(_, file): &(Inode, FileCrash)| {
            let sectors = file.sectors.iter().map(|sector| sector.contents.len() as f64).product::<f64>();
            sectors * file.lengths.len() as f64
        };
        let files: f64 = self.files.iter().map(of_file).product();
        files * 2_f64.powi(i32::try_from(self.names.len() + self.directories.len()).unwrap_or(i32::MAX))
    }

    /// The disk as the next boot finds it.
    pub fn state(&self, choose: &mut dyn Choose) -> Medium {
        let medium = self.medium;
        let settled = |file: &FileImage| FileImage::settled(Arc::clone(&file.durable));
        let mut files: Vec<_> = medium.files.iter().map(settled).collect();
        for (inode, file) in &self.files {
            files[*inode] = FileImage::settled(file.contents(choose));
        }
        let mut directories = Arc::clone(&medium.durable_directories);
        for made in &self.directories {
            if choose.below(2) == 1 {
                Arc::make_mut(&mut directories).insert(made.clone());
            }
        }
        let mut names: Names = medium.durable_names.clone();
        for name in &self.names {
            if choose.below(2) == 1 {
                match medium.live_names.get(name) {
                    Some(file) => names.insert(Arc::clone(name), *file),
                    None => names.remove(name),
                };
            }
        }
        if !self.directories.is_empty() {
            names.retain(|name, _| name.ancestors().skip(1).all(|above| directories.contains(above)));
        }
        medium.restarted(files, names, directories)
    }
}

impl FileCrash {
    /// The file as the next boot finds it.
    pub(crate) fn contents(&self, choose: &mut dyn Choose) -> Arc<Vec<u8>> {
        let length = self.lengths[choose.below(self.lengths.len())];
        let mut found = Arc::clone(&self.durable);
        let bytes = Arc::make_mut(&mut found);
        bytes.resize(length, 0);
        for sector in &self.sectors {
            let end = sector.range.end.min(length);
            if sector.range.start < end {
                let contents = &sector.contents[choose.below(sector.contents.len())];
                bytes[sector.range.start..end].copy_from_slice(&contents[..end - sector.range.start]);
            }
        }
        found
    }
}

impl SectorCrash {
    fn of(file: &FileImage, range: Range<usize>, geometry: Geometry) -> SectorCrash {
        let mut old = vec![0; range.len()];
        if let Some(durable) = file.durable.get(range.start..) {
            let bytes = durable.len().min(range.len());
            old[..bytes].copy_from_slice(&durable[..bytes]);
        }
        let mut sector = SectorCrash { range: range.clone(), contents: vec![old.clone()] };
        let mut between = Vec::new();
        for change in &file.pending {
            let mut new = old.clone();
            change.apply_within(&range, &mut new);
            if new != old {
                // A cut changes no sector by itself; it is the file system's own business, and atomic.
                if matches!(change, Change::Write(..)) {
                    interrupted(&old, &new, geometry, &mut between);
                }
                sector.add(new.clone());
                old = new;
            }
        }
        for contents in between {
            sector.add(contents);
        }
        let never_durable = range.start >= file.durable.len();
        if let Some(before) = file.recycled.as_ref().filter(|_| never_durable)
            && let Some(stale) = before.get(range)
        {
            sector.add(stale.to_vec());
        }
        sector
    }

    fn add(&mut self, contents: Vec<u8>) {
        if !self.contents.contains(&contents) {
            self.contents.push(contents);
        }
    }
}

/// What a sector can hold whose writing was interrupted.
fn interrupted(old: &[u8], new: &[u8], geometry: Geometry, found: &mut Vec<Vec<u8>>) {
    let differs = |at: &usize| old[*at] != new[*at];
    let first = (0..old.len()).find(differs).expect("they differ somewhere");
    let last = (0..old.len()).rfind(differs).expect("they differ somewhere");
    if !geometry.powersafe {
        found.push(vec![0; old.len()]);
        found.push(vec![GARBAGE; old.len()]);
    }
    let zeroed = old.iter().zip(new).map(|(old, new)| if old == new { *old } else { 0 });
    found.push(zeroed.collect());
    if first < last {
        let middle = usize::midpoint(first, last) + 1;
        let mixed = |front: &[u8], back: &[u8]| [&front[..middle], &back[middle..]].concat();
        found.push(mixed(new, old));
        found.push(mixed(old, new));
    }
}
