//! The file of `backtest --export`, JSON lines. The first says what was taken:
//! `{"hazstream_tallies":1,"tallies":[{"partition","first","end"}…],"judged":[…],"alert_events":[…]}`. Each other is a
//! tally, `{"partition","offset","tally":{…}}`, a change of rules, `{"partition","offset","rules":{…}}`, or an alert event
//! that was sent, `{"partition","offset","sent":{…}}`, in the order of its partition.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::replay::{named, open};
use super::source::{Extent, Source};
use crate::assess::{Announcement, Entry};
use crate::cli::exit::{Exit, Stop};
use crate::cli::print;
use crate::log::Topic;
use crate::tally::Tally;

/// The version of the format; version 1 knows no changes of rules.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Head {
    hazstream_tallies: u32,
    #[serde(flatten)]
    extent: Extent,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    partition: u32,
    offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tally: Option<Box<Tally>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Announcement>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sent: Option<&'a RawValue>,
}

/// What a line of the file holds.
pub enum Line<'a> {
    /// A record of the tallies log, of this partition, at this offset.
    Entry(u32, i64, Entry),
    /// An alert event that was sent, by its partition.
    Sent(u32, &'a str),
}

/// Writes everything that a cluster's topics hold.
///
/// # Errors
/// When it cannot be read or written, or a tally is of another version.
pub fn export(source: &Source<'_>, path: &Path) -> Result<(), Stop> {
    let unwritten = |error: std::io::Error| Stop::new(Exit::Other, format!("{}: {error}", path.display()));
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(unwritten)?);
    let mut lines = 0_u64;
    let mut write = |text: serde_json::Result<String>| {
        let text = text.map_err(|error| Stop::new(Exit::Other, error))?;
        lines += 1;
        writeln!(file, "{text}").map_err(unwritten)
    };
    write(head(&source.extent))?;
    let mut history = source.reader()?;
    for &range in &source.extent.tallies {
        source.read(&mut history, Topic::Tallies, range, |offset, value| {
            let entry = Entry::decode(value)
                .map_err(|error| unreadable(&format!("tally {}[{offset}]", range.partition), &error))?;
            write(entry_line(range.partition, offset, entry))
        })?;
    }
    for &range in &source.extent.alert_events {
        source.read(&mut history, Topic::AlertEvents, range, |offset, value| {
            let event = serde_json::from_slice(value)
                .map_err(|error| unreadable(&format!("alert event {}[{offset}]", range.partition), &error))?;
            let partition = range.partition;
            write(serde_json::to_string(&Written {
                partition,
                offset,
                tally: None,
                rules: None,
                sent: Some(event),
            }))
        })?;
    }
    file.flush().map_err(unwritten)?;
    print::err(format!("{}: {lines} lines", path.display()));
    Ok(())
}

