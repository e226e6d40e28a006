//! The only place that writes to the terminal. A reader that went away (`hazstream … | head`) is no error.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Writes a line to standard output. False when nobody reads any more: a command may then stop early.
pub fn out(line: impl Display) -> bool {
    written(&writeln!(std::io::stdout().lock(), "{line}"))
}

/// Writes a line to standard error.
pub fn err(line: impl Display) -> bool {
    written(&writeln!(std::io::stderr().lock(), "{line}"))
}

fn written(result: &std::io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => error.kind() != ErrorKind::BrokenPipe,
    }
}
