//! From settings to what workers are told: taxonomy, rules, and how the topics are divided.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits_file;
use crate::assess::{self, Windows};
use crate::collect;
use crate::config::{self, Settings};
use crate::log::{Input, Topic};
use crate::taxonomy::{Problem, Taxonomy};
use crate::worker::Plan;

/// Taxonomy, windows and rules, read and checked.
pub struct Pipeline {
    /// The taxonomy.
    pub taxonomy: Arc<Taxonomy>,
    /// What assess tasks are told.
    pub assess: Arc<assess::Settings>,
    /// The text of the rules file; empty where the shipped rules are used.
    pub rules_text: String,
    /// The text of the file of limits, or why there is none; empty where the shipped taxonomy is used.
    pub limits_text: Result<String, Vec<String>>,
}

/// A larger rules file is refused: its rules travel in one record.
const RULES_BYTES_MAX: usize = 512 * 1024;

impl Pipeline {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// Every mistake in the taxonomy, a line each; where it has none, every mistake in the rules.
    pub fn read(settings: &Settings) -> Result<Pipeline, Vec<String>> {
        // Before the taxonomy: what changes after this is found by whoever looks again.
        let dir = settings.taxonomy_dir.as_deref();
        let limits_text = dir.map_or_else(|| Ok(String::new()), limits_file::read_text);
        let taxonomy = match dir {
            Some(dir) => Taxonomy::load(dir).map_err(lines)?,
            None => Taxonomy::shipped(),
        };
        let windows = Windows::new(settings.windows.iter().map(window).collect());
        let (rules_text, rules) = match &settings.rules_file {
            Some(file) => {
                let text = read_text(file)?;
                let rules = read_rules(&file.display().to_string(), &text, &taxonomy, &windows)?;
                (text, rules)
            }
            None => (String::new(), assess::shipped_rules(&taxonomy, &windows).map_err(lines)?),
        };
        let assess = assess::Settings {
            windows,
            rules,
            emit: match settings.emit {
                config::Emit::Latest => assess::Emit::Latest,
                config::Emit::Closes => assess::Emit::Closes,
                config::Emit::Both => assess::Emit::Both,
            },
            emit_every_ms: settings.emit_every_ms,
            coverage_min: settings.coverage_min,
            commands_topic: settings.kafka.topic(Topic::Input(Input::Commands)).to_owned(),
            zone: settings.time.zone.clone(),
        };
        Ok(Pipeline { taxonomy: Arc::new(taxonomy), assess: Arc::new(assess), rules_text, limits_text })
    }

    /// The first digits of the hashes of rules, taxonomy and settings: what must be the same in all replicas.
    pub fn hashes(&self, settings: &Settings) -> [String; 3] {
        let Settings { time, windows, emit, emit_every_ms, coverage_min, limits, kafka, .. } = settings;
        let shared =
            format!("{time:?}{windows:?}{emit:?}{emit_every_ms}{coverage_min}{limits:?}{:?}", kafka.inputs);
        let shared = assess::short_hash([shared.as_str()]);
        [assess::rules_hash(&self.assess.rules), taxonomy_hash(&self.taxonomy), shared]
    }

    /// What workers are told, when the topics have these partitions.
    pub fn plan(&self, settings: &Settings, partitions: &BTreeMap<Topic, u32>) -> Plan {
        let count = |topic| partitions.get(&topic).copied().unwrap_or(0);
        let collect = |input| self.collect(settings, settings.kafka.topic(Topic::Input(input)));
        let ms = |interval: Duration| i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let commit_interval_ms = ms(settings.commit_interval);
        Plan {
            taxonomy: Arc::clone(&self.taxonomy),
            collect: Input::ALL.into_iter().map(|input| (input, collect(input))).collect(),
            assess: Arc::clone(&self.assess),
            commit_interval_ms,
            commit_interval_behind_ms: ms(settings.commit_interval_behind),
            hurry_ms: commit_interval_ms / 4,
            input_partitions: Input::ALL.into_iter().map(|i| (i, count(Topic::Input(i)))).collect(),
            tallies_partitions: count(Topic::Tallies),
            state_partitions: count(Topic::State),
            stopwatch,
        }
    }

    fn collect(&self, settings: &Settings, source_topic: &str) -> collect::Settings {
        let (time, limits) = (&settings.time, &settings.limits);
        collect::Settings {
            allowed_disorder_ms: time.allowed_disorder_ms,
            idle_after_ms: time.idle_after_ms,
            max_future_skew_ms: time.max_future_skew_ms,
            dedup_horizon_ms: time.dedup_horizon_ms,
            dedup_ids_max: limits.ids_max,
            longest_horizon_ms: self.assess.windows.longest_horizon_ms(),
            finest_slice_ms: self.assess.windows.finest_slice_ms(),
            hold_for_ms: time.hold_for_ms,
            expected_for_ms: time.expected_for_ms,
            held_max: limits.held_max,
            subjects_max: limits.subjects_max,
            max_event_bytes: limits.max_event_bytes,
            zone: time.zone.clone(),
            source_topic: source_topic.to_owned(),
            ..collect::Settings::default()
        }
    }
}

/// The first digits of a taxonomy's hash.
pub fn taxonomy_hash(taxonomy: &Taxonomy) -> String {
    assess::short_hash([taxonomy.hash().as_str()])
}

/// The text of a rules file.
///
/// # Errors
/// When there is none, or it is too large.
pub fn read_text(file: &Path) -> Result<String, Vec<String>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        vec![format!("{name}: the rules cannot be read: {error}: name a file that exists")]
    })?;
    if text.len() > RULES_BYTES_MAX {
        let size = text.len();
        return Err(vec![format!(
            "{name}: {size} bytes of rules, at most {RULES_BYTES_MAX} are taken: write fewer rules, or shorter ones"
        )]);
    }
    Ok(text)
}

/// Reads the rules of a file with this name and text.
///
/// # Errors
/// Every mistake, a line each.
pub fn read_rules(
    name: &str,
    text: &str,
    taxonomy: &Taxonomy,
    windows: &Windows,
) -> Result<Vec<assess::Rule>, Vec<String>> {
    assess::read_rules(name, text, taxonomy, windows).map_err(lines)
}

/// Mistakes as lines.
pub fn lines(problems: Vec<Problem>) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn window(written: &config::Window) -> assess::WindowSpec {
    assess::WindowSpec {
        name: written.name.clone(),
        slide_name: config::duration_text(written.slide_ms),
        size_ms: written.size_ms,
        slide_ms: written.slide_ms,
        horizon_ms: written.horizon_ms,
    }
}

/// Time since the process first asked.
fn stopwatch() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}
