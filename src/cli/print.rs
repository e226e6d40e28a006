//! The only place that writes to the terminal. A reader that went away (`hazstream … | head`) is no error.

use std::fmt::Display;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};

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

/// Standard output for many lines at once.
pub type Bulk = BufWriter<StdoutLock<'static>>;

/// Standard output for many lines at once: buffered, to be flushed at the end.
pub fn bulk() -> Bulk {
    BufWriter::with_capacity(1 << 18, std::io::stdout().lock())
}

/// What became of a write to a [`Bulk`]: false when nobody reads any more.
///
/// # Errors
/// Any other failure: a full disk, for one.
pub fn read_on(result: std::io::Result<()>) -> std::io::Result<bool> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        other => Ok(other.is_ok()),
    }
}
