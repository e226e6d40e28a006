//! Which rules, taxonomy and settings are in force, and what was found where the rules are looked for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{counters, int_gauges};
use crate::worker::report::RulesReport;

/// The metrics of rules and their reloads.
pub struct Rules {
    config: IntGaugeVec,
    known: Mutex<Known>,
    file: IntGaugeVec,
    number: IntGauge,
    aside: IntGauge,
    reloads: Reloads,
    limits: Reloads,
}

/// What became of the changes of a file.
struct Reloads {
    total: IntCounterVec,
    successful: IntGauge,
}

impl Reloads {
    fn taken(&self) {
        self.total.with_label_values(&["taken"]).inc();
        self.successful.set(1);
    }

    fn refused(&self) {
        self.total.with_label_values(&["refused"]).inc();
        self.successful.set(0);
    }
}

/// What is shown follows from it.
#[derive(Default)]
struct Known {
    /// The hash of the rules that were found last.
    found: String,
    /// The hashes of taxonomy and settings.
    others: [String; 2],
    /// By worker: what it judges by.
    workers: BTreeMap<usize, RulesReport>,
}

impl Rules {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name: &str| int_gauges(registry, name).with_label_values::<&str>(&[]);
        let rules = Rules {
            config: int_gauges(registry, "hazstream_config_info"),
            known: Mutex::default(),
            file: int_gauges(registry, "hazstream_rules_file_info"),
            number: gauge("hazstream_rules_number"),
            aside: gauge("hazstream_rules_aside"),
            reloads: Reloads {
                total: counters(registry, "hazstream_rules_reloads_total"),
                successful: gauge("hazstream_rules_last_reload_successful"),
            },
            limits: Reloads {
                total: counters(registry, "hazstream_limits_reloads_total"),
                successful: gauge("hazstream_limits_last_reload_successful"),
            },
        };
        rules.reloads.successful.set(1);
        rules.limits.successful.set(1);
        rules
    }

    pub(super) fn start_at_zero(&self) {
        for result in ["taken", "refused"] {
            self.reloads.total.with_label_values(&[result]);
            self.limits.total.with_label_values(&[result]);
        }
    }

    /// The hashes of the rules, taxonomy and settings that the process is started with.
    pub fn configured(&self, [rules, taxonomy, settings]: &[String; 3]) {
        self.show(|known| {
            known.found.clone_from(rules);
            known.others = [taxonomy.clone(), settings.clone()];
        });
    }

    pub(super) fn report(&self, report: &RulesReport) {
        self.show(|known| drop(known.workers.insert(report.worker, report.clone())));
    }

    /// The rules file was changed, and is valid: these are its rules.
    pub fn taken(&self, hash: &str) {
        self.show(|known| hash.clone_into(&mut known.found));
        self.reloads.taken();
    }

    /// The rules file was changed, and has mistakes.
    pub fn refused(&self) {
        self.reloads.refused();
    }

    /// The file of limits was changed, and is valid: the taxonomy has this hash now.
    pub fn limits_taken(&self, taxonomy: &str) {
        self.show(|known| taxonomy.clone_into(&mut known.others[0]));
        self.limits.taken();
    }

    /// The file of limits was changed, and has mistakes, or more than limits in it.
    pub fn limits_refused(&self) {
        self.limits.refused();
    }

    fn show(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        self.file.reset();
        self.file.with_label_values(&[&known.found]).set(1);
        // Who judges nothing has no rules in force: what it found stands in, and differs from nobody's.
        let judging = known.workers.values().filter(|report| report.hash.is_some());
        let newest = judging.max_by_key(|report| report.number);
        self.number.set(newest.map_or(0, |report| i64::try_from(report.number).unwrap_or(i64::MAX)));
        self.aside.set(newest.map_or(0, |report| report.aside.len() as i64));
        let rules = newest.and_then(|report| report.hash.as_ref()).unwrap_or(&known.found);
        let [taxonomy, settings] = &known.others;
        self.config.reset();
        self.config.with_label_values(&[rules, taxonomy, settings]).set(1);
    }
}
