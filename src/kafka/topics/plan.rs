//! What the topics must be, and how what is there differs: plain data, no cluster.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::Settings;
use crate::log::Topic;

use super::super::client::MESSAGE_BYTES_MAX;

/// What every topic must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsPlan {
    /// In the order of [`Topic::ALL`], without inputs that are not read.
    pub topics: Vec<TopicPlan>,
    /// An input must keep its records for this long at least, or duplicates are not known again after a restart.
    pub dedup_horizon_ms: i64,
}

/// What one topic must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Which one.
    pub topic: Topic,
    /// Its name on the broker.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many copies; `None`: the broker's default, which is not compared.
    pub replication: Option<u16>,
    /// Its settings, by Kafka's names.
    pub settings: Vec<(&'static str, String)>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The topic's name.
    pub topic: String,
    /// What is compared, by Kafka's name where it has one.
    pub setting: &'static str,
    /// What is there.
    pub found: String,
    /// What should be there.
    pub wanted: String,
    /// What to do, in one line.
    pub remedy: String,
    /// How bad it is.
    pub severity: Severity,
}

/// How bad a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, but not as well as it should.
    Warning,
    /// A guarantee does not hold.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { topic, setting, found, wanted, remedy, severity } = self;
        let severity = match severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {topic}: {setting} is {found}, wanted {wanted}: {remedy}")
    }
}

impl TopicsPlan {
    /// What these settings ask for.
    pub fn new(settings: &Settings) -> TopicsPlan {
        let is_used = |topic: &Topic| match topic {
            Topic::Input(input) => settings.kafka.inputs.contains(input),
            _ => true,
        };
        let topics = Topic::ALL.iter().filter(|topic| is_used(topic)).map(|&topic| plan(topic, settings));
        TopicsPlan { topics: topics.collect(), dedup_horizon_ms: settings.time.dedup_horizon_ms }
    }
}

