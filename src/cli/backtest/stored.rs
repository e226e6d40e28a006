//! A backtest of stored tallies: one assess task for each tallies partition, and nothing else; what they tell is printed in
//! the order of the log's clock and held against what was sent.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::archive::{self, Line};
use super::source::{Extent, Range, Source};
use super::tally::Tally;
use super::trial::{Told, Trial};
use super::verify::{Gaps, compare};
use super::{Args, print_event};
use crate::cli::exit::{Exit, Stop};
use crate::cli::pipeline::Pipeline;
use crate::cli::print;
use crate::config::Settings;
use crate::event::EventTime;
use crate::log::Topic;
use crate::warn::AlertEvent;

/// The word for the topics themselves.
const KAFKA: &str = "kafka";

/// What came of it.
struct Outcome {
    extent: Extent,
    trials: Vec<Trial>,
    /// By partition of hazard.alert-events.
    sent: Vec<(u32, Vec<u8>)>,
}

/// Judges, prints and compares; or only exports.
///
/// # Errors
/// [`Exit::Differs`] when what would be sent is not what was sent; others as their code says.
pub fn run(args: &Args, from: &Path, settings: &Settings) -> Result<(), Stop> {
    let is_kafka = from == Path::new(KAFKA);
    if let Some(path) = &args.export {
        if !is_kafka {
            let message = "--export writes what Kafka holds: say --from kafka";
            return Err(Stop::new(Exit::BadConfiguration, message));
        }
        return archive::export(&Source::ask(&settings.kafka)?, path);
    }
    let pipeline = Pipeline::read(settings)?;
    // Rules that are asked for are tried on the whole record; without any the record says which were in force.
    let steadfast = args.rules.is_some();
    let trial = |partition, first| Trial::new(partition, first, &pipeline, steadfast);
    let began = Instant::now();
    let Outcome { extent, mut trials, sent } =
        if is_kafka { of_kafka(settings, &trial)? } else { of_file(from, &trial)? };
    let seconds = began.elapsed().as_secs_f64();
    let gaps = gaps(settings, &extent, &trials, &sent)?;
    for line in missing(settings, &extent, &gaps) {
        print::err(line);
    }
    let mut told: Vec<Told> = trials.iter_mut().flat_map(|trial| std::mem::take(&mut trial.told)).collect();
    // Within a partition they are in order, and stay so.
    told.sort_by_key(|told| (told.clock, told.partition));
    show(args, settings, &told)?;
    print::err(speed(&trials, seconds));
    let sent: Vec<Vec<u8>> = sent.into_iter().map(|(_, value)| value).collect();
    let comparison = compare(&told, &sent, &gaps, &extent.judged).map_err(unreadable)?;
    if comparison.agrees() {
        print::err(comparison);
        return Ok(());
    }
    Err(Stop::new(Exit::Differs, comparison))
}

fn show(args: &Args, settings: &Settings, told: &[Told]) -> Result<(), Stop> {
    let mut tally = Tally::default();
    for told in told {
        let event: AlertEvent = serde_json::from_slice(&told.value).map_err(unreadable)?;
        tally.add(&event, &settings.time.zone);
        print_event(&event, args.json, settings)?;
    }
    if !args.json {
        print::out(tally.summary(&settings.time.zone));
    }
    Ok(())
}

/// Each thread takes the next partition that nobody has, with a reader of its own.
fn of_kafka(settings: &Settings, trial: &(impl Fn(u32, i64) -> Trial + Sync)) -> Result<Outcome, Stop> {
    let source = Source::ask(&settings.kafka)?;
    let ranges = &source.extent.tallies;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(ranges.len());
    let work = |thread: usize| {
        let mut history = source.reader()?;
        let mut trials = Vec::new();
        for &range in ranges.iter().skip(thread).step_by(threads) {
            let Range { partition, first, .. } = range;
            let mut trial = trial(partition, first);
            source.read(&mut history, Topic::Tallies, range, |offset, value| {
                trial.take_stored(offset, value).map_err(|error| {
                    let name = settings.kafka.topic(Topic::Tallies);
                    Stop::new(Exit::ForeignState, format!("{name}[{partition}] at offset {offset}: {error}"))
                })
            })?;
            trials.push(trial);
        }
        Ok(trials)
    };
    let trials: Result<Vec<Vec<Trial>>, Stop> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a task's panic is a bug")).collect()
    });
    let trials = trials?.into_iter().flatten().collect();
    let mut history = source.reader()?;
    let mut sent = Vec::new();
    for &range in &source.extent.alert_events {
        source.read(&mut history, Topic::AlertEvents, range, |_, value| {
            sent.push((range.partition, value.to_vec()));
            Ok(())
        })?;
    }
    Ok(Outcome { extent: source.extent, trials, sent })
}

