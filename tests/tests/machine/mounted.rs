//! File systems of the test's own: made in an image file, or in memory, mounted, cut off, and taken away again, also
//! when the test fails. Nothing else on the machine is touched.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The size of a page, which is that of the file systems' blocks too.
const BLOCK_BYTES: &str = "4096";
const REQUEST_KIB_MAX: &str = "4";

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
    /// The same, on a device that may fail: whose errors have to come through to the file system.
    FailingImage(PathBuf),
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

    /// The file system in a file that somebody else provides, and whose reads and writes may fail.
    pub(crate) fn of_failing_image(image: &Path) -> Mounted {
        Mounted::of(tempfile::tempdir().unwrap(), Source::FailingImage(image.to_owned()))
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
            Source::Image(image) | Source::FailingImage(image) => command.args(["-o", "loop"]).arg(image),
            Source::Memory(bytes) => {
                command.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "runledger-test"])
            }
        };
        succeed(command.arg(&self.mount_point));
        self.attached = true;
        if matches!(self.source, Source::FailingImage(_)) {
            self.limit_requests();
        }
    }

    /// Has the loop device pass on no more than a page at a time. Of a larger request a part may succeed and the next
    /// fail, and the loop device takes such a short write for a complete one: a device that lies, which is not what
    /// these tests are about.
    fn limit_requests(&self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mut mounts = mounts.lines().filter_map(|line| line.split_once(' '));
        let is_own = |rest: &str| rest.split(' ').next().map(Path::new) == Some(&self.mount_point);
        let (device, _) = mounts.find(|(_, rest)| is_own(rest)).unwrap();
        let device = Path::new(device).file_name().unwrap();
        let limit = Path::new("/sys/block").join(device).join("queue/max_sectors_kb");
        std::fs::write(limit, REQUEST_KIB_MAX).unwrap();
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

    /// As [`Mounted::remount`], with a check and repair of the ext4 in the image in between, as systems do at boot when
    /// its device had failed.
    pub(crate) fn remount_repaired(&mut self) {
        self.unmount();
        if let Source::FailingImage(image) = &self.source {
            let status = Command::new("e2fsck")
                .args(["-f", "-y"])
                .arg(image)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            // The two bits below say that something was corrected.
            let code = status.unwrap().code().unwrap();
            assert!(code < 4, "e2fsck ended with {code}");
        }
        self.mount();
    }

    /// Whether new files can be made durable. After an error a file system may refuse that until it is mounted anew.
    pub(crate) fn is_writable(&self) -> bool {
        let probe = self.path("probe");
        File::create(&probe).and_then(|file| file.sync_all()).is_ok() && std::fs::remove_file(probe).is_ok()
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
    let mut command = Command::new(format!("mkfs.{}", kind.name()));
    let block_size = match kind {
        Kind::Ext4 => BLOCK_BYTES.to_owned(),
        Kind::Xfs => format!("size={BLOCK_BYTES}"),
    };
    succeed(command.args(["-q", "-b", &block_size]).arg(image));
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
