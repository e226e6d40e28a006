//! The read model: what the last commits made true, between the tasks that write it and http that shows it.
//!
//! It is fed committed outputs only, so it never shows what may still be rolled back. Records are kept as the bytes that
//! were written and parsed when somebody asks: a commit writes thousands, a page shows a hundred.

mod record;
mod source;

use std::collections::BTreeMap;

use dashmap::DashMap;

use crate::log::{Input, Output, Topic, TopicPartition};
use crate::tally::{Cell, Subject};
use crate::worker::report::{AssessReport, CollectReport, Report};

pub use record::{AlertRecord, Coverage, Region, WindowRecord};
pub use source::{LedgerEntry, Source, TallySource};

/// A cell in a window: the parts of the key of `hazard.windows`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct WindowKey {
    pub region: String,
    pub sector: String,
    pub window: String,
}

impl WindowKey {
    /// Reads `region|sector|window`.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.splitn(3, '|').map(str::to_owned);
        Some(WindowKey { region: parts.next()?, sector: parts.next()?, window: parts.next()? })
    }
}

/// The read model.
#[derive(Debug, Default)]
pub struct View {
    regions: BTreeMap<String, Region>,
    windows: DashMap<WindowKey, Vec<u8>>,
    alerts: DashMap<String, Vec<u8>>,
    sources: DashMap<(Input, u32), CollectReport>,
    tallies: DashMap<u32, AssessReport>,
}

impl View {
    /// An empty view of a city of these regions.
    pub fn new(regions: impl IntoIterator<Item = Region>) -> Self {
        let regions = regions.into_iter().map(|region| (region.code.clone(), region)).collect();
        View { regions, ..View::default() }
    }

    /// Takes in an output that was committed, or a record of a restored state. Topics that nobody looks at are passed over.
    pub fn apply(&self, output: &Output) {
        let Ok(key) = std::str::from_utf8(&output.key) else { return };
        match output.topic {
            Topic::Windows => {
                let Some(key) = WindowKey::parse(key) else { return };
                match &output.value {
                    Some(value) => drop(self.windows.insert(key, value.clone())),
                    None => drop(self.windows.remove(&key)),
                }
            }
            Topic::Alerts => match &output.value {
                Some(value) => drop(self.alerts.insert(key.to_owned(), value.clone())),
                None => drop(self.alerts.remove(key)),
            },
            Topic::Input(_)
            | Topic::Tallies
            | Topic::State
            | Topic::Rejects
            | Topic::WindowCloses
            | Topic::AlertEvents => {}
        }
    }

    /// Takes in what a worker says of its tasks.
    pub fn report(&self, report: &Report) {
        match report {
            Report::Collect(report) => {
                drop(self.sources.insert((report.input, report.partition), (**report).clone()));
            }
            Report::Assess(report) => self.take_assess(report),
            Report::Released(partitions) => partitions.iter().for_each(|at| self.release(*at)),
            Report::Member(_)
            | Report::Restore(_)
            | Report::Commit(_)
            | Report::Rules(_)
            | Report::Trouble(_) => {}
        }
    }

    fn take_assess(&self, report: &AssessReport) {
        let mut report = report.clone();
        if report.open_hazards.is_none() {
            report.open_hazards =
                self.tallies.get(&report.partition).and_then(|before| before.open_hazards.clone());
        }
        self.tallies.insert(report.partition, report);
    }

    /// Forgets what another replica shows from now on.
    fn release(&self, at: TopicPartition) {
        match at.topic {
            Topic::Input(input) => drop(self.sources.remove(&(input, at.partition))),
            Topic::Tallies => {
                let Some((_, report)) = self.tallies.remove(&at.partition) else { return };
                let lives_there = |subject: &Subject| subject.partition(report.partitions) == at.partition;
                self.windows.retain(|key, _| {
                    let cell = Cell { region: key.region.clone(), sector: key.sector.clone() };
                    !lives_there(&Subject::Cell(cell))
                });
                self.alerts.retain(|id, _| !lives_there(&Subject::Alert(id.clone())));
            }
            Topic::State
            | Topic::Rejects
            | Topic::Windows
            | Topic::WindowCloses
            | Topic::Alerts
            | Topic::AlertEvents => {}
        }
    }

    /// The region with this code.
    pub fn region(&self, code: &str) -> Option<&Region> {
        self.regions.get(code)
    }

    /// Every region, by code.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// Whether `region` is `above` or lies in it, today.
    pub fn lies_in(&self, region: &str, above: &str) -> bool {
        let mut at = Some(region);
        // A tree of four levels; the bound keeps a taxonomy that bites its tail from holding a request for ever.
        for _ in 0..8 {
            match at {
                Some(code) if code == above => return true,
                Some(code) => at = self.region(code).and_then(|region| region.parent.as_deref()),
                None => return false,
            }
        }
        false
    }

    /// The keys of windows that `wanted` takes, in order.
    pub fn window_keys(&self, wanted: impl Fn(&WindowKey) -> bool) -> Vec<WindowKey> {
        let mut keys: Vec<_> = self
            .windows
            .iter()
            .filter(|entry| wanted(entry.key()))
            .map(|entry| entry.key().clone())
            .collect();
        keys.sort_unstable();
        keys
    }

    /// One cell's window. `None` too if the record is none that this version can read.
    pub fn window(&self, key: &WindowKey) -> Option<WindowRecord> {
        serde_json::from_slice(&self.windows.get(key)?).ok()
    }

    /// The alerts that `wanted` takes, by id.
    pub fn alerts(&self, wanted: impl Fn(&AlertRecord) -> bool) -> Vec<AlertRecord> {
        let mut alerts: Vec<AlertRecord> = self
            .alerts
            .iter()
            .filter_map(|entry| serde_json::from_slice(entry.value()).ok())
            .filter(wanted)
            .collect();
        alerts.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        alerts
    }

    /// Every input partition of this process, in order.
    pub fn sources(&self) -> Vec<CollectReport> {
        let mut sources: Vec<_> = self.sources.iter().map(|entry| entry.value().clone()).collect();
        sources.sort_unstable_by_key(|report| (report.input, report.partition));
        sources
    }

    /// Every tallies partition of this process, in order.
    pub fn tallies(&self) -> Vec<AssessReport> {
        let mut tallies: Vec<_> = self.tallies.iter().map(|entry| entry.value().clone()).collect();
        tallies.sort_unstable_by_key(|report| report.partition);
        tallies
    }
}

#[cfg(test)]
mod tests;
