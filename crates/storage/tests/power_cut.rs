//! Power cuts: a file system is shut down under a writing process without its log, as if the power went. Every
//! acknowledged batch is there after mounting and opening again.
//!
//! Needs the right to mount, `mkfs.ext4` and `python3` (for one ioctl); without them the test says so and passes.
//! `STORAGE_POWER_CUTS` sets how many cuts there are.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of a test; a skip must be seen"
)]

mod writer;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use stdx::Prng;
use storage::DiskEngine;
use writer::{OPTIONS, Writer, check_whole, newest, said_before_the_end, write_if_child};

const TEST: &str = "acknowledged_batches_survive_power_cuts";

/// `EXT4_IOC_SHUTDOWN` with "do not flush the log".
const SHUT_DOWN: &str =
    "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// An ext4 file system in a file, unmounted on drop.
struct Device<'a> {
    image: &'a str,
    mount: &'a str,
}

impl Device<'_> {
    fn mount(&self) -> bool {
        run("mount", &["-o", "loop", self.image, self.mount])
    }

    /// What was not synced is gone after this.
    fn cut(&self, writer: Writer) -> u64 {
        let id = writer.id().to_string();
        // Stopped first, so that nothing is acknowledged after the cut.
        assert!(run("kill", &["-STOP", &id]));
        assert!(run("python3", &["-c", SHUT_DOWN, self.mount]));
        let acknowledged = writer.kill();
        assert!(run("umount", &[self.mount]) && self.mount());
        acknowledged
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        run("umount", &[self.mount]);
    }
}

fn can_cut(device: &Device<'_>) -> bool {
    let made = run("mkfs.ext4", &["-q", "-F", device.image]);
    made && run("python3", &["--version"]) && device.mount()
}

#[test]
fn acknowledged_batches_survive_power_cuts() {
    write_if_child();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (image, mount) = (path("image"), path("mount"));
    File::create(&image).unwrap().set_len(512 << 20).unwrap();
    fs::create_dir(&mount).unwrap();
    let device = Device { image: &image, mount: &mount };
    if !can_cut(&device) {
        eprintln!("SKIPPED {TEST}: no right to mount, no mkfs.ext4 or no python3");
        return;
    }
    let cuts = std::env::var("STORAGE_POWER_CUTS").map_or(3, |cuts| cuts.parse().unwrap());
    let data = Path::new(&mount).join("data");
    let mut prng = Prng::new(u64::from(std::process::id()));
    let (mut last_newest, mut acknowledged_in_all) = (0, 0);
    for cut in 1..=cuts {
        let writer = Writer::start(TEST, &data, said_before_the_end(&mut prng, cut % 5 == 0));
        let acknowledged = device.cut(writer);
        let engine = DiskEngine::open(&data, &OPTIONS).unwrap();
        let newest = newest(&engine);
        println!("cut {cut}: acknowledged {acknowledged}, found {newest}");
        assert!(newest >= acknowledged.max(last_newest), "{acknowledged} was acknowledged, {newest} is the newest");
        check_whole(&engine, newest);
        acknowledged_in_all += acknowledged.saturating_sub(last_newest);
        last_newest = newest;
    }
    println!("{cuts} cuts, {acknowledged_in_all} acknowledged batches, none lost");
    assert!(acknowledged_in_all > 0, "no child lived long enough to write");
}
