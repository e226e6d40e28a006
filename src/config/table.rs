//! Every setting: key, default, what it takes, what it means. The reference, the example file and the environment's names
//! are made from this table.

/// What a variable's name begins with.
pub const ENV_PREFIX: &str = "HAZSTREAM_";

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its path in the file, with dots.
    pub key: &'static str,
    /// The default, as it would be written.
    pub default: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it means, in one or two sentences.
    pub meaning: &'static str,
}

impl Row {
    /// Its variable: `kafka.bootstrap_servers` → `HAZSTREAM_KAFKA_BOOTSTRAP_SERVERS`.
    pub fn env(&self) -> String {
        let name = self.key.to_ascii_uppercase().replace(['.', '-'], "_");
        format!("{ENV_PREFIX}{name}")
    }

    /// A list or a map.
    pub(super) fn is_structured(&self) -> bool {
        self.takes == "list" || self.is_map()
    }

    pub(super) fn is_map(&self) -> bool {
        self.takes == "map"
    }
}

/// The row with this key.
pub(super) fn find(key: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.key == key)
}

/// Whether this path is a setting or a group of settings.
pub(super) fn is_known(path: &str) -> bool {
    ROWS.iter()
        .any(|row| row.key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The paths directly under a group (`""`: the top), each once.
pub(super) fn names_in(group: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in ROWS {
        let inside = if group.is_empty() {
            Some(row.key)
        } else {
            row.key.strip_prefix(group).and_then(|rest| rest.strip_prefix('.'))
        };
        let Some(first) = inside.and_then(|rest| rest.split('.').next()) else { continue };
        let path = if group.is_empty() { first.to_owned() } else { format!("{group}.{first}") };
        if !names.contains(&path) {
            names.push(path);
        }
    }
    names
}

const fn row(key: &'static str, default: &'static str, takes: &'static str, meaning: &'static str) -> Row {
    Row { key, default, takes, meaning }
}

/// Every setting, in the order of the reference.
pub const ROWS: &[Row] = &[
    row(
        "kafka.bootstrap_servers",
        "localhost:9092",
        "text",
        "Brokers to start from: HOST:PORT, several with commas.",
    ),
    row(
        "kafka.group",
        "hazstream",
        "name",
        "The consumer group. All replicas of one deployment share it, and nobody else.",
    ),
    row(
        "kafka.instance",
        "",
        "name",
        "A name that no other replica has and that survives a restart; transactional and group instance ids are made of it. Default: HOSTNAME, which a StatefulSet keeps stable.",
    ),
    row("kafka.topic_prefix", "hazard.", "text", "What every topic's name begins with."),
    row(
        "kafka.topics.sensors",
        "",
        "text",
        "This topic by another name than prefix and `sensors`. The same holds for each of the following.",
    ),
    row("kafka.topics.inspections", "", "text", "Input: inspections and hazards."),
    row("kafka.topics.items", "", "text", "Input: orders, issues, permits and other things with stages."),
    row("kafka.topics.records", "", "text", "Input: facts that are only counted."),
    row("kafka.topics.commands", "", "text", "Input: what officers tell alerts."),
    row("kafka.topics.tallies", "", "text", "Internal log between collect and assess."),
    row("kafka.topics.state", "", "text", "Compacted changelog of every task."),
    row("kafka.topics.rejects", "", "text", "Dead letters, with the reason."),
    row("kafka.topics.windows", "", "text", "Output: the newest counts of each cell."),
    row("kafka.topics.window-closes", "", "text", "Output: counts at each slide's end."),
    row("kafka.topics.alerts", "", "text", "Output: the newest state of each alert."),
    row("kafka.topics.alert-events", "", "text", "Output: every transition of each alert."),
    row(
        "kafka.inputs",
        "[sensors, inspections, items, records, commands]",
        "list",
        "The inputs that are read. One that is left out neither counts nor holds time back.",
    ),
    row(
        "kafka.session_timeout",
        "10s",
        "duration",
        "A member that is silent for this long loses its partitions.",
    ),
    row(
        "kafka.heartbeat_interval",
        "3s",
        "duration",
        "How often a member says that it lives: a third of the session time-out or less.",
    ),
    row(
        "kafka.transaction_timeout",
        "10s",
        "duration",
        "The broker aborts a transaction that is older. A killed worker holds readers back for as long.",
    ),
    row(
        "kafka.properties",
        "{}",
        "map",
        "Settings of librdkafka for every client: `security.protocol`, `sasl.username`, `ssl.ca.location`, … In the environment also one by one: HAZSTREAM_KAFKA_PROPERTIES_SASL_PASSWORD is `sasl.password`. Never printed.",
    ),
    row(
        "kafka.consumer_properties",
        "{}",
        "map",
        "Settings of librdkafka for consumers alone; they go before `properties`.",
    ),
    row(
        "kafka.producer_properties",
        "{}",
        "map",
        "Settings of librdkafka for producers alone; they go before `properties`.",
    ),
    row("topics.partitions", "6", "count", "Partitions of each topic that `topics create` makes."),
    row(
        "topics.replication_factor",
        "0",
        "number",
        "Copies of each partition that `topics create` makes; 0: the broker's default.",
    ),
    row(
        "topics.min_insync_replicas",
        "0",
        "number",
        "How many copies must have a record before it counts as written; 0: the broker's default.",
    ),
    row(
        "topics.input_retention",
        "7d",
        "duration",
        "How long the inputs and the tallies keep a record: longer than any outage that is to be made up for.",
    ),
    row(
        "topics.output_retention",
        "365d",
        "duration",
        "How long `alert-events`, `window-closes` and `rejects` keep a record.",
    ),
    row(
        "time.allowed_disorder",
        "30s",
        "duration",
        "How far events of one partition may be out of order before they count as late. Late is not lost.",
    ),
    row(
        "time.idle_after",
        "10s",
        "duration",
        "A partition that is read to its end and silent for this long follows the clock.",
    ),
    row(
        "time.max_future_skew",
        "60s",
        "duration",
        "An event further ahead of the clock than this is quarantined.",
    ),
    row(
        "time.dedup_horizon",
        "10m",
        "duration",
        "For how long after its arrival an event's id is remembered.",
    ),
    row(
        "time.hold_for",
        "1h",
        "duration",
        "How long a stage waits for its predecessor before it is rejected as illegal.",
    ),
    row("time.expected_for", "30d", "duration", "How long a sensor that was heard once stays expected."),
    row(
        "time.zone",
        "Asia/Shanghai",
        "IANA zone",
        "The zone that times are shown in, and in which a date begins and ends.",
    ),
    row(
        "windows",
        "[10m/10s, 1h/1m, 24h/5m, 7d/1h, 30d/6h]",
        "list",
        "Sliding windows: size/slide, or {name, size, slide, horizon}. The name is the size unless given. An event late by less than the horizon (the size unless given) is still added.",
    ),
    row(
        "emit",
        "latest",
        "latest, closes, both",
        "What is written of windows: the newest state of each cell, each slide's end, or both.",
    ),
    row(
        "emit_every",
        "1s",
        "duration",
        "A cell's newest state is written at most this often; 0: with every commit.",
    ),
    row(
        "commit_interval",
        "100ms",
        "duration",
        "How often outputs, state and offsets are committed together. Shorter is earlier, longer is cheaper.",
    ),
    row(
        "commit_interval_behind",
        "500ms",
        "duration",
        "The longest interval while a backlog is read. It is a tenth of the time for which the newest record read has been waiting, between `commit_interval` and this: fewer and larger transactions are faster. No longer than `commit_interval`: always that.",
    ),
    row("workers", "1", "count", "Threads that each take part in the group with their own clients."),
    row(
        "taxonomy.dir",
        "",
        "path",
        "Folder with regions, sectors, quantities, clauses, kinds and measures. Default: those that are shipped.",
    ),
    row(
        "rules.file",
        "",
        "path",
        "Rules that raise alerts. Default: those that are shipped. A change is taken while the process runs, at the same place in all replicas; one with a mistake is refused, and the rules before it stay in force.",
    ),
    row(
        "coverage_min",
        "0.95",
        "share",
        "A cell of which fewer sensors are heard is unknown: its alerts do not resolve.",
    ),
    row("limits.max_event_bytes", "64KiB", "size", "A longer event is rejected."),
    row(
        "limits.ids_max",
        "8000000",
        "count",
        "Ids that one input partition remembers for duplicates; the oldest goes first.",
    ),
    row(
        "limits.held_max",
        "10000",
        "count",
        "Stages of one input partition that wait for their predecessor.",
    ),
    row(
        "limits.subjects_max",
        "1000000",
        "count",
        "Sensors, hazards and items that one input partition follows.",
    ),
    row("limits.cells_max", "50000", "count", "Cells that one assess task keeps."),
    row("limits.alerts_max", "100000", "count", "Alerts that one assess task keeps, resolved ones left out."),
    row(
        "limits.series_max",
        "50000",
        "count",
        "Time series of one metric on /metrics; what goes beyond is counted.",
    ),
    row("limits.page_max", "1000", "count", "Entries of one page of the API."),
    row(
        "http.listen",
        "0.0.0.0:8080",
        "address",
        "Where metrics, health and the API listen; `demo` listens on 127.0.0.1 unless told.",
    ),
    row("log.format", "text", "text, json", "How log lines are written."),
    row(
        "log.level",
        "info",
        "filter",
        "`error`, `warn`, `info`, `debug`, `trace`, or per module: `info,hazstream::kafka=debug`. Can be changed at run time: PUT /-/log-level.",
    ),
    row("metrics.region_level", "county", "city, county, town", "The finest region that has its own series."),
];
