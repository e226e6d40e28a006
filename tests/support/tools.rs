//! The operations tools, from `scripts/tools`.

use std::process::Command;

/// Where a tool is; the script has it first, if need be. `tests` are those that need it.
pub fn path(tool: &str, tests: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/tools");
    let found = Command::new(script).args(["path", tool]).output().unwrap();
    assert!(
        found.status.success(),
        "{tool} cannot be had:\n{}\nor leave these tests out by HAZSTREAM_TEST_SKIP={tests}:reason",
        String::from_utf8_lossy(&found.stderr)
    );
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}
