//! `hazstream run`: the pipeline on Kafka.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::exit::{Exit, Stop};
use super::found::Found;
use super::limits_file::LimitsFile;
use super::pipeline::Pipeline;
use super::rules_file::RulesFile;
use super::stopping::Stopping;
use super::{Context, clock, print};
use crate::config::Settings;
use crate::http::{App, Server};
use crate::kafka::KafkaLog;
use crate::log::{Failure, Log, Topic, Verdict};
use crate::observer::Observer;
use crate::taxonomy::Taxonomy;
use crate::worker::report::{Report, RulesReport, TroubleReport};
use crate::worker::{Plan, Proposal, Seen, Worker};

/// How long one step waits for records: a stop request and a due commit are seen this soon.
const POLL_WAIT: Duration = Duration::from_millis(5);

/// How long a worker that waits for a broker rests between two tries.
const REST: Duration = Duration::from_millis(250);

/// What it waits for is said this often.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs until told to stop.
///
/// # Errors
/// Only for what a restart cannot mend, with the exit code that says why.
pub fn run(_args: &Args, context: &Context) -> Result<(), Stop> {
    let (settings, log) = context.settings_and_log()?;
    let pipeline = Pipeline::read(&settings)?;
    let stopping = Stopping::on_signal()?;
    let observer = Arc::new(Observer::new(&settings, &pipeline.taxonomy, clock::now()));
    observer.configured(&pipeline.hashes(&settings));
    let app = App { observer: Arc::clone(&observer), log, page_max: settings.limits.page_max };
    let server = Server::start(settings.http_listen, app)?;
    tracing::info!(listen = %server.address(), group = settings.kafka.group, "started");
    print::err(format!("hazstream listens on http://{}", server.address()));
    let ended = work(&settings, &pipeline, &observer, &stopping);
    observer.drain();
    server.stop(Duration::from_secs(1))?;
    ended
}

/// Runs every worker in a thread of its own until one must stop or all are told to.
fn work(
    settings: &Settings,
    pipeline: &Pipeline,
    observer: &Arc<Observer>,
    stopping: &Stopping,
) -> Result<(), Stop> {
    let mut first = Some(open(settings, 0)?);
    let scout = first.as_mut().expect("it was opened a line ago");
    let Some(plan) = wait_for_topics(scout, settings, pipeline, observer, stopping)? else { return Ok(()) };
    let plan = Arc::new(plan);
    let (rules, rules_file) = RulesFile::of(settings, pipeline);
    let (limits, limits_file) = LimitsFile::of(settings, pipeline);
    let (rules, limits) = (&rules, &limits);
    std::thread::scope(|scope| {
        if let Some(file) = rules_file {
            scope.spawn(move || file.watch(rules, observer, stopping));
        }
        if let Some(file) = limits_file {
            scope.spawn(move || file.watch(limits, observer, stopping));
        }
        let workers: Vec<_> = (0..settings.workers)
            .map(|index| {
                let plan = Arc::clone(&plan);
                let log = first.take().map_or_else(|| open(settings, index), Ok);
                scope.spawn(move || {
                    let ended =
                        log.and_then(|log| drive(index, log, plan, (rules, limits), observer, stopping));
                    // One worker that cannot go on ends the process: the others would hide it.
                    stopping.request();
                    ended
                })
            })
            .collect();
        // All of them are joined before the first failure is told.
        let ended: Vec<_> =
            workers.into_iter().map(|worker| worker.join().expect("a worker's panic is a bug")).collect();
        ended.into_iter().collect()
    })
}

fn open(settings: &Settings, worker: usize) -> Result<Log, Stop> {
    Ok(Log::Kafka(Box::new(KafkaLog::open(&settings.kafka, worker, clock::now)?)))
}

/// Drives one worker. Nothing that a broker does ends it.
fn drive(
    index: usize,
    log: Log,
    plan: Arc<Plan>,
    (rules, limits): (&Found<Proposal>, &Found<Taxonomy>),
    observer: &Arc<Observer>,
    stopping: &Stopping,
) -> Result<(), Stop> {
    let hears = Arc::clone(observer);
    let mut troubles = Troubles::default();
    let listener = Box::new(move |seen: Seen<'_>| match seen {
        Seen::Report(report) => {
            hears.report(&report);
            troubles.hear(&report);
            say_rules(&report);
        }
        Seen::Committed(outputs) => hears.committed(outputs),
    });
    let mut worker = Worker::new(index, log, plan, listener);
    while !stopping.requested() {
        worker.propose(rules.newest());
        worker.relimit(limits.newest());
        let step = worker.step(clock::now(), POLL_WAIT)?;
        if step.failed && stopping.wait(REST) {
            break;
        }
    }
    tracing::info!(worker = index, "stopping: the last commit, then leaving the group");
    if let Err(failure) = worker.stop(clock::now()) {
        tracing::warn!(worker = index, %failure, "the last commit failed; the next owner does it again");
    }
    Ok(())
}

