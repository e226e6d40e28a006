//! kinds.yaml → kinds: which stages there are, and whether each can be reached.

use super::codes::Codes;
use super::document::Node;
use super::fields::{At, Fields};
use super::kinds::{Kind, Stage};
use super::problem::{Problems, choose};

/// The word that stands for every stage that does not end the item.
const OPEN: &str = "open";

/// Stages of one kind fit into one machine word.
const STAGES_MAX: usize = 64;

/// The stages that the contract of hazards names; the program counts and warns by them.
const HAZARD_STAGES: [&str; 12] = [
    "found",
    "registered",
    "listed",
    "rectifying",
    "extended",
    "submitted",
    "returned",
    "accepted",
    "closed",
    "rechecked",
    "rebounded",
    "void",
];

pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> (Vec<Kind>, Codes) {
    let mut kinds = Vec::new();
    let mut codes = Codes::default();
    let top = node.and_then(|node| Fields::of(node, &["kinds"], problems));
    for entry in top.as_ref().map_or(&[][..], |top| top.required_list("kinds", problems)) {
        let Some(fields) = Fields::of(entry, &["code", "zh", "en", "stages"], problems) else { continue };
        let code = fields.required_code("code", problems);
        let name_zh = fields.required_text("zh", problems);
        let name_en = fields.required_text("en", problems);
        let first = kinds.is_empty();
        if let Some(code) = code.filter(|code| first && code.value != "hazard") {
            problems.add(
                code.line,
                code.value,
                "the first kind is not `hazard`",
                "put the built-in kind `hazard` first",
            );
        }
        let is_hazard = code.is_some_and(|code| code.value == "hazard");
        let stages = read_stages(&fields, is_hazard, problems);
        let Some(code) = code else { continue };
        if is_hazard {
            for missing in
                HAZARD_STAGES.iter().filter(|name| !stages.iter().any(|stage| stage.code == **name))
            {
                let message = format!("the stage `{missing}` of `hazard` is missing");
                problems.add(code.line, "", message, "add it: the contract of hazards names it");
            }
        }
        if codes.add(code.line, code.value, usize::from(u16::MAX), problems) {
            kinds.push(Kind {
                code: code.value.to_owned(),
                name_zh: name_zh.map_or("", |name| name.value).to_owned(),
                name_en: name_en.map_or("", |name| name.value).to_owned(),
                stages,
            });
        }
    }
    if top.is_some() && kinds.is_empty() && problems.is_empty() {
        problems.add(0, "", "no kind is listed", "list at least `hazard`");
    }
    (kinds, codes)
}

/// A stage whose predecessors are still words.
struct Written<'n> {
    line: u32,
    stage: Stage,
    after: Vec<At<&'n str>>,
    after_major: Option<Vec<At<&'n str>>>,
}

fn read_stages(kind: &Fields<'_>, is_hazard: bool, problems: &mut Problems) -> Vec<Stage> {
    let before = problems.len();
    let mut codes = Codes::default();
    let mut written: Vec<Written<'_>> = Vec::new();
    for entry in kind.required_list("stages", problems) {
        let Some(stage) = read_stage(entry, is_hazard, problems) else { continue };
        if codes.add(stage.line, &stage.stage.code, STAGES_MAX, problems) {
            written.push(stage);
        }
    }
    let open = mask_of(&written, |stage| !stage.terminal);
    let known: Vec<&str> = written.iter().map(|one| one.stage.code.as_str()).collect();
    let mut resolve = |words: &[At<&str>]| {
        let mut mask = 0;
        for word in words {
            match codes.find(word.value) {
                Some(index) => mask |= 1 << index,
                None if word.value == OPEN => mask |= open,
                None => {
                    let remedy = choose(word.value, known.iter().copied().chain([OPEN]));
                    problems.add(word.line, word.value, "unknown stage", remedy);
                }
            }
        }
        mask
    };
    let masks: Vec<(u64, u64)> = written
        .iter()
        .map(|one| {
            let after = resolve(&one.after);
            (after, one.after_major.as_ref().map_or(after, |words| resolve(words)))
        })
        .collect();
    for (one, (after, after_major)) in written.iter_mut().zip(masks) {
        (one.stage.after, one.stage.after_major) = (after, after_major);
    }
    // A misread stage would make others look cut off.
    if problems.len() == before {
        check_reachable(kind.line, &written, problems);
    }
    written.into_iter().map(|one| one.stage).collect()
}

