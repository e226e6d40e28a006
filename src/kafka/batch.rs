//! The batch call, `rd_kafka_consume_batch_queue`, which costs a fifth of a call per message; and the member id, which
//! rust-rdkafka does not give.
//!
//! This is the only file with unsafe code of our own. Its safety rests on five facts, each kept by a type here:
//!
//! 1. A [`Queue`] holds an `Arc` of its consumer, and its `Drop` destroys the native queue before that `Arc` is let go:
//!    librdkafka wants every queue destroyed before its client.
//! 2. A [`Batch`] owns the messages it was given and destroys each exactly once, on `clear` or drop. A [`Message`] borrows
//!    the batch, so key, value and headers cannot outlive it.
//! 3. The bell given to the native queue as an opaque pointer is kept alive by the queue's own `Arc` of it. librdkafka calls
//!    it under the queue's lock; `Drop` disables the call under the same lock before the `Arc` goes.
//! 4. The callback does nothing but set a flag and notify: it never calls librdkafka, and it cannot unwind into C.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;

use crate::event::EventTime;
use crate::log::{Ask, Header};

/// Rings when something has come in, so that a poll without work can wait for all queues at once.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until it rings, or rang since the last wait, at most `timeout`.
    pub(super) fn wait(&self, timeout: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, timeout, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

unsafe extern "C" fn on_nonempty(_: *mut native::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `opaque` is the bell that `Queue` keeps alive while this call is enabled (fact 3).
    let bell = unsafe { &*opaque.cast::<Bell>() };
    bell.ring();
}

/// A queue of our own to which the partitions' own queues are forwarded.
pub(super) struct Queue<C: ConsumerContext> {
    queue: NonNull<native::rd_kafka_queue_t>,
    bell: Arc<Bell>,
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: fact 4.
unsafe impl<C: ConsumerContext> Send for Queue<C> {}

impl<C: ConsumerContext> Queue<C> {
    pub(super) fn new(consumer: Arc<BaseConsumer<C>>, bell: Arc<Bell>) -> Queue<C> {
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as `consumer`; the new queue is ours to destroy.
        let queue = NonNull::new(unsafe { native::rd_kafka_queue_new(client) });
        let queue = queue.expect("librdkafka ends the process rather than return no queue");
        let opaque = Arc::as_ptr(&bell).cast_mut().cast::<c_void>();
        // SAFETY: both pointers are valid, the bell for as long as the call is enabled (fact 3).
        unsafe { native::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(on_nonempty), opaque) };
        Queue { queue, bell, consumer }
    }

    /// Whatever is fetched from this partition comes here from now on, and stays out of the consumer's own queue, also
    /// after the partition has been given up and taken again. `None` when librdkafka knows no such partition.
    pub(super) fn take(&self, topic: &str, partition: u32) -> Option<()> {
        let topic = CString::new(topic).ok()?;
        let partition = i32::try_from(partition).ok()?;
        let client = self.consumer.client().native_ptr();
        // SAFETY: the client is alive, `topic` is a C string that is only read during the call.
        let own = unsafe { native::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition) };
        let own = NonNull::new(own)?;
        // SAFETY: both queues are alive; forwarding takes its own reference to ours, so our handle of the partition's
        // queue may be destroyed right after.
        unsafe {
            native::rd_kafka_queue_forward(own.as_ptr(), self.queue.as_ptr());
            native::rd_kafka_queue_destroy(own.as_ptr());
        }
        Some(())
    }

    /// Moves what has been fetched into `batch`, at most `max` messages, without waiting. Offsets of control records pass
    /// by unseen; errors of a partition, its end among them, come as messages.
    pub(super) fn fetch(&self, max: usize, batch: &mut Batch) {
        batch.clear();
        batch.messages.reserve(max);
        let room = batch.messages.as_mut_ptr();
        // SAFETY: there is room for `max` pointers; librdkafka writes that many at most and says how many it wrote, each a
        // message that is now ours (fact 2).
        unsafe {
            let got = native::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, room, max);
            batch.messages.set_len(usize::try_from(got).unwrap_or(0));
        }
    }

    /// The high watermark of a partition that is fetched, as the last fetch was told it; asks nobody.
    pub(super) fn end_seen(&self, topic: &str, partition: u32) -> Option<i64> {
        let topic = CString::new(topic).ok()?;
        let partition = i32::try_from(partition).ok()?;
        let client = self.consumer.client().native_ptr();
        let (mut low, mut high) = (0, 0);
        // SAFETY: the client is alive, `topic` is a C string that is only read, and both numbers outlive the call.
        let error = unsafe {
            native::rd_kafka_get_watermark_offsets(
                client,
                topic.as_ptr(),
                partition,
                &raw mut low,
                &raw mut high,
            )
        };
        (error == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }
}

