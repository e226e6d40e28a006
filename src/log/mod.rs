//! The log: what a worker may ask of Kafka, or of the memory log that knows what Kafka knows.

use crate::event::EventTime;

/// An input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Input {
    Sensors,
    Inspections,
    Items,
    Records,
    Commands,
}

impl Input {
    /// Every input, in the order of the contract.
    pub const ALL: [Input; 5] =
        [Input::Sensors, Input::Inspections, Input::Items, Input::Records, Input::Commands];

    /// The name in state keys, metrics and the default topic (`hazard.<name>`).
    pub const fn name(self) -> &'static str {
        match self {
            Input::Sensors => "sensors",
            Input::Inspections => "inspections",
            Input::Items => "items",
            Input::Records => "records",
            Input::Commands => "commands",
        }
    }
}

/// Every topic that hazstream reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Topic {
    Input(Input),
    Tallies,
    State,
    Rejects,
    Windows,
    WindowCloses,
    Alerts,
    AlertEvents,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 12] = [
        Topic::Input(Input::Sensors),
        Topic::Input(Input::Inspections),
        Topic::Input(Input::Items),
        Topic::Input(Input::Records),
        Topic::Input(Input::Commands),
        Topic::Tallies,
        Topic::State,
        Topic::Rejects,
        Topic::Windows,
        Topic::WindowCloses,
        Topic::Alerts,
        Topic::AlertEvents,
    ];

    /// The name behind the prefix: `hazard.<name>` by default.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Input(input) => input.name(),
            Topic::Tallies => "tallies",
            Topic::State => "state",
            Topic::Rejects => "rejects",
            Topic::Windows => "windows",
            Topic::WindowCloses => "window-closes",
            Topic::Alerts => "alerts",
            Topic::AlertEvents => "alert-events",
        }
    }
}

/// One partition of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition, from 0.
    pub partition: u32,
}

/// A record as it is read; everything is borrowed until the next read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it stands.
    pub at: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// When it arrived: the broker's stamp where the topic has LogAppendTime; otherwise the producer's stamp or the
    /// worker's clock, whichever is earlier.
    pub arrival: EventTime,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The topic.
    pub topic: Topic,
    /// The partition; `None`: by the key, as every Kafka producer does (murmur2).
    pub partition: Option<u32>,
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// What befell the worker's membership or its reading, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These partitions are ours: answer with [`Log::assign`](self).
    Assigned(Vec<TopicPartition>),
    /// These go to another member: end the transaction, then answer with `release`.
    Revoking(Vec<TopicPartition>),
    /// These were taken already: whatever was not committed is void.
    Lost(Vec<TopicPartition>),
    /// The end of this partition was read.
    AtEnd(TopicPartition),
}

/// What to do about a failure: errors are named by their remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Do the same again; nothing changed.
    Retry,
    /// Abort the transaction, rewind to the committed offsets, rebuild the tasks.
    AbortAndRewind,
    /// Drop the producer, make a new one (which fences the old), rewind and rebuild.
    NewProducer,
    /// Only a person can mend this.
    Stop,
}

/// A failure with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What to do.
    pub verdict: Verdict,
    /// What happened, for a person.
    pub message: String,
}