fn read_stage<'n>(entry: &'n Node, is_hazard: bool, problems: &mut Problems) -> Option<Written<'n>> {
    const KEYS: [&str; 9] =
        ["code", "zh", "en", "start", "terminal", "after", "after_major", "deadline", "deadline_major"];
    let fields = Fields::of(
        entry,
        if is_hazard { &KEYS } else { &["code", "zh", "en", "start", "terminal", "after", "deadline"] },
        problems,
    )?;
    let code = fields.required_code("code", problems);
    if let Some(code) = code.filter(|code| code.value == OPEN) {
        problems.add(
            code.line,
            code.value,
            "`open` stands for every stage that is not terminal",
            "choose another code",
        );
    }
    let name_zh = fields.required_text("zh", problems);
    let name_en = fields.required_text("en", problems);
    let deadline = fields.duration_ms("deadline", problems);
    let deadline_major = fields.duration_ms("deadline_major", problems).or(deadline);
    let terminal = fields.flag("terminal", problems);
    if let Some(deadline) = deadline.filter(|_| terminal) {
        let message = "a terminal stage has no deadline";
        problems.add(
            deadline.line,
            format!("{}ms", deadline.value),
            message,
            "leave `deadline` or `terminal` out",
        );
    }
    let stage = Stage {
        code: code?.value.to_owned(),
        name_zh: name_zh.map_or("", |name| name.value).to_owned(),
        name_en: name_en.map_or("", |name| name.value).to_owned(),
        deadline_ms: deadline.map(|duration| duration.value),
        deadline_major_ms: deadline_major.map(|duration| duration.value),
        terminal,
        start: fields.flag("start", problems),
        after: 0,
        after_major: 0,
    };
    let after = fields.texts("after", problems);
    let after_major = fields.get("after_major").map(|_| fields.texts("after_major", problems));
    Some(Written { line: code?.line, stage, after, after_major })
}

/// Every stage must be reachable from a start, for a general and for a major hazard alike, and an item must be able to end.
fn check_reachable(line: u32, written: &[Written<'_>], problems: &mut Problems) {
    if written.is_empty() {
        return;
    }
    let start = mask_of(written, |stage| stage.start);
    if start == 0 {
        problems.add(
            line,
            "",
            "no stage is a start",
            "write `start: true` at the stage where an item begins",
        );
        return;
    }
    let terminal = mask_of(written, |stage| stage.terminal);
    if terminal == 0 {
        problems.add(
            line,
            "",
            "no stage is terminal",
            "write `terminal: true` at the stage that ends an item",
        );
    }
    let reached = reach(start, written, |stage| stage.after);
    let reached_major = reach(start, written, |stage| stage.after_major);
    for (index, one) in written.iter().enumerate() {
        let remedy = "list in `after` a stage that can be reached, or write `start: true`";
        if reached >> index & 1 == 0 {
            problems.add(one.line, &one.stage.code, "no way leads to this stage", remedy);
        } else if reached_major >> index & 1 == 0 {
            problems.add(one.line, &one.stage.code, "no way leads a major hazard to this stage", remedy);
        }
    }
}

fn reach(start: u64, written: &[Written<'_>], after: impl Fn(&Stage) -> u64) -> u64 {
    let mut reached = start;
    loop {
        let next = reached | mask_of(written, |stage| after(stage) & reached != 0);
        if next == reached {
            return reached;
        }
        reached = next;
    }
}

fn mask_of(written: &[Written<'_>], is_in: impl Fn(&Stage) -> bool) -> u64 {
    written
        .iter()
        .enumerate()
        .filter(|(_, one)| is_in(&one.stage))
        .fold(0, |mask, (index, _)| mask | 1 << index)
}
