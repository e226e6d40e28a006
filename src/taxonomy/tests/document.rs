//! docs/taxonomy.md: its examples are accepted as they stand, and its table of names is the code's.

use crate::taxonomy::load::{FILES, SHIPPED};
use crate::taxonomy::{FactSource, Taxonomy};

fn page() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/taxonomy.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_example_can_be_added_to_the_shipped_files() {
    let page = page();
    let mut texts = SHIPPED.map(str::to_owned);
    let mut examples = 0;
    for block in page.split("```").skip(1).step_by(2) {
        let (head, example) = block.split_once('\n').unwrap();
        let file = head.split(' ').nth(1).expect("an example names its file");
        texts[FILES.iter().position(|name| *name == file).unwrap()] += example;
        examples += 1;
    }
    assert_eq!(examples, FILES.len());
    let taxonomy = Taxonomy::read(FILES, texts.each_ref().map(String::as_str)).unwrap();
    assert!(taxonomy.kinds.find("rescue_drill").is_some() && taxonomy.clauses.find("MK-2026-4-1").is_some());
}

#[test]
fn the_names_of_filters_are_those_of_the_code() {
    let header = super::text_of("measures.yaml");
    for (word, source) in FactSource::WORDS {
        let names = source.names().join(", ");
        assert!(
            page()
                .lines()
                .any(|line| line.starts_with(&format!("| {word} |"))
                    && line.ends_with(&format!("| {names} |"))),
            "{word}"
        );
        assert!(header.contains(&format!("#   {word:<11} {names}\n")), "{word}");
    }
}
