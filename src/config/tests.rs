//! Settings as data: what is written, and what it means or which mistakes are named.

use super::reader::Reader;
use super::written::Spec;
use super::*;

fn resolve(yaml: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Draft::read(Some(("a.yaml", yaml)), variables).finish()
}

fn problems(yaml: &str, environment: &[(&str, &str)]) -> Vec<String> {
    resolve(yaml, environment).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_written_gives_the_defaults() {
    let settings = resolve("", &[]).unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.time.allowed_disorder_ms, 30_000);
    assert_eq!(settings.windows.len(), 5);
    assert_eq!(settings.kafka.topic(crate::log::Topic::AlertEvents), "hazard.alert-events");
    assert_eq!(settings.limits.max_event_bytes, 65_536);
}

#[test]
fn every_row_of_the_table_is_read_once() {
    let (spec, mut problems) = (Spec::default(), Vec::new());
    let mut reader = Reader::new(&spec, &mut problems);
    Settings::read(&mut reader);
    let mut taken = reader.taken();
    taken.sort_unstable();
    let mut rows: Vec<_> = ROWS.iter().map(|row| row.key).collect();
    rows.sort_unstable();
    assert_eq!(taken, rows);
}

#[test]
fn the_environment_goes_before_the_file() {
    let yaml = "kafka:\n  group: a\n  bootstrap_servers: file:1\n";
    let settings = resolve(yaml, &[("HAZSTREAM_KAFKA_BOOTSTRAP_SERVERS", "env:2")]).unwrap();
    assert_eq!((settings.kafka.group.as_str(), settings.kafka.bootstrap_servers.as_str()), ("a", "env:2"));
}

#[test]
fn every_setting_can_come_from_the_environment() {
    for row in ROWS {
        let value = if row.default.is_empty() { "x" } else { row.default };
        let settings = resolve("", &[(&row.env(), value)]);
        assert!(settings.is_ok(), "{}: {settings:?}", row.env());
        if row.takes == "duration" {
            let changed = resolve("", &[(&row.env(), "20s")]).ok();
            assert_ne!(changed, Some(Settings::default()), "{}", row.env());
        }
    }
}

#[test]
fn a_window_is_short_or_long_and_its_horizon_is_its_size() {
    let yaml = "windows:\n  - 24h/5m\n  - {name: shift, size: 8h, slide: 1m, horizon: 12h}\n";
    let hour = 3_600_000;
    let windows = resolve(yaml, &[]).unwrap().windows;
    let day = Window { name: "24h".into(), size_ms: 24 * hour, slide_ms: 300_000, horizon_ms: 24 * hour };
    let shift = Window { name: "shift".into(), size_ms: 8 * hour, slide_ms: 60_000, horizon_ms: 12 * hour };
    assert_eq!(windows, [day, shift]);
    let windows = resolve(yaml, &[("HAZSTREAM_WINDOWS", "[{size: 1h, slide: 1m}]")]).unwrap().windows;
    assert_eq!((windows.len(), windows[0].name.as_str()), (1, "1h"));
}

#[test]
fn properties_come_from_both_and_are_never_printed() {
    let yaml = "kafka:\n  properties:\n    security.protocol: SASL_SSL\n    sasl:\n      username: u\n    batch.size: 007\n";
    let settings = resolve(yaml, &[("HAZSTREAM_KAFKA_PROPERTIES_SASL_PASSWORD", "s3cret")]).unwrap();
    let wanted = [
        ("batch.size", "007"),
        ("sasl.password", "s3cret"),
        ("sasl.username", "u"),
        ("security.protocol", "SASL_SSL"),
    ];
    assert_eq!(
        settings.kafka.properties,
        wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );
    assert_eq!(settings.kafka.consumer_properties, settings.kafka.properties);
    assert!(!format!("{settings:?}").contains("s3cret"));
    let broken = problems("kafka: {properties: [s3cret]}\n", &[]);
    assert!(!broken.join("\n").contains("s3cret"), "{broken:?}");
}

