//! An alert's steps as lines for a person.

use jiff::tz::TimeZone;

use crate::taxonomy::Level;
use crate::warn::{AlertEvent, Reason, Status};

/// Two lines: when it was known, how bad, where it stands, and the Chinese summary; then the English one with the reason.
/// Levels differ by letter and shape, not by colour alone.
pub fn lines(event: &AlertEvent, zone: &TimeZone) -> String {
    let alert = &event.alert;
    let summary = |name| alert.annotations.get(name).map_or("", String::as_str);
    format!(
        "{}  {} {} {:<6}  {} {:<12}  {}\n{:59}{} · {} · {}",
        alert.updated_at.shown(zone),
        mark(alert.level),
        alert.level.name_zh(),
        alert.level.code(),
        status_zh(event.transition.to),
        event.transition.to.code(),
        summary("summary_zh"),
        "",
        summary("summary"),
        reason(event.transition.reason),
        alert.rule,
    )
}

const fn mark(level: Level) -> &'static str {
    match level {
        Level::Red => "◆R",
        Level::Orange => "▲O",
        Level::Yellow => "■Y",
        Level::Blue => "●B",
    }
}

const fn status_zh(status: Status) -> &'static str {
    match status {
        Status::Pending => "待定",
        Status::Firing => "报警",
        Status::Acknowledged => "确认",
        Status::Resolved => "解除",
        Status::Unknown => "不明",
    }
}

const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Crossed => "crossed",
        Reason::Sustained => "held long enough",
        Reason::Cleared => "no longer holds",
        Reason::Lapsed => "did not last",
        Reason::Late => "shown by a late event",
        Reason::SourcesSilent => "sources are silent",
        Reason::SourcesHeard => "sources are heard again",
        Reason::LevelChanged => "level changed",
        Reason::Withdrawn => "withdrawn: the missing stage turned up",
        Reason::Command => "an officer's command",
        Reason::Expired => "acknowledgement ran out",
        Reason::Refused => "command refused",
        Reason::RuleChanged => "its rule was changed",
        Reason::RuleGone => "its rule is gone",
    }
}
