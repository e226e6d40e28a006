//! `hazstream demo`: the pipeline on the in-memory log, with a living city as its source.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exit::{Exit, Stop};
use super::generate::{duration, moment, scenario};
use super::in_memory::InMemory;
use super::pipeline::Pipeline;
use super::stopping::Stopping;
use super::{Context, print, story};
use crate::city::{City, CityPlan, Scenario};
use crate::config::Settings;
use crate::event::EventTime;
use crate::http::{App, Server};
use crate::log::Input;
use crate::logging;
use crate::observer::Observer;
use crate::warn::AlertEvent;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Event seconds per second
    #[arg(long, value_name = "FACTOR", default_value_t = 60.0, value_parser = factor)]
    speed: f64,
    /// Stop after so long: 30s, 5m [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    length_ms: Option<i64>,
    /// Port of metrics and API on 127.0.0.1; a free one if it is taken
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// How many sensors the city has; each reads every ten seconds
    #[arg(long, value_name = "N", default_value_t = 1_200, value_parser = clap::value_parser!(u32).range(200..))]
    sensors: u32,
    /// Another seed is another city
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// When the city begins
    #[arg(long, value_name = "TIME", default_value = "2026-11-23T09:00:00+08:00", value_parser = moment)]
    start: EventTime,
    /// What goes wrong, and when after the start [default: gas_leak, workshop_cluster, silent_gateway, mine_methane]
    #[arg(long = "scenario", value_name = "NAME[@AFTER]", value_parser = scenario)]
    scenarios: Vec<Scenario>,
}

/// Each sensor reads so often, in seconds of event time.
const INTERVAL_S: f64 = 10.0;
/// How often the city is let go on.
const TICK: Duration = Duration::from_millis(50);
/// Event time between two looks at the clock and at Ctrl-C, where the machine cannot keep up with the speed that was asked for.
const STRIDE_MS: i64 = 10_000;
/// How often a line says how things stand, in real time.
const PULSE: Duration = Duration::from_secs(10);
/// How long requests under way may take at the end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs it.
///
/// # Errors
/// With the exit code that says why.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let settings = context.settings()?;
    // The story is what one came to see: of the log only what is wrong.
    let log = logging::start(settings.log_format, "warn").map_err(|error| Stop::new(Exit::Other, error))?;
    let pipeline = Pipeline::read(&settings)?;
    let taxonomy = &pipeline.taxonomy;
    let plan = CityPlan { inputs: settings.kafka.inputs.clone(), ..args.plan() };
    let scenarios = plan.scenarios.clone();
    let city = City::new(plan, taxonomy).map_err(|error| Stop::new(Exit::BadConfiguration, error))?;
    let observer = Arc::new(Observer::new(&settings, taxonomy, args.start));
    observer.configured(&pipeline.hashes(&settings));
    let in_memory = InMemory::new(&settings, &pipeline, Arc::clone(&observer), args.start);
    let stopping = Stopping::on_signal()?;
    let app = App { observer: Arc::clone(&observer), log, page_max: settings.limits.page_max };
    let server = serve(args, &settings, &app)?;
    print::out(args.welcome(&settings, server.address(), &scenarios));
    let mut demo = Demo { args, settings: &settings, city, in_memory, told: Told::default() };
    let played = demo.play(&stopping);
    let summary = demo.summary(&observer);
    observer.drain();
    server.stop(PATIENCE)?;
    played?;
    print::out(summary);
    Ok(())
}

impl Args {
    fn plan(&self) -> CityPlan {
        let scenarios = if self.scenarios.is_empty() { Scenario::demo() } else { self.scenarios.clone() };
        CityPlan {
            seed: self.seed,
            start: self.start,
            sensors: self.sensors,
            rate: f64::from(self.sensors) / INTERVAL_S,
            bad_share: 0.001,
            scenarios,
            ..CityPlan::default()
        }
    }

    fn welcome(&self, settings: &Settings, address: SocketAddr, scenarios: &[Scenario]) -> String {
        let zone = &settings.time.zone;
        let told = scenarios.iter().map(|scenario| {
            let at = self.start.plus_ms(scenario.after_ms).shown(zone);
            format!("{} {}", &at[11..16], scenario.story.name().replace('_', " "))
        });
        format!(
            "A made-up Shaoxing: 6 counties, 103 towns, {} sensors; {} event seconds a second from {} ({}).\n\
             Metrics http://{address}/metrics · API http://{address}/api/v1/alerts · Ctrl-C ends it.\nOn the script: {}\n",
            self.sensors,
            self.speed,
            self.start.shown(zone),
            zone.iana_name().unwrap_or("local time"),
            told.collect::<Vec<_>>().join("; "),
        )
    }
}

