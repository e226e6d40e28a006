//! `hazstream generate`: events of a made-up city, to standard output or Kafka, as fast as they can be written.

mod line;
mod sink;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Stop};
use super::pipeline::Pipeline;
use super::stopping::Stopping;
use super::{Context, clock, print};
use crate::city::{Calendar, City, CityPlan, Scenario, Story};
use crate::config::duration_ms;
use crate::event::EventTime;

use sink::Sink;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// How many messages to send, repeated and invalid ones included
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// Stop after this much event time, if that comes first: 1h, 7d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    length_ms: Option<i64>,
    /// How many sensors the city has; 0: inspections, items and records only
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    sensors: u32,
    /// Readings per second of event time [default: each sensor every 47.5 s, the national mean]
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Inspections per day; items and records keep their proportion
    #[arg(long, value_name = "N", default_value_t = 6_104.0)]
    inspections: f64,
    /// Share of messages that are out of order, by up to 5 s
    #[arg(long, value_name = "SHARE", default_value_t = 0.03)]
    disorder: f64,
    /// Share of messages that are sent twice, up to a minute apart
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    duplicates: f64,
    /// Share of messages that are one to six hours late
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    late: f64,
    /// Share of messages that are invalid
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    bad: f64,
    /// Share of sites and inspections whose region code is none of the city's
    #[arg(long, value_name = "SHARE", default_value_t = 0.002)]
    unknown_regions: f64,
    /// The same seed and start give the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// When the city begins [default: 2026-11-23T09:00:00+08:00; to Kafka: so that the last event happens now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: Option<EventTime>,
    /// Whether work follows hours and weekdays
    #[arg(long, value_enum, default_value_t = CalendarName::Working)]
    calendar: CalendarName,
    /// What goes wrong, and when after the start: gas_leak, workshop_cluster, silent_gateway, mine_methane, typhoon, each
    /// also with its moment (gas_leak@20m); may be given several times
    #[arg(long = "scenario", value_name = "NAME[@AFTER]", value_parser = scenario)]
    scenarios: Vec<Scenario>,
    /// Where the events go
    #[arg(long, value_enum, default_value_t = Target::Stdout)]
    to: Target,
    /// Event seconds per second [default: as fast as possible]
    #[arg(long, value_name = "FACTOR")]
    speed: Option<f64>,
    /// Write exact totals of what was sent to this file, as JSON: a consumer's counts must equal them
    #[arg(long, value_name = "FILE")]
    totals: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  Ten million readings of a day, with their totals:
    hazstream generate --events 10000000 --sensors 20000 --totals totals.json > events.jsonl
  A million events into Kafka, the last one happening now:
    hazstream generate --events 1000000 --to kafka --config city.yaml
  A typhoon, live:
    hazstream generate --to kafka --speed 1 --scenario typhoon@1m
";

/// Whether work follows hours and weekdays.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum CalendarName {
    /// By day and on weekdays.
    Working,
    /// Every hour alike.
    Flat,
}

/// Where events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// One JSON object a line: topic, key, arrival and value; `backtest` reads them.
    Stdout,
    /// The input topics.
    Kafka,
}

/// One point per sensor in 47.5 s: 800 million readings a day from 440,000 points.
const USUAL_INTERVAL_S: f64 = 47.5;
/// Messages between two looks at the clock, the progress bar and Ctrl-C.
const STRIDE: u64 = 4_096;

