//! A small disk in memory that a test can fill: where a broker's data lie when the disk is to be full.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system of a few megabytes; unmounted when the test ends.
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mount one there. `None` where this process may not mount: said on standard error, since the test is left out then.
    pub fn mount(at: &Path, megabytes: u32) -> Option<SmallDisk> {
        std::fs::create_dir_all(at).expect("a folder below target");
        let size = format!("size={megabytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        let why = match mount {
            Ok(output) if output.status.success() => return Some(SmallDisk { at: at.to_owned() }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        writeln!(std::io::stderr(), "LEFT OUT, since a small disk cannot be mounted (root may): {why}")
            .expect("standard error is open");
        None
    }

    /// Write until nothing fits any more.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a new file takes no space");
        let block = [0; 1 << 16];
        while filler.write_all(&block).is_ok() {}
    }

    /// Give the space back.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, whoever may still hold a file there; what fails leaves a folder below target.
        Command::new("umount").arg("-l").arg(&self.at).status().ok();
        std::fs::remove_dir(&self.at).ok();
    }
}