/// Says which rules are in force, and which of them nobody can judge here.
fn say_rules(report: &Report) {
    let Report::Rules(RulesReport { worker, number, hash: Some(hash), aside }) = report else { return };
    tracing::info!(worker, number, rules = hash, "these rules are in force");
    if !aside.is_empty() {
        let names = aside.join(", ");
        tracing::error!(
            worker,
            "rules whose window is not among this process's settings are not judged: {names}"
        );
    }
}

/// Says what a worker waits for, once a minute at most, and when it is over.
#[derive(Default)]
struct Troubles {
    said: Option<std::time::Instant>,
    /// It was said that it waits, and not yet that it goes on.
    open: bool,
}

impl Troubles {
    fn hear(&mut self, report: &Report) {
        let Report::Trouble(TroubleReport { worker, waits_for }) = report else { return };
        match waits_for {
            // One outage has many symptoms that take turns, and a broker that comes back may stumble.
            Some(what) if self.said.is_some_and(|said| said.elapsed() < SAY_EVERY) => {
                tracing::debug!(worker, "waits: {what}");
            }
            Some(what) => {
                tracing::warn!(worker, "waits: {what}");
                self.said = Some(std::time::Instant::now());
                self.open = true;
            }
            None if self.open => {
                tracing::info!(worker, "goes on");
                self.open = false;
            }
            None => {}
        }
    }
}

/// Waits until the topics are there, and reads how they are divided. `None` when told to stop meanwhile.
fn wait_for_topics(
    log: &mut Log,
    settings: &Settings,
    pipeline: &Pipeline,
    observer: &Arc<Observer>,
    stopping: &Stopping,
) -> Result<Option<Plan>, Stop> {
    let mut troubles = Troubles::default();
    let mut tell = |waits_for: Option<String>| {
        let report = Report::Trouble(TroubleReport { worker: 0, waits_for });
        // Shown before it is said: whoever reads the line and asks finds it.
        observer.report(&report);
        troubles.hear(&report);
    };
    let wanted: Vec<Topic> = Topic::ALL
        .into_iter()
        .filter(|topic| !matches!(topic, Topic::Input(input) if !settings.kafka.inputs.contains(input)))
        .collect();
    loop {
        let counted = wanted.iter().map(|&topic| Ok((topic, log.partitions(topic)?)));
        match counted.collect::<Result<BTreeMap<Topic, u32>, Failure>>() {
            Ok(partitions) => {
                let missing: Vec<&str> = wanted
                    .iter()
                    .filter(|topic| partitions.get(topic).copied().unwrap_or(0) == 0)
                    .map(|&topic| settings.kafka.topic(topic))
                    .collect();
                if missing.is_empty() {
                    tell(None);
                    expect_undivided_anew(settings, &partitions)?;
                    return Ok(Some(pipeline.plan(settings, &partitions)));
                }
                tell(Some(format!(
                    "topics are missing: {}; make them with `hazstream topics create`",
                    missing.join(", ")
                )));
            }
            Err(failure) if failure.verdict == Verdict::Stop => return Err(failure.into()),
            Err(failure) => tell(Some(failure.message)),
        }
        if stopping.wait(REST) {
            return Ok(None);
        }
    }
}

/// Counts and state lie where the number of partitions put them: with another number they would be looked for elsewhere,
/// and every count would begin again at 0.
fn expect_undivided_anew(settings: &Settings, partitions: &BTreeMap<Topic, u32>) -> Result<(), Stop> {
    let wanted = settings.topics.partitions;
    for topic in [Topic::Tallies, Topic::State] {
        let (name, found) = (settings.kafka.topic(topic), partitions.get(&topic).copied().unwrap_or(0));
        if found != wanted {
            let message = format!(
                "{name} has {found} partitions, but topics.partitions is {wanted}: if {name} was never written to, set \
                 topics.partitions to {found}; if its partitions were changed, make it anew with {wanted}"
            );
            return Err(Stop::new(Exit::Topics, message));
        }
    }
    Ok(())
}
