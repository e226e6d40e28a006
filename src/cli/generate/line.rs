//! Messages as lines of JSON: `{"topic","key","arrival","value"}`, the form that `backtest` reads.

use std::io::Write;

use crate::city::{ClockFace, Fault, Message};
use crate::config::KafkaSettings;
use crate::log::{Input, Topic};

use crate::cli::print::Bulk;

/// Writes messages as lines.
pub struct Lines {
    /// Where they go.
    pub out: Bulk,
    heads: [String; Input::ALL.len()],
    clock: ClockFace,
    line: Vec<u8>,
}

impl Lines {
    /// Lines to `out`, with the topics' names by these settings.
    pub fn new(out: Bulk, settings: &KafkaSettings) -> Self {
        let head = |input| format!("{{\"topic\":\"{}\",\"key\":\"", settings.topic(Topic::Input(input)));
        Lines { out, heads: Input::ALL.map(head), clock: ClockFace::default(), line: Vec::new() }
    }

    /// Writes one message. A value that is not JSON (some faults are just that) becomes a JSON text with its bytes.
    pub fn write(&mut self, message: &Message<'_>) -> std::io::Result<()> {
        let line = &mut self.line;
        line.clear();
        line.extend_from_slice(self.heads[message.input as usize].as_bytes());
        line.extend_from_slice(message.key);
        line.extend_from_slice(b"\",\"arrival\":\"");
        line.extend_from_slice(self.clock.show(message.emission));
        line.extend_from_slice(b"\",\"value\":");
        if matches!(message.fault, Some(Fault::Truncated | Fault::Empty)) {
            serde_json::to_writer(&mut *line, &String::from_utf8_lossy(message.value))?;
        } else {
            line.extend_from_slice(message.value);
        }
        line.extend_from_slice(b"}\n");
        self.out.write_all(line)
    }
}
