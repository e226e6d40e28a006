//! The chart, the image, compose.yaml and the workflows, on the real tools: helm, kubeconform with Kubernetes' own schemas,
//! hadolint, Compose's loader, promtool, amtool, actionlint.
//!
//! `scripts/tools` builds or fetches the tools once. Where it cannot, the tests fail with what it says;
//! `HAZSTREAM_TEST_SKIP=deploy:reason` leaves them out.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../support/acls.rs"]
mod acls;
mod chart;
mod drift;
mod image;
mod laptop;
mod refused;
#[path = "../support/skip.rs"]
mod skip;
mod tool;
#[path = "../support/tools.rs"]
mod tools;
mod values;
mod workflows;
