//! The whole pipeline in memory, one worker over one memory log, whose clock moves only by call: `demo` and `backtest`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::exit::{Exit, Stop};
use super::pipeline::Pipeline;
use crate::config::Settings;
use crate::event::EventTime;
use crate::log::memory::{Broker, Layout, Payload};
use crate::log::{Input, Log, Output, Topic};
use crate::observer::Observer;
use crate::warn::AlertEvent;
use crate::worker::{Seen, Worker};

/// Partitions of every topic: one worker has no use for more.
const PARTITIONS: u32 = 1;
/// Records that a partition keeps before it is cleaned.
const RETAINED: usize = 2_000;
/// Steps within one moment, before that counts as an endless loop.
const STEPS_MAX: usize = 1_000_000;

/// One worker and its log.
pub struct InMemory {
    broker: Broker,
    worker: Worker,
    news: Receiver<Output>,
}

impl InMemory {
    /// A pipeline in memory, which tells `observer` what it commits.
    pub fn new(settings: &Settings, pipeline: &Pipeline, observer: Arc<Observer>, clock: EventTime) -> Self {
        // The clock leaps, and a leap must not look like a lost member or a stuck transaction.
        let never = i64::MAX / 4;
        let layout = Layout {
            session_ms: never,
            transaction_timeout_ms: never,
            retained: Some(RETAINED),
            ..Layout::all(PARTITIONS)
        };
        let topics = layout.topics.clone();
        let broker = Broker::new(layout);
        broker.advance(clock);
        InMemory::over(broker, &topics, settings, pipeline, observer)
    }

