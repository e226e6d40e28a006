//! The broker itself: what the other tests take for granted.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::support::broker;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_record_survives_a_crash_of_the_broker() {
    let Some(mut broker) = broker::own("crash") else { return };
    create(broker.address(), "kept");
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap();
    producer.send(BaseRecord::<(), _>::to("kept").payload("before")).unwrap();
    producer.flush(PATIENCE).unwrap();

    broker.crash_and_restart();

    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("group.id", "reader")
        .create()
        .unwrap();
    let mut start = TopicPartitionList::new();
    start.add_partition_offset("kept", 0, Offset::Beginning).unwrap();
    consumer.assign(&start).unwrap();
    let record = consumer.poll(PATIENCE).expect("the record is there").unwrap();
    assert_eq!(record.payload(), Some(&b"before"[..]));
}

fn create(address: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap();
}