#[test]
fn every_mistake_is_named_at_once_with_place_value_and_remedy() {
    let yaml = "\
kafka:
  bootstrap_server: x:1
  inputs: [sensors, inspection]
time:
  idle_after: 10
  zone: Asia/Shaoxing
windows: [1h/7m, 10m/10s, 10m/1m]
emit: lates
coverage_min: 95
limits: {held_max: 0}
commit_interval: [100ms]
";
    let found = problems(yaml, &[("HAZSTREAM_LOG_LEVEL", "loud"), ("HAZSTREAM_WORKER", "2")]);
    let wanted = [
        "a.yaml:2: no setting has this name (found \"kafka.bootstrap_server\"): did you mean \"kafka.bootstrap_servers\"?",
        "a.yaml:3: kafka.inputs is not a name known here (found \"inspection\"): did you mean \"inspections\"?",
        "a.yaml:5: time.idle_after is not a duration (found \"10\"): write a number and a unit: 100ms, 10s, 5m, 1h, 7d",
        "a.yaml:6: time.zone is not a time zone (found \"Asia/Shaoxing\"): write a name of the IANA database: Asia/Shanghai, UTC, Europe/Berlin",
        "a.yaml:7: two windows are called \"10m\": give one of them another name: {name: …, size: …, slide: …}",
        "a.yaml:7: windows is not a whole number of slides of 7m (found \"1h/7m\"): write a size that is a multiple of the slide, for example 56m/7m",
        "a.yaml:8: emit is not a name known here (found \"lates\"): did you mean \"latest\"?",
        "a.yaml:9: coverage_min is not a share (found \"95\"): write a number from 0 to 1, or a percentage: 0.95, 95%",
        "a.yaml:10: limits.held_max is not a count (found \"0\"): write a whole number of at least 1",
        "a.yaml:11: commit_interval takes one value: write it behind the colon, on the same line",
        "HAZSTREAM_LOG_LEVEL: log.level is not a log filter (found \"loud\"): write error, warn, info, debug or trace, or per module: info,hazstream::kafka=debug",
        "HAZSTREAM_WORKER: no setting has this name: did you mean \"HAZSTREAM_WORKERS\"?",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn other_mistakes_have_their_remedy_too() {
    for (yaml, wanted) in [
        ("time:\n  idle_after: 1s\n  idle_after: 2s\n", "a.yaml:3: time.idle_after stands twice"),
        ("idle_after: 1s\n", "did you mean \"time.idle_after\"?"),
        ("kafka: 3\n", "a.yaml:1: kafka is not a group of settings"),
        ("emit: [\n", "this is not YAML"),
        ("- a\n", "the file is not a group"),
        ("windows: [{sise: 1h, size: 1h, slide: 1m}]\n", "did you mean \"size\"?"),
        ("windows: [{size: 1h}]\n", "windows.slide is not a duration"),
        ("kafka: {topic_prefix: a., topics: {sensors: a.items}}\n", "are both \"a.items\""),
        ("commit_interval: 1m\n", "not shorter than kafka.transaction_timeout"),
        ("kafka: {heartbeat_interval: 9s}\n", "more than half of kafka.session_timeout"),
        ("kafka: {inputs: []}\n", "names no input"),
        ("kafka: {group: 安监}\n", "kafka.group is not a name"),
        ("kafka: {instance: a/b}\n", "kafka.instance is not a name"),
        (
            "topics: {replication_factor: 1, min_insync_replicas: 2}\n",
            "larger than topics.replication_factor",
        ),
        ("topics: {input_retention: 5m}\n", "shorter than time.dedup_horizon"),
        ("nonsense_of_a_name: 1\n", "see docs/configuration.md"),
    ] {
        let found = problems(yaml, &[]).join("\n");
        assert!(found.contains(wanted), "{yaml}: {found}");
    }
}

#[test]
fn variables_that_are_not_settings_are_left_alone() {
    let of_others = [
        ("HAZSTREAM_CONFIG", "x"),
        ("HAZSTREAM_TEST_KAFKA", "x"),
        ("HAZSTREAM_SERVICE_HOST", "10.0.0.1"),
        ("HAZSTREAM_SERVICE_PORT_HTTP", "8080"),
        ("HAZSTREAM_PORT", "tcp://10.0.0.1:8080"),
        ("HAZSTREAM_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("HAZSTREAM_LOG_LEVEL", ""),
        ("PATH", "/bin"),
    ];
    assert_eq!(resolve("", &of_others).unwrap(), Settings::default());
}

#[test]
fn a_missing_file_is_a_problem_with_a_remedy() {
    let problems = Draft::load(Some(Path::new("/nowhere/a.yaml")), std::iter::empty()).problems();
    assert!(problems[0].to_string().starts_with("/nowhere/a.yaml: the settings file cannot be read"));
}

#[test]
fn the_shipped_example_is_the_defaults_and_does_not_drift() {
    crate::config::assert_file_is("config/hazstream.yaml", &example());
    assert_eq!(
        resolve(&example(), &[]).unwrap(),
        Settings { http_listen_written: true, ..Settings::default() }
    );
}

#[test]
fn the_reference_does_not_drift() {
    crate::config::assert_file_is("docs/configuration.md", &reference());
}