    /// A worker over a log that is there already.
    fn over(
        broker: Broker,
        topics: &BTreeMap<Topic, u32>,
        settings: &Settings,
        pipeline: &Pipeline,
        observer: Arc<Observer>,
    ) -> Self {
        let mut plan = pipeline.plan(settings, topics);
        // Whoever calls decides when; nothing waits for an interval.
        (plan.commit_interval_ms, plan.commit_interval_behind_ms, plan.hurry_ms) = (0, 0, 0);
        let inputs = settings.kafka.inputs.iter().map(|input| Topic::Input(*input));
        let topics: Vec<Topic> = inputs.chain([Topic::Tallies]).collect();
        let log = broker.join("in-memory-0", &settings.kafka.group, &topics);
        let (tell, news) = channel();
        let hear = Box::new(move |seen: Seen<'_>| hear(seen, &observer, &tell));
        let worker = Worker::new(0, Log::Memory(log), Arc::new(plan), hear);
        InMemory { broker, worker, news }
    }

    /// The log itself.
    #[cfg(test)]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Puts a record into an input.
    ///
    /// # Errors
    /// Only if the log has no such topic.
    pub fn send(&self, input: Input, key: &[u8], value: &[u8], arrival: EventTime) -> Result<(), Stop> {
        let payload = Payload { key: Some(key.to_vec()), value: Some(value.to_vec()), headers: Vec::new() };
        self.broker.send_at(Topic::Input(input), None, payload, arrival)?;
        Ok(())
    }

    /// Moves the clock on and works until nothing is left to do at that moment. Returns the alerts' steps.
    ///
    /// # Errors
    /// What only a person can mend.
    pub fn run_to(&mut self, clock: EventTime) -> Result<Vec<AlertEvent>, Stop> {
        self.broker.advance(clock);
        for _ in 0..STEPS_MAX {
            let step = self.worker.step(clock, Duration::ZERO)?;
            if step.running && step.records == 0 && !step.committed {
                return self.news.try_iter().map(|output| event(&output)).collect();
            }
        }
        Err(Stop::new(Exit::Other, format!("still not done after {STEPS_MAX} steps at {} ms", clock.ms)))
    }
}

fn hear(seen: Seen<'_>, observer: &Observer, tell: &Sender<Output>) {
    match seen {
        Seen::Report(report) => observer.report(&report),
        Seen::Committed(outputs) => {
            observer.committed(outputs);
            for output in outputs.iter().filter(|output| output.topic == Topic::AlertEvents) {
                if tell.send(output.clone()).is_err() {
                    return; // Nobody listens any more: the pipeline is being dropped.
                }
            }
        }
    }
}

fn event(output: &Output) -> Result<AlertEvent, Stop> {
    let value = output.value.as_deref().unwrap_or_default();
    serde_json::from_slice(value)
        .map_err(|error| Stop::new(Exit::Other, format!("an alert event that cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{City, CityPlan, Scenario, Totals};
    use crate::view::WindowKey;
    use crate::worker::report::Ledger;

    struct Played {
        totals: Totals,
        observer: Arc<Observer>,
        alerts: Vec<AlertEvent>,
    }

    /// Plays a city minute by minute, and then on until everything late has come and every input is idle.
    fn play(plan: CityPlan, hours: i64) -> Played {
        let settings = Settings::default();
        let pipeline = Pipeline::read(&settings).unwrap();
        let observer = Arc::new(Observer::new(&settings, &pipeline.taxonomy, plan.start));
        let mut city = City::new(plan.clone(), &pipeline.taxonomy).unwrap();
        let mut in_memory = InMemory::new(&settings, &pipeline, Arc::clone(&observer), plan.start);
        let mut alerts = in_memory.run_to(plan.start).unwrap();
        for minute in 1..=hours * 60 {
            let clock = plan.start.plus_ms(minute * 60_000);
            while let Some(message) = city.next_until(clock) {
                in_memory.send(message.input, message.key, message.value, message.emission).unwrap();
            }
            alerts.extend(in_memory.run_to(clock).unwrap());
        }
        Played { totals: city.totals(), observer, alerts }
    }

    fn hour() -> CityPlan {
        let usual = CityPlan::default();
        CityPlan {
            sensors: 200,
            rate: 4.0,
            bad_share: 0.01,
            until: Some(usual.start.plus_ms(3_600_000)),
            ..usual
        }
    }

    /// Late messages come up to six hours after their time.
    #[test]
    fn counts_equal_the_generators_own_totals() {
        let played = play(hour(), 8);
        let view = played.observer.view();
        for (county, sectors) in &played.totals.counts {
            for (sector, measures) in sectors {
                let key = WindowKey { region: county.clone(), sector: sector.clone(), window: "30d".into() };
                let counts = view.window(&key).map(|record| record.counts).unwrap_or_default();
                // The others are totals of messages, which no measure of that name counts.
                for (measure, count) in
                    measures.iter().filter(|(measure, _)| !["items", "records"].contains(measure))
                {
                    assert_eq!(counts.get(*measure), Some(&(*count as i64)), "{county} {sector} {measure}");
                }
            }
        }
        for source in view.sources() {
            let sent = played.totals.inputs.get(source.input.name()).copied().unwrap_or_default();
            let Ledger { consumed, counted, duplicate, rejected, held } = source.ledger;
            assert_eq!(
                (consumed, counted, duplicate, rejected, held),
                (sent.sent as i64, sent.distinct as i64, sent.duplicates as i64, sent.bad as i64, 0),
                "{}",
                source.input.name()
            );
        }
        assert!(played.totals.inputs["sensors"].bad > 50);
    }

    /// The counter as the metrics page has it, in seconds.
    fn unwatched_s(observer: &Observer, reason: &str) -> f64 {
        observer.metric(&format!("hazard_unwatched_seconds_total{{region=\"330604\",reason=\"{reason}\"}} "))
    }

    /// Half an hour, an outage of ten minutes in which nobody committed, and ten more minutes.
    #[test]
    fn unwatched_time_survives_a_restart_and_tells_the_outage() {
        const OUTAGE_S: i64 = 600;
        let (settings, plan) = (Settings::default(), CityPlan { until: None, late_share: 0.0, ..hour() });
        let pipeline = Pipeline::read(&settings).unwrap();
        let mut city = City::new(plan.clone(), &pipeline.taxonomy).unwrap();
        let observer = || Arc::new(Observer::new(&settings, &pipeline.taxonomy, plan.start));
        let seen = observer();
        let mut in_memory = InMemory::new(&settings, &pipeline, Arc::clone(&seen), plan.start);
        let mut live = |in_memory: &mut InMemory, from_s: i64, to_s: i64| {
            for second in (from_s..=to_s).step_by(5) {
                let clock = plan.start.plus_ms(second * 1000);
                while let Some(message) = city.next_until(clock) {
                    in_memory.send(message.input, message.key, message.value, message.emission).unwrap();
                }
                in_memory.run_to(clock).unwrap();
            }
        };
        live(&mut in_memory, 0, 1800);
        let before = unwatched_s(&seen, "no_task");
        let InMemory { broker, mut worker, .. } = in_memory;
        // Members of this log never time out: one that was killed would never be missed.
        worker.stop(plan.start.plus_ms(1_800_000)).unwrap();
        broker.advance(plan.start.plus_ms((1800 + OUTAGE_S) * 1000));

        let seen = observer();
        let topics = Layout::all(PARTITIONS).topics;
        let mut in_memory = InMemory::over(broker, &topics, &settings, &pipeline, Arc::clone(&seen));
        live(&mut in_memory, 1800 + OUTAGE_S, 3000);
        // The outage, and the time until an input without events is known to have none.
        let after_s = (settings.time.idle_after_ms / 1000) as f64;
        assert_eq!(unwatched_s(&seen, "no_task") - before, OUTAGE_S as f64 + after_s);
    }

    #[test]
    fn each_scenario_of_the_demo_raises_its_alert_within_the_first_hour() {
        let plan =
            CityPlan { sensors: 400, rate: 20.0, late_share: 0.0, scenarios: Scenario::demo(), ..hour() };
        let fired: Vec<(String, String)> = play(plan, 1)
            .alerts
            .iter()
            .filter(|event| event.transition.to == crate::warn::Status::Firing)
            .map(|event| (event.alert.rule.clone(), event.alert.region.clone()))
            .collect();
        let wanted = [
            ("sensor_level", "330604112"),
            ("sensor_level", "330681119"),
            ("major_hazard_cluster", "330681"),
            ("gateway_silent", "330604112"),
        ];
        for (rule, region) in wanted {
            assert!(
                fired.iter().any(|(fired, at)| fired == rule && at == region),
                "{rule} in {region}: {fired:?}"
            );
        }
    }
}
