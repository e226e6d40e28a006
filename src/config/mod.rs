//! Settings: a YAML file and the environment → [`Settings`], or every [`Problem`] at once.
//!
//! What was written (a tree with places) and what was resolved ([`Settings`]) are two types. The table in
//! [`table`] is the only list of settings: defaults, the reference in docs/configuration.md and the example in
//! config/hazstream.yaml are made from it.

mod draft;
mod kafka;
mod problem;
mod reader;
mod reference;
mod table;
mod value;
mod window;
mod written;
mod yaml;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

pub use draft::Draft;
pub use kafka::KafkaSettings;
pub use problem::{Place, Problem, Wrong};
pub use reference::{example, reference};
pub use table::{ENV_PREFIX, ROWS, Row};
pub use value::{duration_ms, duration_text, log_filter, size_bytes};
pub use window::Window;

use reader::Reader;

/// Everything that can be set, resolved and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How to reach Kafka, and what things are called there.
    pub kafka: KafkaSettings,
    /// What `topics create` makes and `topics check` asks for.
    pub topics: TopicSettings,
    /// Disorder, idleness and horizons.
    pub time: TimeSettings,
    /// The sliding windows, in the order written.
    pub windows: Vec<Window>,
    /// What is written of windows.
    pub emit: Emit,
    /// A cell's newest state is written at most this often, in milliseconds; 0: with every commit.
    pub emit_every_ms: i64,
    /// How often outputs, state and offsets are committed together.
    pub commit_interval: Duration,
    /// The longest such interval while a backlog is read.
    pub commit_interval_behind: Duration,
    /// Threads that take part in the group.
    pub workers: usize,
    /// Folder of the taxonomy; `None`: the one that is shipped.
    pub taxonomy_dir: Option<PathBuf>,
    /// File of the rules; `None`: those that are shipped.
    pub rules_file: Option<PathBuf>,
    /// A cell of which a smaller share of sensors is heard is unknown.
    pub coverage_min: f64,
    /// What is bounded, and where.
    pub limits: Limits,
    /// Where metrics, health and the API listen.
    pub http_listen: SocketAddr,
    /// Whether `http.listen` was written somewhere; `demo` has another default.
    pub http_listen_written: bool,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written: a level, or directives per module.
    pub log_level: String,
    /// The finest region that has its own series.
    pub metrics_region_level: MetricsRegion,
}

/// What `topics create` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// Partitions of each topic.
    pub partitions: u32,
    /// Copies; `None`: the broker's default.
    pub replication_factor: Option<u16>,
    /// Copies that must have a record before it counts as written; `None`: the broker's default.
    pub min_insync_replicas: Option<u16>,
    /// Retention of inputs and tallies in milliseconds.
    pub input_retention_ms: i64,
    /// Retention of alert-events, window-closes and rejects in milliseconds.
    pub output_retention_ms: i64,
}

/// Disorder, idleness and horizons, all in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSettings {
    /// How far events of one partition may be out of order before they count as late.
    pub allowed_disorder_ms: i64,
    /// A partition read to its end and silent for this long follows the clock.
    pub idle_after_ms: i64,
    /// An event further ahead of the clock is quarantined.
    pub max_future_skew_ms: i64,
    /// For how long after its arrival an id is remembered.
    pub dedup_horizon_ms: i64,
    /// How long a stage waits for its predecessor.
    pub hold_for_ms: i64,
    /// How long a sensor that was heard once stays expected.
    pub expected_for_ms: i64,
    /// The zone that times are shown in.
    pub zone: TimeZone,
}

/// What is written of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// The newest state of each cell, on `hazard.windows`.
    Latest,
    /// Each slide's end, on `hazard.window-closes`.
    Closes,
    /// Both.
    Both,
}

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one event.
    pub max_event_bytes: usize,
    /// Ids that one input partition remembers for duplicates.
    pub ids_max: usize,
    /// Held stages of one input partition.
    pub held_max: usize,
    /// Sensors, hazards and items of one input partition.
    pub subjects_max: usize,
    /// Cells of one assess task.
    pub cells_max: usize,
    /// Unresolved alerts of one assess task.
    pub alerts_max: usize,
    /// Time series of one metric.
    pub series_max: usize,
    /// Entries of one page of the API.
    pub page_max: usize,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogFormat {
    Text,
    Json,
}

/// The finest region that has its own series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MetricsRegion {
    City,
    County,
    Town,
}

impl Default for Settings {
    fn default() -> Self {
        Settings::resolve(None, std::iter::empty())
            .unwrap_or_else(|problems| unreachable!("the defaults are wrong: {}", problems[0]))
    }
}

