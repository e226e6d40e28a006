//! A file of events on its way through the same tasks as in `run`, by the record's own clock.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::Tally;
use super::{Args, line, print_event};
use crate::cli::exit::{Exit, Stop};
use crate::cli::in_memory::InMemory;
use crate::cli::pipeline::Pipeline;
use crate::cli::print;
use crate::cli::stopping::Stopping;
use crate::config::Settings;
use crate::event::EventTime;
use crate::observer::Observer;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Replays a file of events.
///
/// # Errors
/// A line that cannot be read is named.
pub fn run(args: &Args, input: &Path, settings: &Settings) -> Result<(), Stop> {
    let stopping = Stopping::on_signal()?;
    let (reader, bar) = open(input)?;
    let began = Instant::now();
    let pipeline = Pipeline::read(settings)?;
    let mut replay = Replay::new(args, settings, &pipeline);
    for (at, text) in BufReader::with_capacity(1 << 20, bar.wrap_read(reader)).lines().enumerate() {
        let text = text.map_err(|error| named(input, at, &error.to_string()))?;
        if text.trim().is_empty() {
            continue;
        }
        let line = line::read(&text, &settings.kafka).map_err(|problem| named(input, at, &problem))?;
        replay.take(&line)?;
        if stopping.requested() {
            break;
        }
    }
    replay.finish()?;
    bar.finish_and_clear();
    if !args.json {
        print::out(replay.tally.summary(&settings.time.zone));
    }
    print::err(replay.speed(began.elapsed().as_secs_f64()));
    Ok(())
}

/// What is wrong with a line of a file.
pub fn named(path: &Path, at: usize, problem: &str) -> Stop {
    Stop::new(Exit::Other, format!("{}:{}: {problem}", path.display(), at + 1))
}

/// A file, or standard input, with a bar that shows how far it was read.
pub fn open(path: &Path) -> Result<(Box<dyn Read>, ProgressBar), Stop> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin().lock()), ProgressBar::hidden()));
    }
    let file =
        File::open(path).map_err(|error| Stop::new(Exit::Other, format!("{}: {error}", path.display())))?;
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {bytes}/{total_bytes} {eta}");
    let bar = ProgressBar::new(file.metadata()?.len())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Ok((Box::new(file), bar))
}

/// A file on its way through the tasks.
struct Replay<'a> {
    args: &'a Args,
    settings: &'a Settings,
    pipeline: &'a Pipeline,
    /// Begins with the first line, whose time is the first that anybody knows.
    in_memory: Option<InMemory>,
    /// The end of the step under way.
    clock: EventTime,
    /// How far the clock goes at once where nothing arrives.
    leap_ms: i64,
    first: EventTime,
    taken: u64,
    tally: Tally,
}

impl<'a> Replay<'a> {
    fn new(args: &'a Args, settings: &'a Settings, pipeline: &'a Pipeline) -> Self {
        let finest = settings.windows.iter().map(|window| window.slide_ms).min();
        Replay {
            args,
            settings,
            pipeline,
            in_memory: None,
            clock: EventTime::MIN,
            leap_ms: finest.unwrap_or(HOUR_MS).clamp(HOUR_MS, DAY_MS),
            first: EventTime::MIN,
            taken: 0,
            tally: Tally::default(),
        }
    }

    fn take(&mut self, line: &line::Line<'_>) -> Result<(), Stop> {
        let step_ms = self.args.step.max(1);
        let due = line.arrival.floor_to(step_ms).plus_ms(step_ms);
        if self.in_memory.is_none() {
            let observer = Arc::new(Observer::new(self.settings, &self.pipeline.taxonomy, line.arrival));
            self.in_memory = Some(InMemory::new(self.settings, self.pipeline, observer, due));
            (self.first, self.clock) = (line.arrival, due);
            // The worker joins and finds nothing: whatever comes from here on is this file's doing.
            self.run_to(due)?;
        }
        if due > self.clock {
            self.pass_to(due)?;
        }
        self.taken += 1;
        let Some(in_memory) = &self.in_memory else { return Ok(()) };
        in_memory.send(line.input, line.key.as_bytes(), line.value.as_bytes(), line.arrival.min(self.clock))
    }

    /// Handles what arrived until now, and lets time pass until the step that ends at `due`.
    fn pass_to(&mut self, due: EventTime) -> Result<(), Stop> {
        self.run_to(self.clock)?;
        while due.since_ms(self.clock) > self.leap_ms {
            self.clock = self.clock.plus_ms(self.leap_ms);
            self.run_to(self.clock)?;
        }
        self.clock = due;
        Ok(())
    }

    /// After the last line the clock goes on until every input has fallen idle, so that what is over by then is told.
    fn finish(&mut self) -> Result<(), Stop> {
        let time = &self.settings.time;
        let last = self.clock;
        for later_ms in [0, time.idle_after_ms + 1, time.idle_after_ms + time.allowed_disorder_ms + 2_000] {
            self.clock = last.plus_ms(later_ms);
            self.run_to(self.clock)?;
        }
        Ok(())
    }

    fn run_to(&mut self, clock: EventTime) -> Result<(), Stop> {
        let Some(in_memory) = &mut self.in_memory else { return Ok(()) };
        for event in in_memory.run_to(clock)? {
            self.tally.add(&event, &self.settings.time.zone);
            print_event(&event, self.args.json, self.settings)?;
        }
        Ok(())
    }

    fn speed(&self, seconds: f64) -> String {
        let passed_s = self.clock.since_ms(self.first) as f64 / 1e3;
        let rate = self.taken as f64 / seconds;
        format!(
            "{} events in {seconds:.1} s ({rate:.0} a second, {:.0} × real time)",
            self.taken,
            passed_s / seconds
        )
    }
}
