//! An alert's steps as lines for a person.

use jiff::tz::TimeZone;

use crate::event::EventTime;
use crate::taxonomy::Level;
use crate::warn::{AlertEvent, Reason, Status};

/// Two lines: when it was known, how bad, where it stands, and the Chinese summary; then the English one with the numbers and the reason.
/// Levels differ by letter and shape, not by colour alone.
pub fn lines(event: &AlertEvent, zone: &TimeZone) -> String {
    let alert = &event.alert;
    let (mark, zh, en) = level(alert.level);
    let summary = |name| alert.annotations.get(name).map_or("", String::as_str);
    let window = alert.window.as_ref().map(|window| format!(" in {window}")).unwrap_or_default();
    let threshold = match alert.subject.kind.as_str() {
        // Nothing was measured: the summary says it all.
        "hazard" | "item" => String::new(),
        _ => format!(" · {} against {}{window}", number(alert.value), number(alert.threshold)),
    };
    format!(
        "{}  {mark} {zh} {en:<6}  {} {:<12}  {}\n{:59}{}{threshold} · {} · {}",
        shown(alert.updated_at, zone),
        status_zh(event.transition.to),
        event.transition.to.code(),
        summary("summary_zh"),
        "",
        summary("summary"),
        reason(event.transition.reason),
        alert.rule,
    )
}

/// `2026-11-23 09:07:12`, in this zone.
pub fn shown(at: EventTime, zone: &TimeZone) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.ms).unwrap_or_default();
    stamp.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

const fn level(level: Level) -> (&'static str, &'static str, &'static str) {
    match level {
        Level::Red => ("◆R", "红", "red"),
        Level::Orange => ("▲O", "橙", "orange"),
        Level::Yellow => ("■Y", "黄", "yellow"),
        Level::Blue => ("●B", "蓝", "blue"),
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

fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