/// Reads a file: what it says of itself, then each line.
///
/// # Errors
/// A line that cannot be read is named.
pub fn read<T>(
    path: &Path,
    begin: impl FnOnce(&Extent) -> T,
    mut each: impl FnMut(&mut T, Line<'_>),
) -> Result<(Extent, T), Stop> {
    let (file, bar) = open(path)?;
    let mut lines = BufReader::with_capacity(1 << 20, bar.wrap_read(file)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let extent = read_head(&first).map_err(|problem| named(path, 0, &problem))?;
    let mut state = begin(&extent);
    for (at, text) in lines.enumerate() {
        let text = text.map_err(|error| named(path, at + 1, &error.to_string()))?;
        let line: Written<'_> =
            serde_json::from_str(&text).map_err(|error| named(path, at + 1, &error.to_string()))?;
        let entry = match (line.tally, line.rules, line.sent) {
            (Some(tally), None, None) => Entry::Tally(tally),
            (None, Some(rules), None) => Entry::Rules(rules),
            (None, None, Some(event)) => {
                each(&mut state, Line::Sent(line.partition, event.get()));
                continue;
            }
            _ => return Err(named(path, at + 1, "not one of `tally`, `rules` and `sent`")),
        };
        each(&mut state, Line::Entry(line.partition, line.offset, entry));
    }
    bar.finish_and_clear();
    Ok((extent, state))
}

fn head(extent: &Extent) -> serde_json::Result<String> {
    serde_json::to_string(&Head { hazstream_tallies: VERSION, extent: extent.clone() })
}

fn entry_line(partition: u32, offset: i64, entry: Entry) -> serde_json::Result<String> {
    let (tally, rules) = match entry {
        Entry::Tally(tally) => (Some(tally), None),
        Entry::Rules(announced) => (None, Some(announced)),
    };
    serde_json::to_string(&Written { partition, offset, tally, rules, sent: None })
}

fn read_head(text: &str) -> Result<Extent, String> {
    match serde_json::from_str::<Head>(text) {
        Ok(Head { hazstream_tallies: 1..=VERSION, extent }) => Ok(extent),
        Ok(Head { hazstream_tallies, .. }) => {
            Err(format!("format version {hazstream_tallies}, this program reads {VERSION}: export it anew"))
        }
        Err(error) => Err(format!("not a file that --export wrote ({error}); events are read by --input")),
    }
}

fn unreadable(what: &str, error: &dyn std::fmt::Display) -> Stop {
    Stop::new(Exit::ForeignState, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::source::Range;
    use super::*;
    use crate::event::EventTime;
    use crate::log::Input;
    use crate::tally::{Signal, Subject, What};

    fn tally() -> Tally {
        let command = What::Command {
            id: "c".into(),
            action: crate::event::Action::Ack,
            by: None,
            expires_at: Some(EventTime::from_ms(9)),
            assignee: None,
            note: Some("随手记".into()),
            original: vec![0, 255],
        };
        let level = What::Level {
            quantity: "methane".into(),
            level: None,
            side: String::new(),
            value: 0.1 + 0.2,
            set_point: 1.0,
        };
        let signal = |subject, what| Signal {
            subject,
            region: "330604".into(),
            sector: "mining".into(),
            enterprise_id: None,
            at: EventTime::MIN,
            offset: Some(7),
            what,
        };
        Tally {
            input: Input::Commands,
            partition: 3,
            partitions: 8,
            offsets: (10, 20),
            clock: EventTime::from_ms(5),
            frontier: EventTime::MIN,
            watermark: EventTime::MIN,
            idle: true,
            cells: Vec::new(),
            measures: Vec::new(),
            counts: Vec::new(),
            coverage: Vec::new(),
            signals: vec![
                signal(Subject::Alert("a".into()), command),
                signal(Subject::Sensor("s".into()), level),
            ],
        }
    }

    fn rules() -> Entry {
        let windows = crate::assess::Windows::new(Vec::new());
        Entry::Rules(Announcement::new(3, EventTime::from_ms(5), &[], &windows))
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let range = Range { partition: 1, first: 4, end: 6 };
        let extent = Extent { tallies: vec![range], judged: vec![5], alert_events: vec![range] };
        let sent = r#"{"id":"a", "value":1.0}"#;
        let text = [
            head(&extent).unwrap(),
            entry_line(1, 4, Entry::Tally(Box::new(tally()))).unwrap(),
            entry_line(1, 5, rules()).unwrap(),
            format!(r#"{{"partition":0,"offset":0,"sent":{sent}}}"#),
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text.join("\n")).unwrap();
        let read = read(
            file.path(),
            |_| (Vec::new(), None),
            |state, line| match line {
                Line::Entry(partition, offset, entry) => state.0.push((partition, offset, entry)),
                Line::Sent(partition, event) => state.1 = Some((partition, event.to_owned())),
            },
        );
        let entries = vec![(1, 4, Entry::Tally(Box::new(tally()))), (1, 5, rules())];
        assert_eq!(read.unwrap(), (extent, (entries, Some((0, sent.to_owned())))));
    }

    #[test]
    fn a_file_of_something_else_is_refused_by_line() {
        let head = r#"{"hazstream_tallies":1,"tallies":[],"judged":[],"alert_events":[]}"#;
        for (text, line) in [
            (String::new(), 1),
            (r#"{"topic":"hazard.sensors","value":{}}"#.to_owned(), 1),
            (head.replace(":1,", ":3,"), 1),
            (format!("{head}\n{{\"partition\":0,\"offset\":0}}"), 2),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &text).unwrap();
            let stop = read(file.path(), |_| (), |(), _| ()).unwrap_err();
            assert!(stop.message.contains(&format!(":{line}: ")), "{text}: {}", stop.message);
        }
    }
}
