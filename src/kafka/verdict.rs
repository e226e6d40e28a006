//! Which error means what to do: every failure of librdkafka gets its [`Verdict`] here and nowhere else.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::log::{Cause, Failure, Verdict};

use super::client::is_secret;
use super::context::Heard;

/// What was being done when the error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Making a client from its settings.
    Open,
    /// Reading on, or serving the membership's events.
    Poll,
    /// Assigning, releasing, rewinding, pausing.
    Assign,
    /// Asking for offsets, bounds or partitions.
    Ask,
    /// Reading state or a tail from the side.
    Read,
    /// `init_transactions`.
    Init,
    /// Beginning a transaction.
    Begin,
    /// Queueing a record, or learning that the broker refused it.
    Produce,
    /// Sending the offsets.
    SendOffsets,
    /// Committing.
    Commit,
    /// Aborting.
    Abort,
}

impl Step {
    const fn doing(self) -> &'static str {
        match self {
            Step::Open => "cannot make a Kafka client",
            Step::Poll => "cannot read on",
            Step::Assign => "cannot change what is read",
            Step::Ask => "cannot ask the broker for offsets or partitions",
            Step::Read => "cannot read state",
            Step::Init => "cannot initialise transactions",
            Step::Begin => "cannot begin a transaction",
            Step::Produce => "cannot write",
            Step::SendOffsets => "cannot send offsets",
            Step::Commit => "cannot commit",
            Step::Abort => "cannot abort",
        }
    }

    /// Whether a transaction may be open, so that an unknown outcome must be settled by a new producer.
    const fn in_transaction(self) -> bool {
        matches!(self, Step::Begin | Step::Produce | Step::SendOffsets | Step::Commit | Step::Abort)
    }
}

/// The error's code and what librdkafka says about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symptom {
    pub(super) code: Code,
    pub(super) fatal: bool,
    pub(super) abortable: bool,
}

impl Symptom {
    pub(super) const fn code(code: Code) -> Symptom {
        Symptom { code, fatal: false, abortable: false }
    }
}

/// What to do. The order of the questions matters: what only a person can mend comes first, then what ends the producer,
/// then what ends the transaction.
pub(super) fn judge(step: Step, symptom: Symptom) -> Verdict {
    let Symptom { code, fatal, abortable } = symptom;
    match code {
        _ if is_forbidden(code) => return Verdict::Stop,
        Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SecurityDisabled
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::UnsupportedAssignor
        | Code::InconsistentGroupProtocol
        | Code::InvalidTransactionTimeout
        | Code::InvalidSessionTimeout
        | Code::InvalidGroupId
        | Code::InvalidTopic
        | Code::GroupMaxSizeReached
        | Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidMessageSize
        | Code::PolicyViolation => return Verdict::Stop,
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::NoOffset => {
            // What the group has not read yet is gone: nobody but a person may skip it. A side reader looks again.
            return if step == Step::Read { Verdict::AbortAndRewind } else { Verdict::Stop };
        }
        _ => {}
    }
    if step == Step::Open {
        return Verdict::Stop;
    }
    if is_fenced(code) || (fatal && step.in_transaction()) {
        return if step == Step::Init { Verdict::Retry } else { Verdict::NewProducer };
    }
    if fatal {
        return if step == Step::Init { Verdict::Retry } else { Verdict::Stop };
    }
    match code {
        Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::FencedInstanceId
        | Code::FencedMemberEpoch
        | Code::StaleMemberEpoch
        | Code::RebalanceInProgress
        | Code::AssignmentLost => Verdict::AbortAndRewind,
        // A delayed answer may decide a later transaction of the same producer: its epoch has to go.
        _ if is_time_out(code) && step.in_transaction() => Verdict::NewProducer,
        _ if abortable => Verdict::AbortAndRewind,
        _ if step.in_transaction() => Verdict::NewProducer,
        _ => Verdict::Retry,
    }
}

/// The cluster refuses who we are or what we want.
pub(super) const fn is_forbidden(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::DelegationTokenAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

/// Another producer has this one's id, or the broker has given its epoch away.
pub(super) const fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidProducerEpoch
            | Code::ProducerFenced
            | Code::Fenced
            | Code::InvalidTransactionalState
            | Code::InvalidProducerIdMapping
            | Code::UnknownProducerId
            | Code::TransactionCoordinatorFenced
            | Code::OutOfOrderSequenceNumber
            | Code::Fatal
    )
}

const fn is_time_out(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut | Code::TimedOutQueue
    )
}

/// The error as a failure with its remedy. `about` names the topic, partition or id concerned; it may be empty.
pub(super) fn failure(step: Step, about: &str, error: &KafkaError) -> Failure {
    let symptom = symptom(error);
    let text = describe(error);
    from_parts(step, about, symptom, &text)
}

