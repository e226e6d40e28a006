//! What the group asks of a member.
//!
//! A rebalance is not answered where librdkafka tells of it. The event is stashed, the member's poll reports it as a change,
//! and the worker answers when its transaction is over. That is what librdkafka's event interface is made for: until
//! `incremental_assign` or `incremental_unassign` is called the member stays in its join state, goes on sending heartbeats,
//! and fetches nothing; the first such call, whenever it comes, completes the rebalance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use super::context::{Heard, log_line};

/// What the group asked of this member and has not been reported yet.
pub(super) enum Asked {
    Take(Vec<(String, i32)>),
    Give { partitions: Vec<(String, i32)>, lost: bool },
}

/// The consumer's context: stashes rebalances for [`Member::poll`].
#[derive(Default)]
pub(super) struct Group {
    asked: Mutex<Vec<Asked>>,
    pub(super) heard: Heard,
    /// On leaving nobody polls for changes any more, so a rebalance is answered where it comes.
    leaving: AtomicBool,
}

impl Group {
    /// From now on rebalances are answered where they come.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// What was asked since the last time, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.hear(&error, reason);
    }
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Group>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let take = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.leaving.load(Ordering::Acquire) {
            // Everything was given up already; but librdkafka waits for an answer of the kind that it asked for.
            let nothing = TopicPartitionList::new();
            let answer = if take {
                consumer.incremental_assign(&nothing)
            } else {
                consumer.incremental_unassign(&nothing)
            };
            if let Err(error) = answer {
                tracing::debug!("leaving the group: {error}");
            }
            return;
        }
        let partitions =
            partitions.elements().iter().map(|at| (at.topic().to_owned(), at.partition())).collect();
        let asked = if take {
            Asked::Take(partitions)
        } else {
            Asked::Give { partitions, lost: consumer.assignment_lost() }
        };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}
