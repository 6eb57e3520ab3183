//! File systems of the test's own: made in an image file, or in memory, mounted, cut off, and taken away again, also
//! when the test fails. Nothing else on the machine is touched.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Ext4 => "ext4",
            Kind::Xfs => "xfs",
        }
    }
}

/// What is mounted.
#[derive(Debug)]
enum Source {
    /// A file that holds a file system.
    Image(PathBuf),
    /// Memory, of this many bytes.
    Memory(u64),
}

/// A file system of the test's own. It is unmounted when this is dropped.
#[derive(Debug)]
pub(crate) struct Mounted {
    source: Source,
    mount_point: PathBuf,
    attached: bool,
    _folder: TempDir,
}

impl Mounted {
    /// A new file system of this size in an image file.
    pub(crate) fn new(kind: Kind, bytes: u64) -> Mounted {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        make_file_system(kind, &image, bytes);
        Mounted::of(folder, Source::Image(image))
    }

    /// The file system in a file that somebody else provides.
    pub(crate) fn of_image(image: &Path) -> Mounted {
        Mounted::of(tempfile::tempdir().unwrap(), Source::Image(image.to_owned()))
    }

    /// A new file system in memory, which can hold this much.
    pub(crate) fn in_memory(bytes: u64) -> Mounted {
        Mounted::of(tempfile::tempdir().unwrap(), Source::Memory(bytes))
    }

    fn of(folder: TempDir, source: Source) -> Mounted {
        let mount_point = folder.path().join("mounted");
        std::fs::create_dir(&mount_point).unwrap();
        let mut mounted = Mounted { source, mount_point, attached: false, _folder: folder };
        mounted.mount();
        mounted
    }

    /// Where the log may be put.
    pub(crate) fn log(&self) -> PathBuf {
        self.path("wal")
    }

    /// A path in the file system.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.mount_point.join(name)
    }

    pub(crate) fn mount(&mut self) {
        let mut command = Command::new("mount");
        match &self.source {
            Source::Image(image) => command.args(["-o", "loop"]).arg(image),
            Source::Memory(bytes) => {
                command.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "runledger-test"])
            }
        };
        succeed(command.arg(&self.mount_point));
        self.attached = true;
    }

    /// Unmounts, which also gives up the loop device and all that was cached.
    pub(crate) fn unmount(&mut self) {
        succeed(Command::new("umount").arg(&self.mount_point));
        self.attached = false;
    }

    /// Cuts the file system off from its device, now: what wasn't written by then, its own journal included, is lost.
    pub(crate) fn cut_power(&self) {
        succeed(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.mount_point));
    }

    /// What a power cut and a reboot leave.
    pub(crate) fn remount(&mut self) {
        self.unmount();
        self.mount();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.attached {
            // Lazily: a test that failed may still have files open, or a process.
            let _ = Command::new("umount").arg("--lazy").arg(&self.mount_point).status();
        }
    }
}

/// Makes a file system in a new file of this size, without holes being filled.
pub(crate) fn make_file_system(kind: Kind, image: &Path, bytes: u64) {
    File::create(image).unwrap().set_len(bytes).unwrap();
    succeed(Command::new(format!("mkfs.{}", kind.name())).arg("-q").arg(image));
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
