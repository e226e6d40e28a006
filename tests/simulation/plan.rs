//! What the simulated workers are told: small windows, rules of every kind, and limits that a few minutes can reach.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use hazstream::assess::{
    self, CellSet, Condition, Emit, EventKind, Place, Rule, Silent, WindowSpec, Windows,
};
use hazstream::collect;
use hazstream::log::memory::Layout;
use hazstream::log::{Input, Topic};
use hazstream::taxonomy::{Grade, Level, Taxonomy};
use hazstream::worker::Plan;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use crate::oracle::{self, City};

/// Longer than any event is late that may still count.
const HORIZON_MS: i64 = 400_000;
const DISORDER_MS: i64 = 3_000;
const DEDUP_MS: i64 = 120_000;
const SKEW_MAX_MS: i64 = 60_000;
const HOLD_MS: i64 = 20_000;
/// How long the count of the rule `sustained` must hold.
pub const SUSTAINED_MS: i64 = 20_000;

/// The inputs that the simulated city sends.
pub const INPUTS: [Input; 5] = Input::ALL;

/// What the city is made of, as the product and as the oracle read it.
pub struct World {
    pub taxonomy: Arc<Taxonomy>,
    pub city: City,
}

/// The shipped taxonomy, with a measure that counts every stage of an item.
pub static SHIPPED: LazyLock<World> = LazyLock::new(|| world(&[]));

/// The same, but for sensors that are missed after seconds.
pub static IMPATIENT: LazyLock<World> =
    LazyLock::new(|| world(&[("no_data_after: 5m", "no_data_after: 20s")]));

fn world(changes: &[(&str, &str)]) -> World {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/taxonomy");
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(shipped).expect("the shipped taxonomy") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name");
        let mut text = std::fs::read_to_string(&path).expect("a text");
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        if name == "measures.yaml" {
            text += "  - {code: item_stages, zh: 事项环节, en: Item stages, from: item}\n";
        }
        std::fs::write(folder.path().join(name), text).expect("room");
    }
    let taxonomy = Taxonomy::load(folder.path()).expect("as valid as the shipped one");
    World { taxonomy: Arc::new(taxonomy), city: City::read(folder.path()) }
}

/// What the oracle is told of it.
pub fn oracle_settings() -> oracle::Settings {
    oracle::Settings {
        dedup_horizon_ms: DEDUP_MS,
        max_future_skew_ms: SKEW_MAX_MS,
        allowed_disorder_ms: DISORDER_MS,
        longest_horizon_ms: HORIZON_MS,
        max_event_bytes: 65_536,
        hold_for_ms: Some(HOLD_MS),
    }
}

/// The plan of one seed.
pub fn plan(draw: &mut Pcg64Mcg, layout: &Layout, world: &World) -> Plan {
    let windows = Windows::new(vec![
        window("20s", 20_000, "5s", 5_000),
        window("1m", 60_000, "10s", 10_000),
        window("2m", 120_000, "15s", 15_000),
    ]);
    let partitions = |topic: Topic| layout.topics[&topic];
    Plan {
        taxonomy: Arc::clone(&world.taxonomy),
        collect: INPUTS.map(|input| (input, collect_settings(input, &windows))).into(),
        assess: Arc::new(assess::Settings {
            windows,
            rules: rules(),
            emit: [Emit::Latest, Emit::Both][draw.random_range(0..2)],
            emit_every_ms: [0, 1_000][draw.random_range(0..2)],
            coverage_min: 0.95,
            commands_topic: "hazard.commands".to_owned(),
            zone: jiff::tz::TimeZone::UTC,
        }),
        commit_interval_ms: draw.random_range(50..1_500),
        commit_interval_behind_ms: draw.random_range(0..3_000),
        hurry_ms: 20,
        state_partitions: partitions(Topic::State),
        stopwatch: || std::time::Duration::ZERO,
        tallies_partitions: partitions(Topic::Tallies),
        input_partitions: INPUTS.map(|input| (input, partitions(Topic::Input(input)))).into(),
    }
}

fn collect_settings(input: Input, windows: &Windows) -> collect::Settings {
    collect::Settings {
        allowed_disorder_ms: DISORDER_MS,
        idle_after_ms: 5_000,
        max_future_skew_ms: SKEW_MAX_MS,
        dedup_horizon_ms: DEDUP_MS,
        longest_horizon_ms: HORIZON_MS,
        finest_slice_ms: windows.finest_slice_ms(),
        hold_for_ms: HOLD_MS,
        source_topic: format!("hazard.{}", input.name()),
        ..collect::Settings::default()
    }
}

fn window(name: &str, size_ms: i64, slide_name: &str, slide_ms: i64) -> WindowSpec {
    WindowSpec {
        name: name.to_owned(),
        slide_name: slide_name.to_owned(),
        size_ms,
        slide_ms,
        horizon_ms: HORIZON_MS,
    }
}

pub fn rules() -> Vec<Rule> {
    let count = |measure: &str, window, threshold, clear, place, sector: Option<&str>| Condition::Count {
        measure: measure.to_owned(),
        window,
        threshold,
        clear,
        cells: CellSet { place, sector: sector.map(str::to_owned) },
    };
    let event = |on, kind: &str, stages: &[&str], grade| Condition::Event {
        on,
        kind: kind.to_owned(),
        stages: stages.iter().map(|stage| (*stage).to_owned()).collect(),
        grade,
    };
    let counties = CellSet { place: Place::County, sector: Some("all".to_owned()) };
    let conditions = [
        ("busy_county", count("readings", 1, 12, 10, Place::County, Some("all"))),
        ("busy_town", count("readings", 0, 4, 4, Place::Town, None)),
        ("alarms_together", count("alarms_yellow", 1, 2, 1, Place::County, None)),
        ("inspected_city", count("inspections", 2, 3, 2, Place::City, Some("all"))),
        ("sustained", count("readings", 1, 8, 8, Place::County, Some("all"))),
        ("major_hazard", event(EventKind::Stage, "hazard", &["found"], Some(Grade::Major))),
        ("order_overdue", event(EventKind::Overdue, "order_supervision", &[], None)),
        ("entry_early", event(EventKind::Early, "confined_space", &["entered"], None)),
        ("sensor_red", Condition::SensorLevel { at_least: Level::Red, quantity: None }),
        ("sensor_silent", Condition::NoData(Silent::Sensor)),
        ("gateway_silent", Condition::NoData(Silent::Gateway)),
        ("county_silent", Condition::NoData(Silent::Cell(counties))),
    ];
    conditions
        .into_iter()
        .map(|(name, condition)| Rule {
            name: name.to_owned(),
            hash: format!("sha256:{name}"),
            level: Some(Level::Orange),
            for_ms: if name == "sustained" { SUSTAINED_MS } else { 0 },
            condition,
            labels: Default::default(),
            summary: "{place} {value}".to_owned(),
            summary_zh: "{place} {value}".to_owned(),
        })
        .collect()
}
