//! Which facts count for which measures.

use std::borrow::Cow;

use crate::event::{Quality, Scalar};
use crate::taxonomy::{Fact, FactSource, Grade, Level, Taxonomy};

fn counted(taxonomy: &Taxonomy, fact: &Fact<'_>) -> String {
    let codes: Vec<&str> =
        taxonomy.measures.matching(fact).into_iter().map(|id| taxonomy.measures.code(id)).collect();
    codes.join(" ")
}

#[test]
fn facts_count_for_the_measures_of_the_contract() {
    let taxonomy = Taxonomy::shipped();
    let hazard =
        |stage, grade| Fact { stage: Some(stage), grade: Some(grade), ..Fact::of(FactSource::Hazard) };
    let item = |kind, stage| Fact { kind: Some(kind), stage: Some(stage), ..Fact::of(FactSource::Item) };
    let remote = [(Cow::Borrowed("channel"), Scalar::Text(Cow::Borrowed("remote")))];
    let on_site = [(Cow::Borrowed("channel"), Scalar::Text(Cow::Borrowed("site")))];
    let number = [(Cow::Borrowed("channel"), Scalar::Number(1.0))];
    let record = |kind, attributes| Fact { kind: Some(kind), attributes, ..Fact::of(FactSource::Record) };
    let cases = [
        (Fact::of(FactSource::Inspection), "inspections"),
        (hazard("found", Grade::General), "hazards_found_general hazards_found"),
        (hazard("found", Grade::Major), "hazards_found_major hazards_found"),
        (hazard("closed", Grade::General), "hazards_closed_general"),
        (hazard("closed", Grade::Major), "hazards_closed_major"),
        (hazard("rectifying", Grade::Major), ""),
        (item("order_task", "issued"), "orders_issued"),
        (item("order_task", "closed"), ""),
        (item("hotspot", "detected"), "hotspots_detected"),
        (item("accident", "reported"), "accidents"),
        (record("enforcement_case", &remote[..]), "enforcement_cases enforcement_cases_remote"),
        (record("enforcement_case", &on_site[..]), "enforcement_cases"),
        (record("enforcement_case", &number[..]), "enforcement_cases"),
        (record("enforcement_case", &[]), "enforcement_cases"),
        (record("drill", &remote[..]), ""),
    ];
    for (fact, expected) in cases {
        assert_eq!(counted(&taxonomy, &fact), expected, "{fact:?}");
    }
}

#[test]
fn readings_and_alarms_are_counted_without_asking_a_filter() {
    let added = "  - {code: methane_readings, zh: 甲, en: A, from: reading, when: quantity == \"methane\" && quality != \"bad\"}\n  \
                 - {code: methane_alarms, zh: 甲, en: A, from: alarm, when: 'quantity == \"methane\" && level in [\"orange\", \"red\"]'}\n";
    let text = super::text_of("measures.yaml");
    let taxonomy = super::changed("measures.yaml", text, &format!("{text}{added}")).unwrap();
    let (measures, quantities) = (&taxonomy.measures, &taxonomy.quantities);
    let codes = |ids: &[_]| ids.iter().map(|id| measures.code(*id)).collect::<Vec<_>>().join(" ");
    let [methane, oxygen] = ["methane", "oxygen"].map(|code| quantities.find(code).unwrap());
    assert_eq!(codes(measures.reading(methane, Quality::Good)), "readings methane_readings");
    assert_eq!(codes(measures.reading(methane, Quality::Bad)), "readings");
    assert_eq!(codes(measures.reading(oxygen, Quality::Good)), "readings");
    assert_eq!(codes(measures.alarm(methane, Level::Red)), "alarms_red methane_alarms");
    assert_eq!(codes(measures.alarm(methane, Level::Yellow)), "alarms_yellow");
    assert_eq!(codes(measures.alarm(oxygen, Level::Red)), "alarms_red");
}

#[test]
fn attributes_are_compared_by_value() {
    let attributes = [
        (Cow::Borrowed("amount"), Scalar::Number(30_000.0)),
        (Cow::Borrowed("urgent"), Scalar::Flag(true)),
        (Cow::Borrowed("handled_by"), Scalar::Text(Cow::Borrowed("town"))),
    ];
    let cases = [
        ("attributes.amount < 50000", true),
        ("attributes.amount == 30000", true),
        ("attributes.amount >= 30000.5", false),
        ("attributes.urgent", true),
        ("!attributes.urgent", false),
        ("attributes.handled_by == 'town' && attributes.amount <= 50000", true),
        ("has(attributes.amount) && !has(attributes.paid)", true),
        ("attributes.paid == 'yes'", false),
        ("attributes.amount == 'much'", false),
        ("attributes['handled_by'].startsWith('to')", true),
        ("attributes.amount + 1", false),
    ];
    let text = super::text_of("measures.yaml");
    for (when, expected) in cases {
        let added = format!("{text}  - {{code: x, zh: 甲, en: A, from: record, when: \"{when}\"}}\n");
        let taxonomy = super::changed("measures.yaml", text, &added).unwrap();
        let fact = Fact { attributes: &attributes, ..Fact::of(FactSource::Record) };
        assert_eq!(counted(&taxonomy, &fact) == "x", expected, "{when}");
    }
}
