//! [`History`]: what stands in the topics, read from beside the group: it joins nothing, writes nothing, commits nothing.

use std::sync::Arc;

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Each, Failure, Topic, TopicPartition};

use super::client::Names;
use super::reader::{Reader, Scout};

/// Reads committed records of any partition, while the group works or rests.
pub struct History {
    reader: Reader,
    scout: Scout,
}

impl History {
    /// Makes its clients; nothing waits for a broker yet.
    ///
    /// # Errors
    /// [`crate::log::Verdict::Stop`] when librdkafka refuses the settings.
    pub fn open(settings: &KafkaSettings) -> Result<History, Failure> {
        let names = Arc::new(Names::new(settings));
        Ok(History {
            reader: Reader::open(settings, Arc::clone(&names))?,
            scout: Scout::open(settings, names)?,
        })
    }

    /// See [`crate::log::Log::partitions`].
    pub fn partitions(&self, topic: Topic) -> Result<u32, Failure> {
        self.scout.partitions(topic)
    }

    /// See [`crate::log::Log::bounds`].
    pub fn bounds(&self, at: TopicPartition) -> Result<(i64, i64), Failure> {
        self.scout.bounds(at)
    }

    /// See [`crate::log::Log::committed`].
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        self.reader.committed(partitions)
    }

    /// See [`crate::log::Log::read`]; the stamps of arrival are as the producers gave them.
    pub fn read(&mut self, at: TopicPartition, from: i64, to: i64, each: Each<'_>) -> Result<i64, Failure> {
        self.reader.read(at, from, to, EventTime::from_ms(i64::MAX), each)
    }
}
