//! From a batch of messages to runs: consecutive records of one partition, borrowed from the batch.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::event::EventTime;
use crate::log::{Headers, Record, TopicPartition};

use super::batch::{Batch, Message, Stamp};
use super::client::Names;

/// What a batch is made of.
pub(super) enum Piece<'a> {
    /// Records of one partition in the order of their offsets.
    Run(&'a [Record<'a>]),
    /// Something befell a partition at this offset; `at` is `None` when it concerns no partition of ours.
    Event { at: Option<TopicPartition>, offset: i64, code: Code },
}

/// Records handed over at once, at most: they and what they point at should lie in the processor's cache together.
const RUN_RECORDS_MAX: usize = 256;

/// Hands the batch's pieces to `on`, in order.
pub(super) fn deliver(batch: &Batch, names: &Names, now: EventTime, on: &mut dyn FnMut(Piece<'_>)) {
    let mut records = Vec::with_capacity(batch.len().min(RUN_RECORDS_MAX));
    let mut messages = batch.messages().peekable();
    while let Some(first) = messages.next() {
        let at = locate(&first, names);
        if let Some(code) = first.error() {
            on(Piece::Event { at, offset: first.offset(), code });
            continue;
        }
        let Some(at) = at else { continue };
        records.clear();
        records.push(record(&first, at, now));
        while records.len() < RUN_RECORDS_MAX
            && let Some(next) = messages.next_if(|next| next.is_beside(&first) && next.error().is_none())
        {
            records.push(record(&next, at, now));
        }
        on(Piece::Run(&records));
    }
}

fn locate(message: &Message<'_>, names: &Names) -> Option<TopicPartition> {
    let topic = names.topic(message.topic())?;
    let partition = u32::try_from(message.partition()).ok()?;
    Some(TopicPartition { topic, partition })
}

fn record<'a>(message: &Message<'a>, at: TopicPartition, now: EventTime) -> Record<'a> {
    let arrival = match message.stamp() {
        Stamp::Broker(stamp) => stamp,
        Stamp::Producer(stamp) => stamp.min(now),
        Stamp::None => now,
    };
    let headers = Headers::Asked(message.source());
    Record { at, offset: message.offset(), arrival, key: message.key(), value: message.value(), headers }
}
