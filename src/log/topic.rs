//! The topics and their partitions.

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
