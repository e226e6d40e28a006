//! `topics create` and `topics check`: what the topics must be, what they are, and what to do about the difference.

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::KafkaSettings;

use super::client::{self, Kind, Names};
use super::context::{Plain, is_connection};
use super::reader::Scout;
use super::verdict::{self, is_forbidden};

pub use plan::{Finding, Severity, TopicPlan, TopicsPlan};
use plan::{Found, tuning};

/// How long one request to the cluster may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A new topic spreads through the cluster within about this time.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What became of a topic that `create` wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Made.
    Created,
    /// It was there; nothing was changed.
    Existed,
    /// The cluster would not.
    Refused(String),
}

/// Why the cluster could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicsError {
    /// Nobody answered.
    #[error(
        "no broker answers at {servers}: {reason}: check kafka.bootstrap_servers, the network, and security.protocol"
    )]
    Unreachable {
        /// Where.
        servers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// The cluster does not believe who we are.
    #[error(
        "{servers} refuses the credentials: {reason}: check sasl.username, sasl.password and sasl.mechanism in kafka.properties"
    )]
    Unknown {
        /// Where.
        servers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// The cluster refuses what we want.
    #[error("not permitted: {what}: {reason}")]
    Forbidden {
        /// What was asked for.
        what: String,
        /// What the cluster says.
        reason: String,
    },
    /// The settings are refused, or the cluster answered something else.
    #[error("{0}")]
    Other(String),
}

/// The cluster, as far as topics go.
pub struct Cluster {
    admin: AdminClient<Plain>,
    /// Asks for what is there; unlike the other it hears why it cannot.
    scout: Scout,
    servers: String,
    runtime: tokio::runtime::Runtime,
}

impl Cluster {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(settings: &KafkaSettings) -> Result<Cluster, TopicsError> {
        let other = |error: &KafkaError| TopicsError::Other(verdict::describe(error));
        let config = client::config(settings, Kind::Admin, &[])
            .map_err(|failure| TopicsError::Other(failure.message))?;
        let admin = config.create_with_context(Plain::default()).map_err(|error| other(&error))?;
        let scout = Scout::open(settings, Arc::new(Names::new(settings)))
            .map_err(|failure| TopicsError::Other(failure.message))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| TopicsError::Other(error.to_string()))?;
        Ok(Cluster { admin, scout, servers: settings.bootstrap_servers.clone(), runtime })
    }

    /// Makes the topics that are missing, and waits until they can be seen; the others are left as they are.
    ///
    /// # Errors
    /// When the cluster cannot be asked. What it refuses for one topic is that topic's [`Outcome`].
    pub fn create(&self, plan: &TopicsPlan) -> Result<Vec<(String, Outcome)>, TopicsError> {
        let mut outcomes = Vec::new();
        for topic in &plan.topics {
            let outcome = match self.found(&topic.name)? {
                Some(_) => Outcome::Existed,
                None => self.create_one(topic)?,
            };
            outcomes.push((topic.name.clone(), outcome));
        }
        let until = Instant::now() + ANSWER_WITHIN;
        for (name, _) in outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Created) {
            while self.found(name)?.is_none() && Instant::now() < until {
                std::thread::sleep(LOOK_AGAIN);
            }
        }
        Ok(outcomes)
    }

    fn create_one(&self, plan: &TopicPlan) -> Result<Outcome, TopicsError> {
        let replication = TopicReplication::Fixed(plan.replication.map_or(-1, i32::from));
        let partitions = i32::try_from(plan.partitions).unwrap_or(i32::MAX);
        let mut new = NewTopic::new(&plan.name, partitions, replication);
        let tuning = tuning(plan.topic);
        for (key, value) in plan.settings.iter().chain(&tuning) {
            new = new.set(key, value);
        }
        let options =
            AdminOptions::new().request_timeout(Some(ANSWER_WITHIN)).operation_timeout(Some(ANSWER_WITHIN));
        let answer = self.runtime.block_on(self.admin.create_topics([&new], &options));
        let answer = answer.map_err(|error| self.error(&format!("create {}", plan.name), &error))?;
        match answer.into_iter().next() {
            Some(Ok(_)) => Ok(Outcome::Created),
            // Somebody else was quicker.
            Some(Err((_, Code::TopicAlreadyExists))) => Ok(Outcome::Existed),
            Some(Err((name, code))) if is_forbidden(code) => {
                let what = format!("create topic {name} (grant Create on the cluster or the topic)");
                Err(TopicsError::Forbidden { what, reason: code.to_string() })
            }
            Some(Err((_, code))) => Ok(Outcome::Refused(code.to_string())),
            None => Ok(Outcome::Refused("the cluster did not answer".into())),
        }
    }

    /// Every difference between the plan and what is there, in the order of the plan.
    ///
    /// # Errors
    /// When the cluster cannot be asked.
    pub fn check(&self, plan: &TopicsPlan) -> Result<Vec<Finding>, TopicsError> {
        let mut found = Vec::with_capacity(plan.topics.len());
        for topic in &plan.topics {
            found.push(match self.found(&topic.name)? {
                Some((partitions, copies)) => {
                    Some(Found { partitions, copies, settings: self.described(&topic.name)? })
                }
                None => None,
            });
        }
        Ok(plan.compare(&found, &self.servers))
    }

    /// Partitions and copies, `None` when there is no such topic.
    fn found(&self, name: &str) -> Result<Option<(u32, u32)>, TopicsError> {
        let asked = self.scout.shape(name, ANSWER_WITHIN);
        asked.map_err(|error| self.error(&format!("describe topic {name} (grant Describe on it)"), &error))
    }

    fn described(&self, name: &str) -> Result<BTreeMap<String, String>, TopicsError> {
        let what = format!("describe the settings of topic {name} (grant DescribeConfigs on it)");
        let options = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN));
        let topic = [ResourceSpecifier::Topic(name)];
        let asked = self.admin.describe_configs(&topic, &options);
        let answer = self.runtime.block_on(asked).map_err(|error| self.error(&what, &error))?;
        match answer.into_iter().next() {
            Some(Ok(resource)) => {
                let valued = |entry: ConfigEntry| Some((entry.name, entry.value?));
                Ok(resource.entries.into_iter().filter_map(valued).collect())
            }
            Some(Err(code)) => Err(self.error(&what, &KafkaError::AdminOp(code))),
            None => Err(TopicsError::Other(format!("no answer to: {what}"))),
        }
    }

    fn error(&self, what: &str, error: &KafkaError) -> TopicsError {
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        let (code, reason) = self.scout.heard().reason(code).unwrap_or((code, verdict::describe(error)));
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed => {
                TopicsError::Unknown { servers: self.servers.clone(), reason }
            }
            code if is_forbidden(code) => TopicsError::Forbidden { what: what.into(), reason },
            code if is_connection(code) => TopicsError::Unreachable { servers: self.servers.clone(), reason },
            _ => TopicsError::Other(format!("{what}: {reason}")),
        }
    }
}
