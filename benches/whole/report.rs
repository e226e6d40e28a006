//! Figures, and the page that they are written to.

use std::fmt::Write as _;

use crate::Arguments;

/// One figure with its floor.
pub struct Figure {
    pub id: &'static str,
    what: String,
    floor: String,
    found: String,
    /// What it was made of, for whoever doubts it.
    runs: String,
}

impl Figure {
    /// The median of the rounds' ratios; more is better.
    pub fn ratio(id: &'static str, what: &str, floor: f64, above: &[f64], below: &[f64]) -> Figure {
        let ratios: Vec<f64> = above.iter().zip(below).map(|(above, below)| above / below).collect();
        let pairs =
            above.iter().zip(below).map(|(above, below)| format!("{:.2}/{:.2}", above / 1e6, below / 1e6));
        Figure {
            id,
            what: what.to_string(),
            floor: format!("≥ {floor}"),
            found: format!("{:.2}", median(&ratios)),
            runs: format!("{} M events/s", pairs.collect::<Vec<_>>().join(", ")),
        }
    }

    /// The median of how many times as fast; more is better.
    pub fn times(id: &'static str, what: &str, floor: f64, speeds: &[f64]) -> Figure {
        let all: Vec<String> = speeds.iter().map(|speed| format!("{speed:.0}")).collect();
        Figure {
            id,
            what: what.to_string(),
            floor: format!("≥ {floor}"),
            found: format!("{:.0} ×", median(speeds)),
            runs: all.join(", "),
        }
    }

    /// The median of single values; less is better.
    pub fn value(
        id: &'static str,
        what: &str,
        floor: &str,
        unit: &str,
        values: &[f64],
        note: &str,
    ) -> Figure {
        let all: Vec<String> = values.iter().map(|value| format!("{value:.0}")).collect();
        Figure {
            id,
            what: what.to_string(),
            floor: format!("≤ {floor}"),
            found: format!("{:.0} {unit}", median(values)),
            runs: format!("{} {unit}{note}", all.join(", ")),
        }
    }
}

const HEAD: &str = "# Benchmarks

Written by `make bench`. A real Kafka and the load on one core, hazstream on the other; what is compared runs in turns; a
figure is the median over the rounds. Ratios carry over to other machines better than rates do, but not wholly: each processor
has its table, the newest that was measured on it.
";

/// The page, of which the table of this machine's processor is written anew.
pub struct Report {
    model: String,
    table: String,
}

impl Report {
    pub fn new(arguments: &Arguments) -> Report {
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("An unknown processor", |(_, model)| model).to_owned();
        let table = format!(
            "{}, 2 cores, {} rounds, {} readings of about 276 bytes (lz4, 8 partitions), JVM broker with 512 MB.\n\n\
             | id | what | floor | measured | runs |\n|---|---|---|---|---|\n",
            jiff::Timestamp::now().strftime("%Y-%m-%d"),
            arguments.runs,
            arguments.events,
        );
        Report { model, table }
    }

    pub fn add(&mut self, figure: Figure) {
        let Figure { id, what, floor, found, runs } = figure;
        println!("{id}: {what}: {found} (floor {floor}; {runs})");
        writeln!(self.table, "| {id} | {what} | {floor} | **{found}** | {runs} |")
            .expect("text can be written");
    }

    pub fn write(self, output: &str) -> anyhow::Result<()> {
        if output == "-" {
            println!("{}", self.table);
            return Ok(());
        }
        let before = std::fs::read_to_string(output).unwrap_or_default();
        let sections = before.split("\n## ").skip(1).filter_map(|section| section.split_once("\n\n"));
        let others = sections.filter(|(title, _)| ![self.model.as_str(), NOTES.0].contains(title));
        let mut page = HEAD.to_owned();
        for (title, text) in
            [(self.model.as_str(), self.table.as_str())].into_iter().chain(others).chain([NOTES])
        {
            write!(page, "\n## {title}\n\n{}\n", text.trim_end())?;
        }
        Ok(std::fs::write(output, page)?)
    }
}

/// The last section.
const NOTES: (&str, &str) = (
    "How each is measured",
    "Where the time of a reading goes: [profile](profile.md). The code is in benches/whole.

- R1: the reference polls one message at a time and reads its payload's length, with a queue of 64 MB. The pipeline does all
  of its work: decoding, deduplication, sensor levels, five windows, rules, and transactions, which in such a catch-up come
  each 500 ms (`commit_interval_behind`). Its rate is taken between the first committed offset and the last.
- R2: the reference reads runs of records by librdkafka's batch call and parses each into a borrowed struct by serde_json.
- R3, R4: the pipeline with other windows. R4 reads 35,000 readings for each second of event time, the others 2,780: at that
  rate there are more slices of 100 ms than readings, and nothing to add up.
- R8: the pipeline with a commit each 100 ms in the catch-up too, and with commits so rare (5 s) that they cost nothing, as a
  bound from above for what it could do without transactions. So the true ratio is at least this one.
- R10: five windows; the rules count readings and alarms in cells of every level, some cross again and again.
- R11: every input at 500 readings a second of event time, tallied by a real run that catches up, so that each tally holds more
  than one of a live run would; the backtest reads them from Kafka, judges by the shipped rules, reads what was sent and
  compares. The time is that of the whole process, and counts only where every alert event is identical.
- L1: a major hazard is reported ten times a second amid 35,000 readings a second; from the moment before it is
  produced to the moment when a `read_committed` reader of hazard.alerts has its alert.
- M1: the process's resident memory after 1.67 million readings of 100,000 sensors, which is ten minutes of ids at 2,780 a
  second, and half a minute of live ones at that rate, with five windows and the shipped measures and rules. The backlog is
  read as fast as it goes; what that needs at its peak is told beside.
- T1: kill -9 amid 2,780 readings a second, the same command again at once; from the kill to the first alert of a hazard that
  was reported after it.
",
);

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}