/// Runs it.
///
/// # Errors
/// With the exit code that says why.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let settings = context.settings()?;
    let taxonomy = Pipeline::read(&settings)?.taxonomy;
    let plan = CityPlan { inputs: settings.kafka.inputs.clone(), ..args.plan(clock::now()) };
    let mut city = City::new(plan, &taxonomy).map_err(|error| Stop::new(Exit::BadConfiguration, error))?;
    let mut sink = Sink::open(args.to, &settings)?;
    let began = Instant::now();
    send_all(args, &mut city, &mut sink)?;
    sink.finish(city.sent())?;
    let seconds = began.elapsed().as_secs_f64();
    if let Some(path) = &args.totals {
        let totals = serde_json::to_string_pretty(&city.totals()).context("totals as JSON")?;
        std::fs::write(path, totals + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    print::err(format!(
        "{} messages in {seconds:.1} s ({:.0} a second)",
        city.sent(),
        city.sent() as f64 / seconds
    ));
    Ok(())
}

impl Args {
    fn plan(&self, now: EventTime) -> CityPlan {
        let rate = self.rate.unwrap_or(f64::from(self.sensors) / USUAL_INTERVAL_S);
        let usual = CityPlan::default();
        let start = match (self.start, self.to, self.speed) {
            (Some(start), ..) => start,
            (None, Target::Stdout, _) => usual.start,
            (None, Target::Kafka, Some(_)) => now,
            (None, Target::Kafka, None) => now.plus_ms(-self.expected_ms(rate)),
        };
        CityPlan {
            seed: self.seed,
            start,
            events: Some(self.events),
            until: self.length_ms.map(|length_ms| start.plus_ms(length_ms)),
            inputs: usual.inputs,
            sensors: self.sensors,
            rate,
            inspections_per_day: self.inspections,
            disorder_share: self.disorder,
            duplicate_share: self.duplicates,
            late_share: self.late,
            bad_share: self.bad,
            unknown_region_share: self.unknown_regions,
            calendar: match self.calendar {
                CalendarName::Working => Calendar::Working,
                CalendarName::Flat => Calendar::Flat,
            },
            scenarios: self.scenarios.clone(),
        }
    }

    /// At least as much event time as the events take: whoever sends them all at once must not send the future.
    fn expected_ms(&self, rate: f64) -> i64 {
        let readings = if self.sensors == 0 { 0.0 } else { rate };
        let per_second = readings.max(self.inspections / 86_400.0);
        let by_events =
            if per_second > 0.0 { (self.events as f64 / per_second * 1e3).ceil() as i64 } else { 0 };
        self.length_ms.map_or(by_events, |length_ms| length_ms.min(by_events))
    }
}

fn send_all(args: &Args, city: &mut City, sink: &mut Sink) -> Result<(), Stop> {
    let bar = progress(args.events);
    let stopping = Stopping::on_signal()?;
    let began = Instant::now();
    let mut first = None;
    let mut sent = 0u64;
    while let Some(message) = city.next() {
        let emission = message.emission;
        if !sink.send(&message)? {
            break;
        }
        sent += 1;
        let paced = args.speed.is_some_and(|speed| speed > 0.0);
        if paced || sent.is_multiple_of(STRIDE) {
            bar.set_position(sent);
            if stopping.requested()
                || !wait_for(args.speed, began, *first.get_or_insert(emission), emission, &stopping)
            {
                break;
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Waits until a message is due at this speed. False when somebody asked to stop.
fn wait_for(
    speed: Option<f64>,
    began: Instant,
    first: EventTime,
    emission: EventTime,
    stopping: &Stopping,
) -> bool {
    let Some(speed) = speed.filter(|speed| *speed > 0.0) else { return true };
    let due = Duration::from_secs_f64((emission.since_ms(first) as f64 / 1e3 / speed).max(0.0));
    let ahead = due.saturating_sub(began.elapsed());
    ahead < Duration::from_millis(1) || !stopping.wait(ahead)
}

fn progress(events: u64) -> ProgressBar {
    let style = "{elapsed_precise} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(events).with_style(style)
}

/// A duration in milliseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    duration_ms(text).map_err(|_| "write a number and a unit: 90s, 20m, 1h, 7d".to_owned())
}

/// A moment as RFC 3339 text.
pub(super) fn moment(text: &str) -> Result<EventTime, String> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|at| EventTime::from_ms(at.as_millisecond()))
        .map_err(|_| "write a time with its offset: 2026-11-23T09:00:00+08:00".to_owned())
}

/// A scenario, perhaps with its moment.
pub(super) fn scenario(text: &str) -> Result<Scenario, String> {
    let (name, after) = text.split_once('@').map_or((text, None), |(name, after)| (name, Some(after)));
    let Some(&(story, _, usual_ms)) = Story::ALL.iter().find(|(_, known, _)| *known == name) else {
        let known: Vec<&str> = Story::ALL.iter().map(|(_, name, _)| *name).collect();
        return Err(format!("no scenario `{name}`: choose from {}", known.join(", ")));
    };
    Ok(Scenario { story, after_ms: after.map_or(Ok(usual_ms), duration)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_with_and_without_their_moment() {
        let cases = [
            ("gas_leak", Scenario { story: Story::GasLeak, after_ms: 240_000 }),
            ("typhoon@90s", Scenario { story: Story::Typhoon, after_ms: 90_000 }),
            ("silent_gateway@1h30m", Scenario { story: Story::SilentGateway, after_ms: 5_400_000 }),
        ];
        for (text, expected) in cases {
            assert_eq!(scenario(text), Ok(expected), "{text}");
        }
        for text in ["flood", "gas_leak@", "gas_leak@soon", "gas_leak@5"] {
            assert!(scenario(text).is_err(), "{text}");
        }
    }
}