/// The same where the call itself may know less than the client has heard.
pub(super) fn explained(step: Step, about: &str, error: &KafkaError, heard: &Heard) -> Failure {
    let symptom = symptom(error);
    match heard.reason(symptom.code) {
        Some((code, reason)) if is_forbidden(code) => from_parts(step, about, Symptom::code(code), &reason),
        Some((_, reason)) => from_parts(step, about, symptom, &reason),
        None => failure(step, about, error),
    }
}

/// The failure that a bare code stands for.
pub(super) fn failure_of(step: Step, about: &str, code: Code) -> Failure {
    from_parts(step, about, Symptom::code(code), &code.to_string())
}

fn from_parts(step: Step, about: &str, symptom: Symptom, text: &str) -> Failure {
    let about = if about.is_empty() { String::new() } else { format!(" ({about})") };
    let remedy = remedy(step, symptom.code);
    let failure = Failure::new(judge(step, symptom), format!("{}{about}: {text}{remedy}", step.doing()));
    match symptom.code {
        code if is_forbidden(code) => failure.because(Cause::NotAuthorised),
        code if is_fenced(code) => failure.because(Cause::Fenced),
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => failure.because(Cause::Topics),
        _ => failure,
    }
}

/// What a person can do about the errors that only a person can mend.
pub(super) const fn remedy(step: Step, code: Code) -> &'static str {
    match code {
        Code::TopicAuthorizationFailed => match step {
            Step::Begin | Step::Produce | Step::SendOffsets | Step::Commit | Step::Abort => {
                ": grant Write on this topic (kafka-acls.sh --add --operation Write --topic …)"
            }
            Step::Ask => {
                ": grant Describe on this topic (kafka-acls.sh --add --operation Describe --topic …)"
            }
            Step::Open | Step::Poll | Step::Assign | Step::Read | Step::Init => {
                ": grant Read on this topic (kafka-acls.sh --add --operation Read --topic …)"
            }
        },
        Code::GroupAuthorizationFailed => {
            ": grant Read on the group kafka.group (kafka-acls.sh --add --operation Read --group …)"
        }
        Code::ClusterAuthorizationFailed => {
            ": grant IdempotentWrite on the cluster (kafka-acls.sh --add --operation IdempotentWrite --cluster)"
        }
        Code::TransactionalIdAuthorizationFailed => {
            ": grant Write and Describe on transactional ids that begin with kafka.group (kafka-acls.sh --add --operation \
             Write --operation Describe --resource-pattern-type prefixed --transactional-id …)"
        }
        Code::SaslAuthenticationFailed | Code::Authentication => {
            ": check sasl.username, sasl.password and sasl.mechanism in kafka.properties"
        }
        Code::SSL => ": check ssl.ca.location and the broker's certificate",
        Code::AutoOffsetReset | Code::OffsetOutOfRange => {
            ": records were deleted before they were read; lengthen retention.ms, then set the group's offset by hand"
        }
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
            ": raise max.message.bytes of the topic; `hazstream topics check` names the command"
        }
        Code::InvalidTransactionTimeout => {
            ": lower transaction_timeout, or raise the broker's transaction.max.timeout.ms"
        }
        Code::InvalidSessionTimeout => {
            ": keep session_timeout within the broker's group.min/max.session.timeout.ms"
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic => ": run `hazstream topics create`",
        _ => "",
    }
}

/// What librdkafka says of the error.
pub(super) fn symptom(error: &KafkaError) -> Symptom {
    match error {
        KafkaError::Transaction(inner) => {
            Symptom { code: inner.code(), fatal: inner.is_fatal(), abortable: inner.txn_requires_abort() }
        }
        KafkaError::MessageConsumptionFatal(code) => Symptom { code: *code, fatal: true, abortable: false },
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            Symptom::code(Code::InvalidArgument)
        }
        _ => Symptom::code(error.rdkafka_error_code().unwrap_or(Code::Fail)),
    }
}

