//! The Dockerfile, as far as it can be judged without building: tests/kubernetes builds it and runs what comes out.

use std::process::Command;

use super::tool::{left_out, path, read, root};

#[test]
fn hadolint_finds_nothing_in_the_dockerfile() {
    if left_out() {
        return;
    }
    let output = Command::new(path("hadolint")).arg(root().join("Dockerfile")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What the image is compiled in is a build argument with a digest; what it starts from is nothing at all.
#[test]
fn every_base_image_is_pinned_by_digest() {
    let dockerfile = read(&root().join("Dockerfile"));
    let (_, pinned) = dockerfile.split_once("\nARG BUILD_IMAGE=").unwrap();
    let (image, digest) = pinned.lines().next().unwrap().split_once("@sha256:").unwrap();
    assert!(image.rsplit_once(':').is_some_and(|(_, version)| version.split('.').count() == 3), "{image}");
    assert!(
        digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "{digest}"
    );
    let stages: Vec<&str> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(stages, ["${BUILD_IMAGE} AS compiled", "scratch"]);
}

/// The layer of the dependencies is built before anything is there, so every file that Cargo.toml names must be touched; and
/// what is copied must not be ignored.
#[test]
fn the_dependency_layer_has_every_file_that_cargo_asks_for() {
    let dockerfile = read(&root().join("Dockerfile"));
    let (_, touched) = dockerfile.split_once("&& touch ").unwrap();
    let touched: Vec<&str> = touched.lines().next().unwrap().split(' ').collect();
    let manifest = read(&root().join("Cargo.toml"));
    let named = manifest.lines().filter_map(|line| line.strip_prefix("path = \"")?.split('"').next());
    for file in named.filter(|file| !file.starts_with("src/")) {
        assert!(touched.contains(&file), "the Dockerfile's dependency layer has no {file}: touch it there");
    }
    let admitted = read(&root().join(".dockerignore"));
    let everything = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")?.rsplit_once(' '));
    for (from, _) in everything.filter(|(from, _)| !from.starts_with("--from")) {
        for file in from.split(' ') {
            let line = format!("!{file}");
            assert!(admitted.lines().any(|one| one == line), ".dockerignore keeps {file} out of the build");
        }
    }
}
