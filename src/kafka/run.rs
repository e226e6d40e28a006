//! From a batch of messages to runs: consecutive records of one partition, borrowed from the batch.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::event::EventTime;
use crate::log::{Record, TopicPartition};

use super::batch::{Batch, Message, Stamp};
use super::client::Names;

/// A name and its value.
type Header<'a> = (&'a str, &'a [u8]);

/// What a batch is made of.
pub(super) enum Piece<'a> {
    /// Records of one partition in the order of their offsets.
    Run(&'a [Record<'a>]),
    /// Something befell a partition at this offset; `at` is `None` when it concerns no partition of ours.
    Event { at: Option<TopicPartition>, offset: i64, code: Code },
}

/// Memory that is used again for every batch.
#[derive(Default)]
pub(super) struct Runs {
    records: Vec<Record<'static>>,
    headers: Vec<Header<'static>>,
}

impl Runs {
    /// Hands the batch's pieces to `on`, in order.
    pub(super) fn deliver(
        &mut self,
        batch: &Batch,
        names: &Names,
        now: EventTime,
        on: &mut dyn FnMut(Piece<'_>),
    ) {
        let mut messages = batch.messages().peekable();
        while let Some(first) = messages.next() {
            let at = locate(&first, names);
            if let Some(code) = first.error() {
                on(Piece::Event { at, offset: first.offset(), code });
                continue;
            }
            let Some(at) = at else { continue };
            let mut records = again(std::mem::take(&mut self.records));
            let mut headers = again_headers(std::mem::take(&mut self.headers));
            let mut spans: Vec<(usize, usize)> = Vec::new();
            let mut message = first;
            loop {
                let start = headers.len();
                message.headers(&mut headers);
                if headers.len() > start {
                    spans.push((records.len(), start));
                }
                records.push(record(&message, at, now));
                match messages.next_if(|next| next.is_beside(&first) && next.error().is_none()) {
                    Some(next) => message = next,
                    None => break,
                }
            }
            let mut end = headers.len();
            for &(index, start) in spans.iter().rev() {
                records[index].headers = &headers[start..end];
                end = start;
            }
            on(Piece::Run(&records));
            self.records = again(records);
            self.headers = again_headers(headers);
        }
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
    Record { at, offset: message.offset(), arrival, key: message.key(), value: message.value(), headers: &[] }
}

/// The same memory for records that live elsewhere: an emptied vector is collected in place.
fn again<'b>(mut records: Vec<Record<'_>>) -> Vec<Record<'b>> {
    records.clear();
    records.into_iter().map(|_| unreachable!("it was cleared")).collect()
}

fn again_headers<'b>(mut headers: Vec<Header<'_>>) -> Vec<Header<'b>> {
    headers.clear();
    headers.into_iter().map(|_| unreachable!("it was cleared")).collect()
}
