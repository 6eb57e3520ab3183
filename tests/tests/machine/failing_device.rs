//! A device that fails, below a real file system: a block device in a file that a program serves, which answers with
//! EIO whenever a file of the test's exists.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::mounted::{Kind, Mounted, make_file_system};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// Every write.
    Writes,
    /// Two writes in five.
    SomeWrites,
    /// Every read.
    Reads,
}

impl Failing {
    fn option(self) -> &'static str {
        match self {
            Failing::Writes => "error-pwrite-rate=1",
            Failing::SomeWrites => "error-pwrite-rate=0.4",
            Failing::Reads => "error-pread-rate=1",
        }
    }
}

/// How long the program has to begin serving.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// A file system on a device that fails on demand.
pub(crate) struct FailingDisk {
    // In the order in which they have to end.
    pub(crate) disk: Mounted,
    _server: Server,
    trigger: PathBuf,
    _folder: TempDir,
}

impl FailingDisk {
    pub(crate) fn new(failing: Failing, bytes: u64) -> FailingDisk {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (image, trigger) = (path("image"), path("fail"));
        make_file_system(Kind::Ext4, &image, bytes);
        let server = Server::start(&image, path("served"), failing, &trigger);
        let disk = Mounted::of_failing_image(&server.served);
        FailingDisk { disk, _server: server, trigger, _folder: folder }
    }

    /// From now on the device fails.
    pub(crate) fn fail(&self) {
        File::create(&self.trigger).unwrap();
    }

    /// From now on it works again.
    pub(crate) fn repair(&self) {
        std::fs::remove_file(&self.trigger).unwrap();
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        // A file system whose device fails can't be unmounted in good order.
        let _ = std::fs::remove_file(&self.trigger);
    }
}

/// The program that serves the device, as a file.
struct Server {
    child: Child,
    served: PathBuf,
}

impl Server {
    fn start(image: &Path, served: PathBuf, failing: Failing, trigger: &Path) -> Server {
        File::create(&served).unwrap();
        let mut command = Command::new("nbdfuse");
        command.arg(&served).args(["--command", "nbdkit", "--stdin", "--exit-with-parent"]);
        command.args(["--filter=error", "file"]).arg(image).arg(failing.option());
        command.arg(format!("error-file={}", trigger.display()));
        // It names each error that it makes.
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut program = Server { child, served };
        program.wait_until_it_serves(image);
        program
    }

    /// The file that was put there is empty; the one that is served has the image's length.
    fn wait_until_it_serves(&mut self, image: &Path) {
        let length = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
        let started = Instant::now();
        while length(&self.served) != length(image) {
            assert_eq!(self.child.try_wait().unwrap(), None, "nbdfuse serves nothing");
            assert!(started.elapsed() < START_TIME_MAX, "nbdfuse doesn't begin to serve");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The loop device may let go of the file a moment after it was unmounted; lazily means then.
        let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(&self.served).status();
        let _ = self.child.wait();
    }
}