/// The error in words. The value of a property is shown only where the property is known and not secret: a secret under a
/// misspelt name is still one.
pub(super) fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, what, key, _) if what.starts_with("No such") => {
            format!("{key} is no property of librdkafka")
        }
        KafkaError::ClientConfig(_, what, key, value) if is_secret(key) && !value.is_empty() => {
            format!("{key}: {}", what.replace(value.as_str(), "(hidden)"))
        }
        KafkaError::ClientConfig(_, what, key, value) => format!("{key} = {value:?}: {what}"),
        KafkaError::Transaction(inner) => format!("{inner} ({})", inner.name()),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{AbortAndRewind, NewProducer, Retry, Stop};

    const PLAIN: (bool, bool) = (false, false);
    const FATAL: (bool, bool) = (true, false);
    const ABORTABLE: (bool, bool) = (false, true);

    #[test]
    fn every_failure_has_the_verdict_that_mends_it() {
        let table = [
            // A time-out inside a transaction leaves its outcome unknown; outside it says nothing.
            (Step::Commit, Code::OperationTimedOut, PLAIN, NewProducer),
            (Step::Abort, Code::OperationTimedOut, PLAIN, NewProducer),
            (Step::SendOffsets, Code::OperationTimedOut, PLAIN, NewProducer),
            (Step::SendOffsets, Code::RequestTimedOut, ABORTABLE, NewProducer),
            (Step::Produce, Code::MessageTimedOut, PLAIN, NewProducer),
            (Step::Ask, Code::OperationTimedOut, PLAIN, Retry),
            (Step::Init, Code::OperationTimedOut, PLAIN, Retry),
            (Step::Read, Code::OperationTimedOut, PLAIN, Retry),
            // The group has moved on.
            (Step::SendOffsets, Code::IllegalGeneration, ABORTABLE, AbortAndRewind),
            (Step::SendOffsets, Code::UnknownMemberId, ABORTABLE, AbortAndRewind),
            (Step::SendOffsets, Code::FencedInstanceId, ABORTABLE, AbortAndRewind),
            (Step::SendOffsets, Code::RebalanceInProgress, PLAIN, AbortAndRewind),
            (Step::Commit, Code::AssignmentLost, PLAIN, AbortAndRewind),
            // The producer is not the one it was.
            (Step::SendOffsets, Code::InvalidProducerEpoch, ABORTABLE, NewProducer),
            (Step::Commit, Code::InvalidTransactionalState, ABORTABLE, NewProducer),
            (Step::Commit, Code::Fenced, FATAL, NewProducer),
            (Step::Produce, Code::ProducerFenced, PLAIN, NewProducer),
            (Step::Produce, Code::Fatal, PLAIN, NewProducer),
            (Step::Commit, Code::UnknownTopicOrPartition, FATAL, NewProducer),
            (Step::Begin, Code::State, PLAIN, NewProducer),
            (Step::Commit, Code::BrokerTransportFailure, PLAIN, NewProducer),
            (Step::Init, Code::Fenced, FATAL, Retry),
            // librdkafka knows that an abort is enough.
            (Step::Commit, Code::NotEnoughReplicas, ABORTABLE, AbortAndRewind),
            (Step::Commit, Code::UnknownTopicOrPartition, ABORTABLE, AbortAndRewind),
            // Only a person can mend these.
            (Step::Poll, Code::TopicAuthorizationFailed, PLAIN, Stop),
            (Step::Poll, Code::GroupAuthorizationFailed, FATAL, Stop),
            (Step::Init, Code::TransactionalIdAuthorizationFailed, FATAL, Stop),
            (Step::Init, Code::InvalidTransactionTimeout, FATAL, Stop),
            (Step::Init, Code::UnsupportedFeature, FATAL, Stop),
            (Step::Commit, Code::ClusterAuthorizationFailed, FATAL, Stop),
            (Step::Produce, Code::MessageSizeTooLarge, PLAIN, Stop),
            (Step::Poll, Code::AutoOffsetReset, PLAIN, Stop),
            (Step::Open, Code::InvalidArgument, PLAIN, Stop),
            // A side reader's start may just have been compacted away.
            (Step::Read, Code::AutoOffsetReset, PLAIN, AbortAndRewind),
            // Brokers come and go.
            (Step::Poll, Code::AllBrokersDown, PLAIN, Retry),
            (Step::Poll, Code::BrokerTransportFailure, PLAIN, Retry),
            (Step::Poll, Code::UnknownTopicOrPartition, PLAIN, Retry),
            (Step::Ask, Code::UnstableOffsetCommit, PLAIN, Retry),
            (Step::Ask, Code::LeaderNotAvailable, PLAIN, Retry),
        ];
        for (step, code, (fatal, abortable), want) in table {
            let got = judge(step, Symptom { code, fatal, abortable });
            assert_eq!(got, want, "{step:?} {code:?} fatal={fatal} abortable={abortable}");
        }
    }

    #[test]
    fn a_failure_names_what_it_is_about_and_what_to_do() {
        let failure = failure_of(Step::Produce, "hazard.tallies", Code::MessageSizeTooLarge);
        assert_eq!(failure.verdict, Stop);
        assert!(failure.message.starts_with("cannot write (hazard.tallies): "), "{failure}");
        assert!(failure.message.contains("max.message.bytes"), "{failure}");
        assert_eq!(failure_of(Step::Poll, "", Code::GroupAuthorizationFailed).cause, Cause::NotAuthorised);
    }
}