impl<C: ConsumerContext> Drop for Queue<C> {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and not destroyed yet, and the client is alive (fact 1).
        unsafe {
            native::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            native::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Messages as librdkafka owns them, until they are cleared.
#[derive(Default)]
pub(super) struct Batch {
    messages: Vec<*mut native::rd_kafka_message_t>,
}

// SAFETY: fact 4; the messages belong to the batch alone (fact 2).
unsafe impl Send for Batch {}

impl Batch {
    pub(super) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: every pointer came from librdkafka, is not null, and is valid until `clear` (fact 2).
        self.messages.iter().map(|&message| Message { message: unsafe { &*message }, batch: PhantomData })
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Gives the messages back to librdkafka.
    pub(super) fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: it is ours and was drained, so it is destroyed once (fact 2).
            unsafe { native::rd_kafka_message_destroy(message) };
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// When a record arrived, as far as the log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// The broker's stamp.
    Broker(EventTime),
    /// The producer's stamp.
    Producer(EventTime),
    /// None: a message of a very old format.
    None,
}

/// One message of a batch.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    message: &'a native::rd_kafka_message_t,
    batch: PhantomData<&'a Batch>,
}

impl<'a> Message<'a> {
    /// What befell the partition, if this is not a record.
    pub(super) fn error(&self) -> Option<RDKafkaErrorCode> {
        use native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        (self.message.err != RD_KAFKA_RESP_ERR_NO_ERROR).then(|| self.message.err.into())
    }

    pub(super) fn offset(&self) -> i64 {
        self.message.offset
    }

    pub(super) fn partition(&self) -> i32 {
        self.message.partition
    }

    /// Whether both come from one partition: cheaper than comparing names.
    pub(super) fn is_beside(&self, other: &Message<'_>) -> bool {
        self.message.rkt == other.message.rkt && self.message.partition == other.message.partition
    }

    /// The topic's name; empty for an error that concerns none.
    pub(super) fn topic(&self) -> &'a str {
        if self.message.rkt.is_null() {
            return "";
        }
        // SAFETY: the message holds a reference to its topic, whose name is a C string that lives as long.
        let name = unsafe { CStr::from_ptr(native::rd_kafka_topic_name(self.message.rkt)) };
        name.to_str().unwrap_or("")
    }

    pub(super) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka gives pointer and length of the key, valid until the message is destroyed.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    pub(super) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    pub(super) fn stamp(&self) -> Stamp {
        use native::rd_kafka_timestamp_type_t as Type;
        let mut kind = Type::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid and `kind` is written before it is read.
        let ms = unsafe { native::rd_kafka_message_timestamp(self.message, &mut kind) };
        match kind {
            Type::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Stamp::Broker(EventTime::from_ms(ms)),
            Type::RD_KAFKA_TIMESTAMP_CREATE_TIME => Stamp::Producer(EventTime::from_ms(ms)),
            Type::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Stamp::None,
        }
    }

    /// Who tells its headers.
    pub(super) fn source(&self) -> &'a dyn Ask {
        self.message
    }
}

impl Ask for native::rd_kafka_message_t {
    fn headers(&self) -> Vec<Header<'_>> {
        let mut found = Vec::new();
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid as long as its batch; librdkafka parses its headers on the first call and keeps them
        // with the message.
        let error = unsafe { native::rd_kafka_message_headers(self, &mut headers) };
        if RDKafkaErrorCode::from(error) != RDKafkaErrorCode::NoError {
            return found;
        }
        for index in 0.. {
            let (mut name, mut value, mut length) = (ptr::null::<c_char>(), ptr::null::<c_void>(), 0);
            // SAFETY: `headers` is valid as long as the message, and so is what the call points at.
            let (name, value) = unsafe {
                let got = native::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut length);
                if RDKafkaErrorCode::from(got) != RDKafkaErrorCode::NoError {
                    break;
                }
                (CStr::from_ptr(name), bytes(value.cast_mut(), length))
            };
            if let Ok(name) = name.to_str() {
                found.push((name, value.unwrap_or(b"")));
            }
        }
        found
    }
}

/// The id that the group knows this member by; it changes only when the membership was lost in between. Empty or `None`:
/// not a member at present.
pub(super) fn member_id<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<String> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client is alive; the text is a C string that is ours to free, and is copied before.
    unsafe {
        let text = NonNull::new(native::rd_kafka_memberid(client))?;
        let id = CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned();
        native::rd_kafka_mem_free(client, text.as_ptr().cast());
        Some(id)
    }
}

/// `None` for a null pointer.
///
/// # Safety
/// A pointer that is not null must point at `length` bytes that stay valid and unchanged for `'a`.
unsafe fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: by this function's own condition.
    NonNull::new(start.cast::<u8>()).map(|start| unsafe { slice::from_raw_parts(start.as_ptr(), length) })
}
