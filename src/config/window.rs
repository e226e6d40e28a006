//! Sliding windows as settings.

use super::problem::{Problem, Wrong};
use super::reader::{self, Reader};
use super::value;
use super::yaml::{Content, Node};

/// A sliding window: as of t it covers [t − size, t), and t moves by slides counted from the UTC epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name in records, rules and metrics.
    pub name: String,
    /// Its size in milliseconds, a multiple of the slide.
    pub size_ms: i64,
    /// Its slide in milliseconds.
    pub slide_ms: i64,
    /// An event that is late by less is added.
    pub horizon_ms: i64,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Vec<Window> {
    let windows = reader.list("windows", read_one);
    for (index, window) in windows.iter().enumerate() {
        if windows[..index].iter().any(|earlier| earlier.name == window.name) {
            reader.problem(
                "windows",
                format!("two windows are called \"{}\"", window.name),
                "give one of them another name: {name: …, size: …, slide: …}".to_owned(),
            );
        }
    }
    windows
}

fn read_one(node: &Node, problems: &mut Vec<Problem>) -> Option<Window> {
    match &node.content {
        Content::Scalar(_) => reader::scalar("windows", node, short_form, problems),
        Content::Map(entries) => long_form(node, entries, problems),
        Content::Nothing | Content::List(_) => {
            let any =
                |_: &str| Err(Wrong::new("a window", "write size/slide or {name, size, slide, horizon}"));
            reader::scalar("windows", &Node::scalar(node.place.clone(), ""), any, problems)
        }
    }
}

/// `24h/5m`
fn short_form(text: &str) -> Result<Window, Wrong> {
    let (size, slide) =
        text.split_once('/').ok_or_else(|| Wrong::new("a window", "write size/slide, for example 24h/5m"))?;
    let (size_ms, slide_ms) = (value::positive_duration_ms(size)?, value::positive_duration_ms(slide)?);
    checked(Window { name: size.to_owned(), size_ms, slide_ms, horizon_ms: size_ms })
}

/// `{name: day, size: 24h, slide: 5m, horizon: 48h}`
fn long_form(node: &Node, entries: &[(String, Node)], problems: &mut Vec<Problem>) -> Option<Window> {
    let before = problems.len();
    let [name, size, slide, horizon] =
        reader::fields("windows", entries, ["name", "size", "slide", "horizon"], problems);
    let nothing = Node::scalar(node.place.clone(), "");
    let size = size.unwrap_or(&nothing);
    let duration = value::positive_duration_ms;
    let size_ms = reader::scalar("windows.size", size, duration, problems);
    let slide_ms = reader::scalar("windows.slide", slide.unwrap_or(&nothing), duration, problems);
    let horizon_ms = reader::scalar("windows.horizon", horizon.unwrap_or(size), value::duration_ms, problems);
    let name = reader::scalar("windows.name", name.unwrap_or(size), window_name, problems);
    if problems.len() > before {
        return None;
    }
    let window = Window { name: name?, size_ms: size_ms?, slide_ms: slide_ms?, horizon_ms: horizon_ms? };
    reader::scalar(
        "windows",
        &Node::scalar(node.place.clone(), &window.name),
        |_| checked(window.clone()),
        problems,
    )
}

/// A window's name is part of keys: `region|sector|window`.
fn window_name(text: &str) -> Result<String, Wrong> {
    let fits = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || !text.chars().all(fits) {
        return Err(Wrong::new("a name", "write letters, digits, - and _"));
    }
    Ok(text.to_owned())
}

fn checked(window: Window) -> Result<Window, Wrong> {
    if window.size_ms % window.slide_ms != 0 {
        let slide = value::duration_text(window.slide_ms);
        let below = window.size_ms - window.size_ms % window.slide_ms;
        let size = value::duration_text(if below == 0 { window.slide_ms } else { below });
        return Err(Wrong::new(
            format!("a whole number of slides of {slide}"),
            format!("write a size that is a multiple of the slide, for example {size}/{slide}"),
        ));
    }
    Ok(window)
}
