//! The memory log.

use std::time::Duration;

use super::{Change, Each, Failure, Output, Topic, TopicPartition, Verdict};

/// One member of the memory log.
pub struct MemoryLog {}

impl MemoryLog {
    pub(crate) fn partitions(&mut self, _topic: Topic) -> Result<u32, Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn poll(
        &mut self,
        _timeout: Duration,
        _max: usize,
        _each: Each<'_>,
    ) -> Result<Vec<Change>, Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn committed(&mut self, _partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn assign(&mut self, _at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn release(&mut self, _partitions: &[TopicPartition]) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn rewind(&mut self, _to: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn pause(&mut self, _partitions: &[TopicPartition]) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn resume(&mut self, _partitions: &[TopicPartition]) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn bounds(&mut self, _partition: TopicPartition) -> Result<(i64, i64), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn read(
        &mut self,
        _partition: TopicPartition,
        _from: i64,
        _to: i64,
        _each: Each<'_>,
    ) -> Result<i64, Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn produce(&mut self, _output: Output) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn commit(&mut self, _offsets: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn abort(&mut self) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn renew(&mut self) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
    pub(crate) fn leave(&mut self) -> Result<(), Failure> {
        Err(Failure::new(Verdict::Stop, "unfinished"))
    }
}
