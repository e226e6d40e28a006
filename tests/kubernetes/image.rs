//! The image, by the Dockerfile's own last stage, with the program that cargo has just built.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cluster::{folder, root, run, tool};

/// More than what is in it now by half; less than what a base image alone usually has.
const BYTES_MAX: u64 = 60 << 20;

/// Where this machine lets less than the defaults ask for, buildah is told so: limits that only a full root may raise.
const CONTAINERS_CONF: &str = "[containers]\n\
    default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
    [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n";

/// Builds it in two versions, v1 and v2, and the pause that every pod needs, and lays them where the cluster loads them from.
pub fn build() {
    let folder = folder();
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(folder.join("pause")).unwrap();
    std::fs::write(folder.join("containers.conf"), CONTAINERS_CONF).unwrap();

    run(Command::new(env!("CARGO")).args(["build", "--release", "--locked", "--quiet"]).current_dir(root()));
    let compiled = folder.join("compiled");
    let content = compiled.join("image");
    let mut gather = Command::new(root().join("scripts/image-root"));
    run(gather.arg(program()).arg(&content));
    let bytes = size(&content);
    assert!(bytes < BYTES_MAX, "the image holds {bytes} bytes");

    for version in ["v1", "v2"] {
        let name = format!("hazstream.test/hazstream:{version}");
        let stage = format!("compiled={}", compiled.display());
        let version_argument = format!("VERSION={version}");
        let arguments = ["--build-context", &stage, "--build-arg", &version_argument, "--tag", &name, "."];
        build_one(&name, &format!("hazstream-{version}"), &arguments);
    }
    expect_what_it_says_of_itself(&content);

    let pause = folder.join("pause");
    std::fs::copy(Path::new(&tool("kubernetes")).join("pause"), pause.join("pause")).unwrap();
    std::fs::write(pause.join("Dockerfile"), "FROM scratch\nCOPY pause /pause\nENTRYPOINT [\"/pause\"]\n")
        .unwrap();
    let name = "hazstream.test/pause:1";
    build_one(name, "pause", &["--tag", name, pause.to_str().unwrap()]);
    std::fs::remove_dir_all(folder.join("buildah")).unwrap();
}

/// The program that is in the image, for the test to run as well.
pub fn program() -> std::path::PathBuf {
    root().join("target/release/hazstream")
}

fn build_one(name: &str, file: &str, arguments: &[&str]) {
    run(buildah().args(["build", "--isolation", "chroot", "--pull-never"]).args(arguments));
    let archive = folder().join(format!("{file}.tar"));
    run(buildah()
        .args(["push", "--quiet", name])
        .arg(format!("docker-archive:{}:{name}", archive.display())));
}

fn expect_what_it_says_of_itself(content: &Path) {
    let said = run(buildah().args(["inspect", "--type", "image", "hazstream.test/hazstream:v1"]));
    let image: Value = serde_json::from_str(&said).unwrap();
    let config = &image["OCIv1"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Entrypoint"], serde_json::json!(["hazstream"]));
    for (label, wanted) in [("title", "hazstream"), ("licenses", "Apache-2.0"), ("version", "v1")] {
        assert_eq!(config["Labels"][format!("org.opencontainers.image.{label}")], wanted);
    }
    let shells = ["bin", "usr/bin"].iter().any(|folder| content.join(folder).exists());
    assert!(!shells, "nothing but the program is in the image");
}

fn buildah() -> Command {
    let store = folder().join("buildah");
    let mut command = Command::new("buildah");
    command.env("CONTAINERS_CONF", folder().join("containers.conf")).current_dir(root());
    command.arg("--root").arg(store.join("root")).arg("--runroot").arg(store.join("run"));
    command.args(["--storage-driver", "vfs"]);
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
