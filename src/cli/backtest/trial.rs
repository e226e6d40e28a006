//! One assess task over the stored tallies of its partition: what it tells, and from which tally.

use std::sync::Arc;

use crate::assess::{AssessTask, Entry};
use crate::cli::pipeline::Pipeline;
use crate::event::EventTime;
use crate::log::{Output, Topic};
use crate::tally::StateError;

/// A task on trial. Nothing of what it would store is kept.
pub struct Trial {
    task: AssessTask,
    out: Vec<Output>,
    /// What it told, in order.
    pub told: Vec<Told>,
    /// How many tallies it took.
    pub tallies: u64,
    /// The clock of the first of them.
    pub begins: Option<EventTime>,
    /// The first and the newest moment that an input had reached.
    pub reached: Option<(EventTime, EventTime)>,
    clock: EventTime,
    /// Judges by the rules that it was given, whatever the log says of rules.
    steadfast: bool,
}

/// An alert event, byte for byte as it would stand in hazard.alert-events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// The log's clock at which it was told.
    pub clock: EventTime,
    /// The tallies partition.
    pub partition: u32,
    /// The tally that decided.
    pub offset: i64,
    /// The event.
    pub value: Vec<u8>,
}

impl Trial {
    /// A task that knows nothing, of this partition, whose first tally is at offset `first`. A `steadfast` one judges by the
    /// rules of the pipeline throughout, any other by them until the log says otherwise.
    pub fn new(partition: u32, first: i64, pipeline: &Pipeline, steadfast: bool) -> Self {
        let mut task =
            AssessTask::new(partition, Arc::clone(&pipeline.taxonomy), Arc::clone(&pipeline.assess));
        task.start_at(first);
        Trial {
            task,
            out: Vec::new(),
            told: Vec::new(),
            tallies: 0,
            begins: None,
            reached: None,
            clock: EventTime::MIN,
            steadfast,
        }
    }

    /// Takes a record of the tallies log as it is stored.
    ///
    /// # Errors
    /// When it is of a newer version, or damaged.
    pub fn take_stored(&mut self, offset: i64, stored: &[u8]) -> Result<(), StateError> {
        self.take(offset, &Entry::decode(stored)?);
        Ok(())
    }

    /// Takes the next record of the tallies log.
    pub fn take(&mut self, offset: i64, entry: &Entry) {
        match entry {
            Entry::Rules(_) if self.steadfast => {}
            Entry::Rules(announced) => self.task.switch(announced, offset, &mut self.out),
            Entry::Tally(tally) => {
                self.tallies += 1;
                self.begins.get_or_insert(tally.clock);
                self.clock = self.clock.max(tally.clock);
                if tally.frontier > EventTime::MIN {
                    let (first, newest) = self.reached.unwrap_or((tally.frontier, tally.frontier));
                    self.reached = Some((first.min(tally.frontier), newest.max(tally.frontier)));
                }
                self.task.apply(tally, offset, &mut self.out);
            }
        }
        self.task.forget_changes();
        let (clock, partition) = (self.clock, self.task.partition());
        let events = self.out.drain(..).filter(|output| output.topic == Topic::AlertEvents);
        self.told.extend(events.filter_map(|output| output.value).map(|value| Told {
            clock,
            partition,
            offset,
            value,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess;
    use crate::city::{City, CityPlan, Scenario};
    use crate::cli::backtest::verify::{Gaps, compare};
    use crate::cli::in_memory::InMemory;
    use crate::config::Settings;
    use crate::log::TopicPartition;
    use crate::log::memory::Stored;
    use crate::observer::Observer;

    /// An hour of a city with the demo's stories: what its pipeline stored and sent.
    fn hour() -> (Pipeline, Vec<Stored>, Vec<Vec<u8>>) {
        let settings = Settings::default();
        let pipeline = Pipeline::read(&settings).unwrap();
        let usual = CityPlan::default();
        let end = usual.start.plus_ms(3_600_000);
        let scenarios = Scenario::demo();
        let plan = CityPlan { sensors: 400, rate: 20.0, scenarios, until: Some(end), ..usual };
        let observer = Arc::new(Observer::new(&settings, &pipeline.taxonomy, plan.start));
        let mut in_memory = InMemory::new(&settings, &pipeline, observer, plan.start);
        let mut clock = plan.start;
        let mut city = City::new(plan, &pipeline.taxonomy).unwrap();
        while clock < end {
            clock = clock.plus_ms(60_000);
            while let Some(message) = city.next_until(clock) {
                in_memory.send(message.input, message.key, message.value, message.emission).unwrap();
            }
            in_memory.run_to(clock).unwrap();
        }
        let records = |topic| in_memory.broker().committed_records(TopicPartition { topic, partition: 0 }, 0);
        let sent = records(Topic::AlertEvents);
        let sent = sent.iter().map(|record| record.payload.value.clone().unwrap()).collect();
        (pipeline, records(Topic::Tallies), sent)
    }

    fn tell(pipeline: &Pipeline, tallies: &[Stored]) -> Vec<Told> {
        let mut trial = Trial::new(0, tallies[0].offset, pipeline, false);
        for record in tallies {
            trial.take_stored(record.offset, record.payload.value.as_deref().unwrap()).unwrap();
        }
        trial.told
    }

    #[test]
    fn the_same_rules_tell_the_very_bytes_that_were_sent_and_others_tell_others() {
        let (pipeline, tallies, sent) = hour();
        let told = tell(&pipeline, &tallies);
        assert!(told.len() > 10, "{}", told.len());
        assert_eq!(told.iter().map(|told| &told.value).collect::<Vec<_>>(), sent.iter().collect::<Vec<_>>());

        let judged = [tallies.last().unwrap().offset + 1];
        let comparison = compare(&told, &sent, &Gaps::default(), &judged).unwrap();
        assert!(comparison.agrees() && comparison.identical == sent.len() as u64, "{comparison}");

        let mut assess = assess::Settings::clone(&pipeline.assess);
        assess.rules.retain(|rule| rule.name != "sensor_level");
        let taxonomy = Arc::clone(&pipeline.taxonomy);
        let fewer = Pipeline {
            taxonomy,
            assess: Arc::new(assess),
            rules_text: String::new(),
            limits_text: Ok(String::new()),
        };
        let fewer = tell(&fewer, &tallies);
        let comparison = compare(&fewer, &sent, &Gaps::default(), &judged).unwrap();
        assert_eq!(comparison.missing, (sent.len() - fewer.len()) as u64, "{comparison}");
        assert!(!comparison.agrees());
    }
}