/// Listens where the settings or the arguments say, or else on a free port, and says so.
fn serve(args: &Args, settings: &Settings, app: &App) -> io::Result<Server> {
    if settings.http_listen_written {
        return Server::start(settings.http_listen, app.clone());
    }
    let on = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Server::start(on(args.port), app.clone()).or_else(|error| {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        let server = Server::start(on(0), app.clone())?;
        print::err(format!("port {} is taken: listening on {} instead", args.port, server.address().port()));
        Ok(server)
    })
}

/// What was told so far.
#[derive(Default)]
struct Told {
    steps: u64,
    /// The newest status of each alert, by id.
    standing: BTreeMap<String, &'static str>,
}

struct Demo<'a> {
    args: &'a Args,
    settings: &'a Settings,
    city: City,
    in_memory: InMemory,
    told: Told,
}

impl Demo<'_> {
    /// Lets the city live at its speed until it is time to stop.
    fn play(&mut self, stopping: &Stopping) -> Result<(), Stop> {
        let began = Instant::now();
        let mut pulse = PULSE;
        let mut clock = self.args.start;
        loop {
            let elapsed = began.elapsed();
            let over = self.args.length_ms.is_some_and(|length_ms| elapsed.as_millis() as i64 >= length_ms);
            let wanted = self.args.start.plus_ms((elapsed.as_secs_f64() * 1e3 * self.args.speed) as i64);
            clock = wanted.min(clock.plus_ms(STRIDE_MS));
            self.live_until(clock)?;
            if over {
                return Ok(());
            }
            if elapsed >= pulse {
                pulse += PULSE;
                print::out(self.pulse(clock));
            }
            let spent = began.elapsed().saturating_sub(elapsed);
            let rest = if clock < wanted { Duration::ZERO } else { TICK.saturating_sub(spent) };
            if stopping.wait(rest) {
                return Ok(());
            }
        }
    }

    fn live_until(&mut self, clock: EventTime) -> Result<(), Stop> {
        while let Some(message) = self.city.next_until(clock) {
            self.in_memory.send(message.input, message.key, message.value, message.emission)?;
        }
        for event in self.in_memory.run_to(clock)? {
            self.told.hear(&event);
            print::out(story::lines(&event, &self.settings.time.zone));
        }
        Ok(())
    }

    fn pulse(&self, clock: EventTime) -> String {
        let time = clock.shown(&self.settings.time.zone);
        let firing = self.told.standing.values().filter(|status| **status == "firing").count();
        format!("{time}  -- {} events so far, {firing} alerts firing", self.city.sent())
    }

    fn summary(&self, observer: &Observer) -> String {
        let mut text = format!(
            "\n{} events, {} steps of {} alerts",
            self.city.sent(),
            self.told.steps,
            self.told.standing.len()
        );
        let mut standing: BTreeMap<&str, usize> = BTreeMap::new();
        for status in self.told.standing.values() {
            *standing.entry(status).or_default() += 1;
        }
        let standing: Vec<String> =
            standing.iter().map(|(status, count)| format!("{count} {status}")).collect();
        text.push_str(&format!(": {}\n", standing.join(", ")));
        for input in Input::ALL {
            let sources = observer.view().sources();
            for ledger in sources.iter().filter(|source| source.input == input).map(|source| source.ledger) {
                text.push_str(&format!(
                    "{:<12} consumed {:>9} = counted {:>9} + duplicate {:>6} + rejected {:>5} + held {:>3}\n",
                    input.name(),
                    ledger.consumed,
                    ledger.counted,
                    ledger.duplicate,
                    ledger.rejected,
                    ledger.held
                ));
            }
        }
        text.trim_end().to_owned()
    }
}

impl Told {
    fn hear(&mut self, event: &AlertEvent) {
        self.steps += 1;
        self.standing.insert(event.alert.id.clone(), event.transition.to.code());
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let factor: Option<f64> = text.parse().ok();
    factor
        .filter(|factor| (0.01..=100_000.0).contains(factor))
        .ok_or_else(|| "write a number from 0.01 to 100000".to_owned())
}
