//! Running the tools: one that is missing fails the test with what to install.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether these tests are to be left out.
pub fn left_out() -> bool {
    super::skip::left_out("observability")
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command that runs in the repository.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// What a program that is not there means.
pub fn missing(program: &str, error: &std::io::Error) -> String {
    format!(
        "{program} cannot be started: {error}. Type scripts/setup test (it installs Prometheus, Alertmanager, Python and npm), \
         or leave these tests out by HAZSTREAM_TEST_SKIP=observability:reason"
    )
}

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    let done = command(program).args(arguments).stdin(Stdio::null()).output();
    done.unwrap_or_else(|error| panic!("{}", missing(program, &error)))
}

/// Runs a program that must succeed; returns what it printed.
pub fn succeed(program: &str, arguments: &[&str]) -> String {
    let done = run(program, arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {}\n{text}", arguments.join(" "));
    text
}