impl Settings {
    /// Reads `file`, where one is given, and the variables of the environment, which go before the file.
    ///
    /// # Errors
    /// Every problem of both, in the order of the file and then of the variables' names.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        Draft::load(file, environment).finish()
    }

    /// Resolves a file's name and text, and variables.
    ///
    /// # Errors
    /// Every problem of both.
    pub fn resolve(
        file: Option<(&str, &str)>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        Draft::read(file, environment).finish()
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let millis = |ms: i64| Duration::from_millis(ms.unsigned_abs());
        let settings = Settings {
            kafka: KafkaSettings::read(reader),
            topics: TopicSettings::read(reader),
            time: TimeSettings::read(reader),
            windows: window::read(reader),
            emit: reader
                .choice("emit", &[("latest", Emit::Latest), ("closes", Emit::Closes), ("both", Emit::Both)]),
            emit_every_ms: reader.scalar("emit_every", value::duration_ms),
            commit_interval: millis(reader.scalar("commit_interval", value::positive_duration_ms)),
            commit_interval_behind: millis(
                reader.scalar("commit_interval_behind", value::positive_duration_ms),
            ),
            workers: usize::from(reader.scalar("workers", value::count::<u8>)),
            taxonomy_dir: reader.scalar("taxonomy.dir", value::optional_path),
            rules_file: reader.scalar("rules.file", value::optional_path),
            coverage_min: reader.scalar("coverage_min", value::ratio),
            limits: Limits::read(reader),
            http_listen: reader.scalar("http.listen", value::address),
            http_listen_written: reader.is_written("http.listen"),
            log_format: reader.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
            log_level: reader.scalar("log.level", value::log_filter),
            metrics_region_level: reader.choice(
                "metrics.region_level",
                &[
                    ("city", MetricsRegion::City),
                    ("county", MetricsRegion::County),
                    ("town", MetricsRegion::Town),
                ],
            ),
        };
        settings.check_together(reader);
        settings
    }

    /// What single values cannot show.
    fn check_together(&self, reader: &mut Reader<'_>) {
        for (name, interval) in [
            ("commit_interval", self.commit_interval),
            ("commit_interval_behind", self.commit_interval_behind),
        ] {
            if interval >= self.kafka.transaction_timeout {
                reader.problem(
                    name,
                    format!("{name} is not shorter than kafka.transaction_timeout"),
                    "the broker would abort every transaction: shorten the one or lengthen the other"
                        .to_owned(),
                );
            }
        }
        if self.topics.input_retention_ms < self.time.dedup_horizon_ms {
            reader.problem(
                "topics.input_retention",
                "topics.input_retention is shorter than time.dedup_horizon".to_owned(),
                "duplicates could not be known again after a restart: keep inputs for longer".to_owned(),
            );
        }
        if let (Some(copies), Some(insync)) =
            (self.topics.replication_factor, self.topics.min_insync_replicas)
            && insync > copies
        {
            reader.problem(
                "topics.min_insync_replicas",
                "topics.min_insync_replicas is larger than topics.replication_factor".to_owned(),
                "nothing could be written: make it smaller, usually one less than the copies".to_owned(),
            );
        }
    }
}

impl TopicSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let some = |number: u16| (number > 0).then_some(number);
        TopicSettings {
            partitions: u32::from(reader.scalar("topics.partitions", value::count::<u16>)),
            replication_factor: some(reader.scalar("topics.replication_factor", value::number)),
            min_insync_replicas: some(reader.scalar("topics.min_insync_replicas", value::number)),
            input_retention_ms: reader.scalar("topics.input_retention", value::positive_duration_ms),
            output_retention_ms: reader.scalar("topics.output_retention", value::positive_duration_ms),
        }
    }
}

impl TimeSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        TimeSettings {
            allowed_disorder_ms: reader.scalar("time.allowed_disorder", value::duration_ms),
            idle_after_ms: reader.scalar("time.idle_after", value::positive_duration_ms),
            max_future_skew_ms: reader.scalar("time.max_future_skew", value::duration_ms),
            dedup_horizon_ms: reader.scalar("time.dedup_horizon", value::duration_ms),
            hold_for_ms: reader.scalar("time.hold_for", value::duration_ms),
            expected_for_ms: reader.scalar("time.expected_for", value::positive_duration_ms),
            zone: reader.scalar("time.zone", value::zone),
        }
    }
}

impl Limits {
    fn read(reader: &mut Reader<'_>) -> Self {
        let mut count = |key| reader.scalar(key, value::count::<usize>);
        Limits {
            ids_max: count("limits.ids_max"),
            held_max: count("limits.held_max"),
            subjects_max: count("limits.subjects_max"),
            cells_max: count("limits.cells_max"),
            alerts_max: count("limits.alerts_max"),
            series_max: count("limits.series_max"),
            page_max: count("limits.page_max"),
            max_event_bytes: reader.scalar("limits.max_event_bytes", value::size_bytes),
        }
    }
}

#[cfg(test)]
mod tests;

/// Compares a generated document with its file, or writes it anew with `HAZSTREAM_TEST_WRITE=1`.
#[cfg(test)]
pub(crate) fn assert_file_is(path: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("HAZSTREAM_TEST_WRITE").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is out of date: HAZSTREAM_TEST_WRITE=1 cargo test --lib drift",
        path.display()
    );
}
