//! `hazstream topics`: makes the topics, or compares them with the settings.

use super::exit::{Exit, Stop};
use super::{Context, print};
use crate::kafka::topics::{Cluster, Outcome, Severity, TopicsError, TopicsPlan};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make the topics that are missing, with partitions, retention and compaction as set
    Create,
    /// Compare the topics with the settings; name every difference and its remedy (exit code 5, or 0 for warnings alone)
    Check,
}

/// Runs it.
///
/// # Errors
/// With the exit code that says why.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let settings = context.settings()?;
    let cluster = Cluster::new(&settings.kafka)?;
    let plan = TopicsPlan::new(&settings);
    match args.action {
        Action::Create => create(&cluster, &plan),
        Action::Check => check(&cluster, &plan),
    }
}

fn create(cluster: &Cluster, plan: &TopicsPlan) -> Result<(), Stop> {
    let mut refused = 0;
    for (topic, outcome) in cluster.create(plan)? {
        match outcome {
            Outcome::Created => print::out(format!("{topic}: created")),
            Outcome::Existed => print::out(format!("{topic}: was there, left as it is")),
            Outcome::Refused(reason) => {
                refused += 1;
                print::err(format!("{topic}: not created: {reason}"))
            }
        };
    }
    match refused {
        0 => Ok(()),
        n => Err(Stop::new(Exit::Topics, format!("{n} of {} topics were not created", plan.topics.len()))),
    }
}

fn check(cluster: &Cluster, plan: &TopicsPlan) -> Result<(), Stop> {
    let findings = cluster.check(plan)?;
    if findings.is_empty() {
        print::out(format!("{} topics are as they should be", plan.topics.len()));
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if findings.iter().all(|finding| finding.severity == Severity::Warning) {
        print::err(lines.join("\n"));
        return Ok(());
    }
    Err(Stop::new(Exit::Topics, lines.join("\n")))
}

impl From<TopicsError> for Stop {
    fn from(error: TopicsError) -> Self {
        let exit = match &error {
            TopicsError::Unreachable { .. } => Exit::Unreachable,
            TopicsError::Unknown { .. } | TopicsError::Forbidden { .. } => Exit::NotAuthorised,
            TopicsError::Other(_) => Exit::Other,
        };
        Stop::new(exit, error)
    }
}
