//! Where workers' reports and committed outputs go: into the read model, the metrics and the state of health.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Settings;
use crate::event::EventTime;
use crate::log::{Output, TopicPartition};
use crate::metrics::Metrics;
use crate::taxonomy::Taxonomy;
use crate::view::{Region, View};
use crate::worker::report::Report;

/// Takes in what workers say; shared by all of them and by http.
pub struct Observer {
    view: Arc<View>,
    metrics: Metrics,
    workers: Mutex<Vec<WorkerState>>,
    draining: std::sync::atomic::AtomicBool,
}

/// What decides whether a worker is ready.
#[derive(Clone, Debug, Default)]
struct WorkerState {
    stable: bool,
    assigned: BTreeSet<TopicPartition>,
    /// Records restored, and to restore; nothing before the first report.
    restored: Option<(u64, u64)>,
    waits_for: Option<String>,
    /// It was a stable member with everything restored once; what comes later is no start.
    started: bool,
}

impl Observer {
    /// For a process with these settings, in the city of this taxonomy as it is divided at `now`.
    pub fn new(settings: &Settings, taxonomy: &Taxonomy, now: EventTime) -> Self {
        let view = Arc::new(View::new(regions(taxonomy, now)));
        let metrics =
            Metrics::new(Arc::clone(&view), settings.metrics_region_level, settings.limits.series_max);
        let workers = Mutex::new(vec![WorkerState::default(); settings.workers]);
        Observer { view, metrics, workers, draining: false.into() }
    }

    /// Says by their hashes which rules, taxonomy and settings the process is started with.
    pub fn configured(&self, hashes: &[String; 3]) {
        self.metrics.rules().configured(hashes);
    }

    /// Takes in what was found where the rules are looked for.
    pub fn rules(&self) -> &crate::metrics::Rules {
        self.metrics.rules()
    }

    /// Takes in what a worker says.
    pub fn report(&self, report: &Report) {
        self.view.report(report);
        self.metrics.report(report);
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Report::Member(report) => {
                if let Some(worker) = workers.get_mut(report.worker) {
                    worker.stable = report.stable;
                    worker.assigned = report.assigned.iter().copied().collect();
                }
            }
            Report::Restore(report) => {
                if let Some(worker) = workers.get_mut(report.worker) {
                    worker.restored = Some((report.done, report.total));
                }
            }
            Report::Trouble(report) => {
                if let Some(worker) = workers.get_mut(report.worker) {
                    worker.waits_for = report.waits_for.clone();
                }
            }
            Report::Commit(_)
            | Report::Collect(_)
            | Report::Assess(_)
            | Report::Rules(_)
            | Report::Released(_) => {}
        }
        for worker in workers.iter_mut() {
            worker.started |= worker.not_ready().is_none();
        }
    }

    /// Takes in outputs that were committed; after a restore, also the restored windows and alerts.
    pub fn committed<'a>(&self, outputs: impl IntoIterator<Item = &'a Output>) {
        outputs.into_iter().for_each(|output| self.view.apply(output));
    }

    /// The process is about to end: it is no longer ready, and says so.
    pub fn drain(&self) {
        self.draining.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Why the process is not ready; nothing when it is. Ready: every worker is a stable member of the group and has
    /// restored what it owns, which may be nothing.
    pub fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.draining.load(std::sync::atomic::Ordering::Relaxed) {
            reasons.push("draining: about to end".to_owned());
        }
        for (number, worker) in self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter().enumerate()
        {
            reasons.extend(worker.not_ready().map(|reason| format!("worker {number}: {reason}")));
        }
        self.metrics.set_ready(reasons.is_empty());
        reasons
    }

    /// Why the process is still starting; nothing when it has started. Started: every worker was ready once, or waits for
    /// something outside, which is no fault of the process and must not end it.
    pub fn not_started(&self) -> Vec<String> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let starting =
            workers.iter().enumerate().filter(|(_, worker)| !worker.started && worker.waits_for.is_none());
        starting
            .filter_map(|(number, worker)| Some(format!("worker {number}: {}", worker.not_ready()?)))
            .collect()
    }

    /// The read model.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The metrics page.
    ///
    /// # Errors
    /// If a metric was built wrongly; a test keeps that from happening.
    pub fn metrics_text(&self) -> prometheus::Result<String> {
        self.not_ready();
        self.metrics.text()
    }

    /// The value of a series, as the page has it.
    #[cfg(test)]
    pub fn metric(&self, series: &str) -> f64 {
        let page = self.metrics_text().unwrap();
        let found = page.lines().find_map(|line| line.strip_prefix(series));
        found.unwrap_or_else(|| panic!("no {series}")).trim().parse().unwrap()
    }
}