fn of_file(path: &Path, trial: &impl Fn(u32, i64) -> Trial) -> Result<Outcome, Stop> {
    let begin = |extent: &Extent| {
        let trial = |range: &Range| (range.partition, trial(range.partition, range.first));
        (extent.tallies.iter().map(trial).collect::<BTreeMap<u32, Trial>>(), Vec::new())
    };
    let (extent, (trials, sent)) = archive::read(path, begin, |(trials, sent), line| match line {
        Line::Entry(partition, offset, entry) => {
            trials.entry(partition).or_insert_with(|| trial(partition, offset)).take(offset, &entry);
        }
        Line::Sent(partition, event) => sent.push((partition, event.as_bytes().to_vec())),
    })?;
    Ok(Outcome { extent, trials: trials.into_values().collect(), sent })
}

/// What the record does not reach back to.
fn gaps(
    settings: &Settings,
    extent: &Extent,
    trials: &[Trial],
    sent: &[(u32, Vec<u8>)],
) -> Result<Gaps, Stop> {
    let cut = |ranges: &[Range]| -> Vec<u32> {
        ranges.iter().filter(|range| range.first > 0).map(|range| range.partition).collect()
    };
    let (tallies, events) = (cut(&extent.tallies), cut(&extent.alert_events));
    let begins = extent.tallies.iter().zip(trials).filter(|(range, _)| tallies.contains(&range.partition));
    let mut sent_before = None;
    for partition in events {
        let Some((_, first)) = sent.iter().find(|(at, _)| *at == partition) else { continue };
        let event: AlertEvent = serde_json::from_slice(first).map_err(unreadable)?;
        sent_before = sent_before.max(Some(event.alert.updated_at));
    }
    let reach = |window: &crate::config::Window| (window.name.clone(), window.size_ms + window.horizon_ms);
    Ok(Gaps {
        tallies_before: begins.filter_map(|(_, trial)| trial.begins).max(),
        reach_ms: settings.windows.iter().map(reach).collect(),
        sent_before,
    })
}

/// What cannot be judged, for a person.
fn missing(settings: &Settings, extent: &Extent, gaps: &Gaps) -> Vec<String> {
    let shown = |at: EventTime| at.shown(&settings.time.zone);
    let mut lines = Vec::new();
    if let Some(begin) = gaps.tallies_before {
        let name = settings.kafka.topic(Topic::Tallies);
        let cut = extent.tallies.iter().filter(|range| range.first > 0);
        let cut: Vec<String> = cut
            .map(|range| format!("{name}[{}] begins at offset {}", range.partition, range.first))
            .collect();
        let whole = settings.windows.iter().map(|window| {
            let from = begin.plus_ms(window.size_ms + window.horizon_ms);
            format!("{} from {}", window.name, shown(from))
        });
        lines.push(format!(
            "{}: what was before {} is gone. Counts are whole only later ({}); alerts that stood already, and \
             levels, stages and coverage told before, are not known. Only alerts that began since are compared",
            cut.join(", "),
            shown(begin),
            whole.collect::<Vec<_>>().join(", "),
        ));
    }
    if let Some(before) = gaps.sent_before {
        let name = settings.kafka.topic(Topic::AlertEvents);
        lines.push(format!("{name}: what was sent until {} is gone, and not compared", shown(before)));
    }
    lines
}

fn speed(trials: &[Trial], seconds: f64) -> String {
    let tallies: u64 = trials.iter().map(|trial| trial.tallies).sum();
    let reached = trials.iter().filter_map(|trial| trial.reached);
    let span = reached.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
    let span_ms = span.map_or(0, |(first, newest)| newest.since_ms(first));
    format!(
        "{tallies} tallies of {} partitions, {:.1} h of event time, in {seconds:.1} s ({:.0} × real time)",
        trials.len(),
        span_ms as f64 / 3.6e6,
        span_ms as f64 / 1e3 / seconds
    )
}

fn unreadable(error: serde_json::Error) -> Stop {
    Stop::new(Exit::ForeignState, format!("an alert event that cannot be read: {error}"))
}
