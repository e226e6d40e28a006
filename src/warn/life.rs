//! The life of an alert: one table.
//!
//! ```text
//!          ┌──────── lapsed ────────┐
//!          │                        ▼
//! (none) ─► pending ─► firing ─► resolved ─► pending / firing (reopened)
//!                      │  ▲ ▲        ▲
//!                      ▼  │ │        │
//!             acknowledged┘ └─ unknown (its sources are silent)
//! ```

use serde::{Deserialize, Serialize};

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The condition holds, but not yet for the rule's `for`.
    Pending,
    /// Somebody must act.
    Firing,
    /// Somebody does.
    Acknowledged,
    /// Over.
    Resolved,
    /// It would fall back, but its sources are silent: silence is not safety.
    Unknown,
}

impl Status {
    /// Every status, as in the contract.
    pub const ALL: [Status; 5] =
        [Status::Pending, Status::Firing, Status::Acknowledged, Status::Resolved, Status::Unknown];

    /// The code on the wire and in metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Firing => "firing",
            Status::Acknowledged => "acknowledged",
            Status::Resolved => "resolved",
            Status::Unknown => "unknown",
        }
    }
}

/// What can befall an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// The condition holds, but must go on holding for a while.
    Wait,
    /// The condition holds.
    Fire,
    /// The condition no longer holds.
    Clear,
    /// It cannot be told whether the condition holds.
    Blind,
    /// An officer takes notice.
    Ack,
    /// An officer takes that back, or it expired.
    Unack,
    /// An officer closes it.
    Close,
}

/// Where `cue` leads from `status` (`None`: no such alert yet); `None` when it changes nothing. An alert that was
/// `acknowledged` before its sources fell silent is acknowledged still when they are heard: nobody is paged twice.
pub const fn next(status: Option<Status>, cue: Cue, acknowledged: bool) -> Option<Status> {
    use Cue::{Ack, Blind, Clear, Close, Fire, Unack, Wait};
    use Status::{Acknowledged, Firing, Pending, Resolved, Unknown};
    match (status, cue) {
        (None | Some(Resolved), Wait) => Some(Pending),
        (None | Some(Resolved), Fire) => Some(Firing),
        (None | Some(Resolved), Clear | Blind | Ack | Unack | Close) => None,

        (Some(Pending), Fire) => Some(Firing),
        (Some(Pending), Clear | Close) => Some(Resolved),
        (Some(Pending), Wait | Blind | Ack | Unack) => None,

        (Some(Firing), Ack) => Some(Acknowledged),
        (Some(Firing), Blind) => Some(Unknown),
        (Some(Firing), Clear | Close) => Some(Resolved),
        (Some(Firing), Wait | Fire | Unack) => None,

        (Some(Acknowledged), Unack) => Some(Firing),
        (Some(Acknowledged), Blind) => Some(Unknown),
        (Some(Acknowledged), Clear | Close) => Some(Resolved),
        (Some(Acknowledged), Wait | Fire | Ack) => None,

        (Some(Unknown), Fire) if acknowledged => Some(Acknowledged),
        (Some(Unknown), Fire) => Some(Firing),
        (Some(Unknown), Clear | Close) => Some(Resolved),
        (Some(Unknown), Wait | Blind | Ack | Unack) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(cues: &[Cue]) -> Option<Status> {
        cues.iter().fold(None, |status, &cue| next(status, cue, false).or(status))
    }

    #[test]
    fn silence_never_resolves() {
        for status in Status::ALL {
            assert_ne!(next(Some(status), Cue::Blind, false), Some(Status::Resolved));
        }
        assert_eq!(walk(&[Cue::Fire, Cue::Blind]), Some(Status::Unknown));
        assert_eq!(walk(&[Cue::Fire, Cue::Blind, Cue::Clear]), Some(Status::Resolved));
    }

    #[test]
    fn a_firing_alert_never_goes_back_to_pending() {
        for status in [Status::Firing, Status::Acknowledged, Status::Unknown] {
            for cue in [Cue::Wait, Cue::Fire, Cue::Clear, Cue::Blind, Cue::Ack, Cue::Unack, Cue::Close] {
                assert_ne!(next(Some(status), cue, false), Some(Status::Pending));
            }
        }
    }

    #[test]
    fn a_pending_alert_lapses_and_may_come_back() {
        assert_eq!(walk(&[Cue::Wait, Cue::Clear]), Some(Status::Resolved));
        assert_eq!(walk(&[Cue::Wait, Cue::Clear, Cue::Wait, Cue::Fire]), Some(Status::Firing));
    }

    #[test]
    fn an_acknowledgement_outlives_another_crossing_and_can_be_taken_back() {
        assert_eq!(walk(&[Cue::Fire, Cue::Ack, Cue::Fire]), Some(Status::Acknowledged));
        assert_eq!(walk(&[Cue::Fire, Cue::Ack, Cue::Unack]), Some(Status::Firing));
        assert_eq!(next(Some(Status::Unknown), Cue::Fire, true), Some(Status::Acknowledged));
    }
}