impl WorkerState {
    fn not_ready(&self) -> Option<String> {
        if let Some(what) = &self.waits_for {
            return Some(format!("waits for {what}"));
        }
        if !self.stable {
            return Some("not a stable member of the group".to_owned());
        }
        match self.restored {
            None if !self.assigned.is_empty() => Some("has not begun to restore".to_owned()),
            Some((done, total)) if done < total => {
                Some(format!("restoring: {done} of {total} records, {} %", done * 100 / total))
            }
            _ => None,
        }
    }
}

/// The taxonomy's regions as they are shown.
fn regions(taxonomy: &Taxonomy, now: EventTime) -> Vec<Region> {
    let regions = &taxonomy.regions;
    let shown = regions.iter().map(|id| Region {
        code: regions.code(id).to_owned(),
        level: regions.level(id).code().to_owned(),
        parent: regions.ancestors(id, now).get(1).map(|above| regions.code(*above).to_owned()),
        name_zh: regions.name_zh(id).to_owned(),
        name_en: regions.name_en(id).to_owned(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Topic;
    use crate::worker::report::{MemberReport, RestoreReport, TroubleReport};

    /// One worker; what it says, in order; the reasons at the end.
    fn check(reports: &[Report], wanted: &[&str]) {
        let observer = Observer::new(&Settings::default(), &Taxonomy::shipped(), EventTime::from_ms(0));
        reports.iter().for_each(|report| observer.report(report));
        assert_eq!(observer.not_ready(), wanted, "{reports:?}");
    }

    fn member(stable: bool, partitions: u32) -> Report {
        let assigned =
            (0..partitions).map(|partition| TopicPartition { topic: Topic::Tallies, partition }).collect();
        Report::Member(MemberReport { worker: 0, stable, assigned, rebalanced: false })
    }

    fn restore(done: u64, total: u64) -> Report {
        Report::Restore(RestoreReport { worker: 0, done, total, elapsed: Default::default() })
    }

    fn waits(what: Option<&str>) -> Report {
        Report::Trouble(TroubleReport { worker: 0, waits_for: what.map(Into::into) })
    }

    #[test]
    fn ready_is_a_stable_member_that_has_restored_what_it_owns() {
        check(&[], &["worker 0: not a stable member of the group"]);
        check(&[member(true, 0)], &[]);
        check(&[member(true, 2)], &["worker 0: has not begun to restore"]);
        check(&[member(true, 2), restore(1, 4)], &["worker 0: restoring: 1 of 4 records, 25 %"]);
        check(&[member(true, 2), restore(4, 4)], &[]);
        check(&[member(true, 2), restore(0, 0)], &[]);
        check(
            &[member(true, 2), restore(4, 4), member(false, 2)],
            &["worker 0: not a stable member of the group"],
        );
        check(&[member(true, 0), waits(Some("a broker"))], &["worker 0: waits for a broker"]);
        check(&[member(true, 0), waits(Some("a broker")), waits(None)], &[]);
    }

    #[test]
    fn started_is_ready_once_and_a_broker_that_is_away_is_no_fault_of_the_start() {
        let check = |reports: &[Report], wanted: &[&str]| {
            let observer = Observer::new(&Settings::default(), &Taxonomy::shipped(), EventTime::from_ms(0));
            reports.iter().for_each(|report| observer.report(report));
            assert_eq!(observer.not_started(), wanted, "{reports:?}");
        };
        check(&[], &["worker 0: not a stable member of the group"]);
        check(&[waits(Some("a broker"))], &[]);
        check(&[member(true, 2), restore(1, 4)], &["worker 0: restoring: 1 of 4 records, 25 %"]);
        check(&[member(true, 2), restore(1, 4), waits(Some("a broker"))], &[]);
        check(&[member(true, 2), restore(4, 4)], &[]);
        // A rebalance later on, and what it has to be restored, is no start.
        check(&[member(true, 2), restore(4, 4), member(false, 2), restore(1, 9)], &[]);
    }

    #[test]
    fn a_draining_process_is_not_ready() {
        let observer = Observer::new(&Settings::default(), &Taxonomy::shipped(), EventTime::from_ms(0));
        observer.report(&member(true, 0));
        observer.drain();
        assert_eq!(observer.not_ready(), ["draining: about to end"]);
    }

    #[test]
    fn towns_are_shown_in_the_county_that_holds_them_now() {
        let now = EventTime::from_ms(1_763_856_000_000);
        let observer = Observer::new(&Settings::default(), &Taxonomy::shipped(), now);
        let view = observer.view();
        assert_eq!(view.region("330604104").and_then(|region| region.parent.as_deref()), Some("330604"));
        assert!(view.lies_in("330604104", "330600"));
    }
}
