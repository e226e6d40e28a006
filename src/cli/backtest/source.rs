//! Stored tallies in Kafka: how far they reach, and reading them, beside a group that may be at work.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cli::exit::{Exit, Stop};
use crate::config::KafkaSettings;
use crate::kafka::History;
use crate::log::{Failure, Topic, TopicPartition, Verdict};

/// For how long a broker that does not answer is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// For how long a read may stand still: a killed worker's open transaction holds readers back until its time-out and the
/// broker's next look at it.
const GO_ON_WITHIN: Duration = Duration::from_secs(120);
/// Between two tries.
const REST: Duration = Duration::from_millis(250);

/// Offsets of a partition: the first that is kept, and the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The partition.
    pub partition: u32,
    /// Its first offset.
    pub first: i64,
    /// Its last offset + 1.
    pub end: i64,
}

/// What there is, as it was before anything was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// hazard.tallies.
    pub tallies: Vec<Range>,
    /// By tallies partition: the offset before which the group has judged, and sent what follows from it.
    pub judged: Vec<i64>,
    /// hazard.alert-events.
    pub alert_events: Vec<Range>,
}

/// The topics of a cluster.
pub struct Source<'a> {
    settings: &'a KafkaSettings,
    /// What they hold.
    pub extent: Extent,
}

impl<'a> Source<'a> {
    /// Asks what there is. First what the group has judged, then the alert events' ends, then the tallies': so what was
    /// sent for a judged tally is among the alert events, and the tallies behind any alert event are among the tallies.
    ///
    /// # Errors
    /// When no broker answers, or the topics are not there.
    pub fn ask(settings: &'a KafkaSettings) -> Result<Source<'a>, Stop> {
        let history = History::open(settings)?;
        let partitions = |topic| {
            let count = patiently(|| history.partitions(topic))?;
            let name = settings.topic(topic);
            let missing = format!("there is no topic {name}: name the cluster and the prefix that it has");
            let all = (0..count).map(|partition| TopicPartition { topic, partition }).collect::<Vec<_>>();
            if all.is_empty() { Err(Stop::new(Exit::Topics, missing)) } else { Ok(all) }
        };
        let ranges = |all: &[TopicPartition]| -> Result<Vec<Range>, Stop> {
            let range = |&at: &TopicPartition| {
                let (first, end) = patiently(|| history.bounds(at))?;
                Ok(Range { partition: at.partition, first, end })
            };
            all.iter().map(range).collect()
        };
        let (tallies, events) = (partitions(Topic::Tallies)?, partitions(Topic::AlertEvents)?);
        let judged = patiently(|| history.committed(&tallies))?;
        let judged = judged.into_iter().map(|offset| offset.unwrap_or(0)).collect();
        let alert_events = ranges(&events)?;
        Ok(Source { settings, extent: Extent { tallies: ranges(&tallies)?, judged, alert_events } })
    }

    /// A reader of its own, for a thread.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn reader(&self) -> Result<History, Stop> {
        Ok(History::open(self.settings)?)
    }

    /// Hands over each committed record of a range: its offset and its value.
    ///
    /// # Errors
    /// When the read does not go on, or the record is refused.
    pub fn read(
        &self,
        history: &mut History,
        topic: Topic,
        range: Range,
        mut each: impl FnMut(i64, &[u8]) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let at = TopicPartition { topic, partition: range.partition };
        let (mut next, mut since) = (range.first, Instant::now());
        let mut taken = Ok(());
        while next < range.end && taken.is_ok() {
            let read = history.read(at, next, range.end, &mut |records| {
                for record in records {
                    if taken.is_ok() {
                        taken = each(record.offset, record.value.unwrap_or_default());
                    }
                }
            });
            match read {
                Ok(reached) if reached > next => (next, since) = (reached, Instant::now()),
                Ok(_) => {}
                Err(failure) if failure.verdict == Verdict::Stop => return Err(failure.into()),
                Err(_) => std::thread::sleep(REST),
            }
            if since.elapsed() > GO_ON_WITHIN {
                let (name, partition) = (self.settings.topic(topic), range.partition);
                let message = format!(
                    "{name}[{partition}] gives nothing from offset {next} on, its end is {}: the broker is away, or a \
                     transaction is left open",
                    range.end
                );
                return Err(Stop::new(Exit::Unreachable, message));
            }
        }
        taken
    }
}

/// Asks again while a broker may still answer.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, Failure>) -> Result<T, Stop> {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(failure) if failure.verdict == Verdict::Stop => return Err(failure.into()),
            Err(failure) if began.elapsed() > ANSWER_WITHIN => {
                return Err(Stop::new(Exit::Unreachable, failure));
            }
            Err(_) => std::thread::sleep(REST),
        }
    }
}