fn plan(topic: Topic, settings: &Settings) -> TopicPlan {
    let mut wanted: Vec<(&'static str, String)> = Vec::new();
    match topic {
        Topic::Input(_) => {
            wanted.push(("cleanup.policy", "delete".into()));
            wanted.push(("retention.ms", settings.topics.input_retention_ms.to_string()));
            // So that a record's arrival is the broker's stamp, and retention does not go by a device's clock.
            wanted.push(("message.timestamp.type", "LogAppendTime".into()));
        }
        Topic::Tallies => {
            wanted.push(("cleanup.policy", "delete".into()));
            wanted.push(("retention.ms", settings.topics.input_retention_ms.to_string()));
        }
        Topic::State | Topic::Windows | Topic::Alerts => {
            wanted.push(("cleanup.policy", "compact".into()));
        }
        Topic::Rejects | Topic::WindowCloses | Topic::AlertEvents => {
            wanted.push(("cleanup.policy", "delete".into()));
            wanted.push(("retention.ms", settings.topics.output_retention_ms.to_string()));
        }
    }
    if !matches!(topic, Topic::Input(_)) {
        wanted.push(("max.message.bytes", MESSAGE_BYTES_MAX.to_string()));
    }
    if let Some(insync) = settings.topics.min_insync_replicas {
        wanted.push(("min.insync.replicas", insync.to_string()));
    }
    TopicPlan {
        topic,
        name: settings.kafka.topic(topic).to_owned(),
        partitions: settings.topics.partitions,
        replication: settings.topics.replication_factor,
        settings: wanted,
    }
}

/// Settings that only make a topic better; they are made, but not compared.
pub(super) fn tuning(topic: Topic) -> Vec<(&'static str, String)> {
    match topic {
        // A restore reads the whole log, so it is compacted early and often.
        Topic::State => vec![
            ("min.cleanable.dirty.ratio", "0.1".into()),
            ("segment.ms", "3600000".into()),
            ("segment.bytes", (64 << 20).to_string()),
        ],
        _ => Vec::new(),
    }
}

/// What there is of a topic.
pub(super) struct Found {
    pub(super) partitions: u32,
    /// The fewest copies that any of its partitions has.
    pub(super) copies: u32,
    /// Its settings, by Kafka's names.
    pub(super) settings: BTreeMap<String, String>,
}

impl TopicsPlan {
    /// Every difference, in the order of the plan; `found` is in the same order, `None` for a missing topic. `servers` goes
    /// into the remedies.
    pub(super) fn compare(&self, found: &[Option<Found>], servers: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (plan, found) in self.topics.iter().zip(found) {
            let Some(found) = found else {
                findings.push(missing(plan));
                continue;
            };
            findings.extend(compare_partitions(plan, found.partitions));
            findings.extend(compare_copies(plan, found.copies));
            for (setting, wanted) in &plan.settings {
                let value = found.settings.get(*setting).map_or("", String::as_str);
                findings.extend(self.compare_setting(plan, setting, value, wanted, servers));
            }
        }
        findings.extend(self.compare_together(found));
        findings
    }

    fn compare_setting(
        &self,
        plan: &TopicPlan,
        setting: &'static str,
        found: &str,
        wanted: &str,
        servers: &str,
    ) -> Option<Finding> {
        let number = |text: &str| text.parse::<i64>().unwrap_or(0);
        // A negative retention keeps everything.
        let kept = |text: &str| if number(text) < 0 { i64::MAX } else { number(text) };
        let fits = match setting {
            "retention.ms" => kept(found) >= kept(wanted),
            "max.message.bytes" | "min.insync.replicas" => number(found) >= number(wanted),
            _ => found == wanted,
        };
        let forgets = matches!(plan.topic, Topic::Input(_)) && kept(found) < self.dedup_horizon_ms;
        let severity = match setting {
            "retention.ms" if !forgets => Severity::Warning,
            "message.timestamp.type" => Severity::Warning,
            _ => Severity::Error,
        };
        (!fits).then(|| Finding {
            topic: plan.name.clone(),
            setting,
            found: if found.is_empty() { "not set".into() } else { found.into() },
            wanted: wanted.into(),
            remedy: format!(
                "kafka-configs.sh --bootstrap-server {servers} --alter --topic {} --add-config {setting}={wanted}",
                plan.name
            ),
            severity,
        })
    }

    /// An alert and its events share the key, so whoever joins them needs them partitioned alike.
    fn compare_together(&self, found: &[Option<Found>]) -> Option<Finding> {
        let of = |topic: Topic| {
            let index = self.topics.iter().position(|plan| plan.topic == topic)?;
            Some((&self.topics[index].name, found.get(index)?.as_ref()?.partitions))
        };
        let ((alerts, wanted), (events, found)) = (of(Topic::Alerts)?, of(Topic::AlertEvents)?);
        (found != wanted).then(|| Finding {
            topic: events.clone(),
            setting: "partitions",
            found: found.to_string(),
            wanted: format!("{wanted}, as many as {alerts}"),
            remedy: format!("make {events} anew with {wanted} partitions"),
            severity: Severity::Error,
        })
    }
}

fn missing(plan: &TopicPlan) -> Finding {
    Finding {
        topic: plan.name.clone(),
        setting: "topic",
        found: "missing".into(),
        wanted: format!("{} partitions", plan.partitions),
        remedy: "hazstream topics create".into(),
        severity: Severity::Error,
    }
}

fn compare_partitions(plan: &TopicPlan, found: u32) -> Option<Finding> {
    let (severity, remedy) = match plan.topic {
        // What is in them was placed by the old count: a task would look for its state in the wrong partition.
        Topic::State | Topic::Tallies => (
            Severity::Error,
            format!("set topics.partitions to {found}; it cannot change once the topic has been written to"),
        ),
        Topic::Input(_) => (
            Severity::Warning,
            "leave it as it is: a count that changes while the topic is in use moves keys to other tasks"
                .into(),
        ),
        _ => (Severity::Warning, format!("set topics.partitions to {found}, or make the topic anew")),
    };
    (found != plan.partitions).then(|| Finding {
        topic: plan.name.clone(),
        setting: "partitions",
        found: found.to_string(),
        wanted: plan.partitions.to_string(),
        remedy,
        severity,
    })
}

fn compare_copies(plan: &TopicPlan, found: u32) -> Option<Finding> {
    let wanted = u32::from(plan.replication?);
    (found < wanted).then(|| Finding {
        topic: plan.name.clone(),
        setting: "replication factor",
        found: found.to_string(),
        wanted: wanted.to_string(),
        remedy: "kafka-reassign-partitions.sh, with a plan that names more replicas".into(),
        severity: Severity::Warning,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> TopicsPlan {
        let yaml =
            "topics: {partitions: 4, replication_factor: 3, min_insync_replicas: 2, input_retention: 1d}\n";
        TopicsPlan::new(&Settings::resolve(Some(("a.yaml", yaml)), std::iter::empty()).unwrap())
    }

    /// What `topics create` would make.
    fn as_planned(plan: &TopicsPlan) -> Vec<Option<Found>> {
        let settings =
            |topic: &TopicPlan| topic.settings.iter().map(|(k, v)| ((*k).into(), v.clone())).collect();
        let found = |topic: &TopicPlan| Found { partitions: 4, copies: 3, settings: settings(topic) };
        plan.topics.iter().map(|topic| Some(found(topic))).collect()
    }

    fn check(change: impl FnOnce(&mut Vec<Option<Found>>), topic: Topic, want: &[&str]) {
        let plan = plan();
        let mut found = as_planned(&plan);
        // The topic in question comes first.
        let index = plan.topics.iter().position(|plan| plan.topic == topic).unwrap();
        found.swap(0, index);
        change(&mut found);
        found.swap(0, index);
        let got: Vec<String> = plan.compare(&found, "k:9092").iter().map(ToString::to_string).collect();
        assert_eq!(got, want);
    }

    const SENSORS: Topic = Topic::Input(crate::log::Input::Sensors);

    fn set(found: &mut [Option<Found>], setting: &str, value: &str) {
        found[0].as_mut().unwrap().settings.insert(setting.into(), value.into());
    }

    #[test]
    fn what_create_makes_has_no_findings() {
        check(|_| {}, SENSORS, &[]);
    }

    #[test]
    fn more_than_was_asked_for_is_fine() {
        check(|found| set(found, "retention.ms", "-1"), SENSORS, &[]);
        check(|found| set(found, "max.message.bytes", "99999999"), Topic::Tallies, &[]);
        check(|found| found[0].as_mut().unwrap().copies = 5, Topic::State, &[]);
    }

    #[test]
    fn a_topic_that_is_missing_is_named() {
        let want = "error: hazard.state: topic is missing, wanted 4 partitions: hazstream topics create";
        check(|found| found[0] = None, Topic::State, &[want]);
    }

    #[test]
    fn a_state_that_is_not_compacted_is_an_error() {
        let want = "error: hazard.state: cleanup.policy is delete, wanted compact: kafka-configs.sh --bootstrap-server \
                    k:9092 --alter --topic hazard.state --add-config cleanup.policy=compact";
        check(|found| set(found, "cleanup.policy", "delete"), Topic::State, &[want]);
    }

    #[test]
    fn an_input_that_forgets_before_duplicates_do_is_an_error_and_a_shorter_one_a_warning() {
        let remedy = "kafka-configs.sh --bootstrap-server k:9092 --alter --topic hazard.sensors --add-config \
                      retention.ms=86400000";
        let error = format!("error: hazard.sensors: retention.ms is 60000, wanted 86400000: {remedy}");
        check(|found| set(found, "retention.ms", "60000"), SENSORS, &[&error]);
        let warning = format!("warning: hazard.sensors: retention.ms is 3600000, wanted 86400000: {remedy}");
        check(|found| set(found, "retention.ms", "3600000"), SENSORS, &[&warning]);
    }

    #[test]
    fn a_changed_partition_count_is_a_finding() {
        let partitions = |found: &mut Vec<Option<Found>>| found[0].as_mut().unwrap().partitions = 8;
        check(
            partitions,
            Topic::Tallies,
            &["error: hazard.tallies: partitions is 8, wanted 4: set topics.partitions to \
            8; it cannot change once the topic has been written to"],
        );
        check(
            partitions,
            SENSORS,
            &["warning: hazard.sensors: partitions is 8, wanted 4: leave it as it is: a count \
            that changes while the topic is in use moves keys to other tasks"],
        );
    }

    #[test]
    fn alerts_and_their_events_are_partitioned_alike() {
        let plan = plan();
        let mut found = as_planned(&plan);
        let events = plan.topics.iter().position(|plan| plan.topic == Topic::AlertEvents).unwrap();
        found[events].as_mut().unwrap().partitions = 3;
        let findings = plan.compare(&found, "k:9092");
        assert!(
            findings.iter().any(|finding| finding.wanted == "4, as many as hazard.alerts"),
            "{findings:#?}"
        );
    }
}
