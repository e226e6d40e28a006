//! The shipped taxonomy, and every mistake that the files can hold, as data.

mod document;
mod filters;
mod mistakes;
mod places;
mod shipped;

use super::load::{FILES, SHIPPED};
use super::{Problem, Taxonomy};

/// The shipped text of one file.
fn text_of(name: &str) -> &'static str {
    texts().find(|(file, _)| *file == name).unwrap().1
}

/// Every file's name and shipped text.
fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.into_iter().zip(SHIPPED)
}

/// The shipped taxonomy with the first `from` in one file replaced.
fn changed(name: &str, from: &str, to: &str) -> Result<Taxonomy, Vec<Problem>> {
    let index = FILES.iter().position(|file| *file == name).unwrap();
    let text = SHIPPED[index].replacen(from, to, 1);
    let mut texts = SHIPPED;
    texts[index] = &text;
    Taxonomy::read(FILES, texts)
}
