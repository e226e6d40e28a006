//! The image, built from the Dockerfile as it is. A Debian of its own stands for the official image of Rust, and this machine's
//! Rust and the crates that cargo has fetched are lent to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cluster::{folder, root, run, tool};

/// More than what is in it now by half; less than what a base image alone usually has.
const BYTES_MAX: u64 = 60 << 20;

/// Where this machine lets less than the defaults ask for, buildah is told so: limits that only a full root may raise.
const CONTAINERS_CONF: &str = "[containers]\n\
    default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
    [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n";

const BASE: &str = "hazstream.test/rust:bookworm";
const BASE_DOCKERFILE: &str = "FROM scratch\n\
    COPY root /\n\
    ENV CARGO_HOME=/cargo PATH=/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";

const PAUSE: &str = "hazstream.test/pause:1";
const PAUSE_DOCKERFILE: &str = "FROM scratch\nCOPY pause /pause\nENTRYPOINT [\"/pause\"]\n";

/// Builds it in two versions, v1 and v2, and the pause that every pod needs, and lays them where the cluster loads them from.
pub fn build() {
    let folder = folder();
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("containers.conf"), CONTAINERS_CONF).unwrap();

    build_plain(BASE, BASE_DOCKERFILE, &tool("debian"));
    build_hazstream(&["--target", "compiled", "--tag", "hazstream.test/compiled"]);
    for version in ["v1", "v2"] {
        let name = format!("hazstream.test/hazstream:{version}");
        let said = build_hazstream(&["--build-arg", &format!("VERSION={version}"), "--tag", &name]);
        expect_nothing_is_compiled_again(&said);
        save(&name, &format!("hazstream-{version}"));
    }
    build_hazstream(&["--output", &format!("type=local,dest={}", content().display())]);
    expect_what_it_says_of_itself();

    build_plain(PAUSE, PAUSE_DOCKERFILE, &tool("kubernetes"));
    save(PAUSE, "pause");
    // What the images of an earlier run were made of.
    run(buildah("rmi").arg("--prune"));
}

/// Everything that is in the image, for the test to look at and to run.
pub fn content() -> PathBuf {
    folder().join("content")
}

/// One of the Dockerfile's stages, or all of them; what is said meanwhile.
fn build_hazstream(arguments: &[&str]) -> String {
    let rust = run(Command::new("rustc").args(["--print", "sysroot"]));
    let cargo =
        std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    let mut build = buildah("build");
    build.args(["--layers", "--isolation", "chroot", "--pull-never"]);
    build.args(["--build-arg", &format!("BUILD_IMAGE={BASE}")]);
    build.args(["--volume", &format!("{}:/rust:ro", rust.trim())]);
    build.args(["--volume", &format!("{cargo}/registry:/cargo/registry")]);
    run(build.args(arguments).arg("."))
}

fn build_plain(name: &str, dockerfile: &str, context: &str) {
    let file = folder().join("Dockerfile");
    std::fs::write(&file, dockerfile).unwrap();
    run(buildah("build").args(["--layers", "--tag", name, "--file"]).arg(file).arg(context));
}

fn save(name: &str, file: &str) {
    let archive = folder().join(format!("{file}.tar"));
    run(buildah("push").args(["--quiet", name, &format!("docker-archive:{}:{name}", archive.display())]));
}

/// The layers before the last stage are all there: that of the dependencies, and that of the program.
fn expect_nothing_is_compiled_again(said: &str) {
    let (compiled, _) = said.split_once("FROM scratch").unwrap();
    let steps = compiled.matches("[1/2] STEP ").count();
    assert_eq!(compiled.matches("--> Using cache").count(), steps - 1, "all but FROM: {said}");
}

fn expect_what_it_says_of_itself() {
    let said = run(buildah("inspect").args(["--type", "image", "hazstream.test/hazstream:v1"]));
    let image: Value = serde_json::from_str(&said).unwrap();
    let config = &image["OCIv1"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Entrypoint"], serde_json::json!(["hazstream"]));
    for (label, wanted) in [("title", "hazstream"), ("licenses", "Apache-2.0"), ("version", "v1")] {
        assert_eq!(config["Labels"][format!("org.opencontainers.image.{label}")], wanted);
    }
    let shells = ["bin", "usr/bin"].iter().any(|folder| content().join(folder).exists());
    assert!(!shells, "nothing but the program is in the image");
    let bytes = size(&content());
    assert!(bytes < BYTES_MAX, "the image holds {bytes} bytes");
}

/// Layers are kept from run to run, beside the folder that each run makes anew.
fn buildah(verb: &str) -> Command {
    let store = folder().with_file_name("images");
    let mut command = Command::new("buildah");
    command.env("CONTAINERS_CONF", folder().join("containers.conf")).current_dir(root());
    command.arg("--root").arg(store.join("root")).arg("--runroot").arg(store.join("run"));
    command.args(["--storage-driver", "overlay", verb]);
    command
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.metadata().unwrap() {
        one if one.is_dir() => size(&entry.path()),
        one => one.len(),
    });
    sizes.sum()
}
