//! Every mistake is told with its line, its value and what is wrong, and all of a file at once.

use crate::taxonomy::clauses::Clauses;
use crate::taxonomy::kinds::Kinds;
use crate::taxonomy::measures::Measures;
use crate::taxonomy::quantities::Quantities;
use crate::taxonomy::sectors::Sectors;
use crate::taxonomy::{Problem, Taxonomy, region_rows};

/// A file's text, and its problems: line, value, and how the message begins.
type Case = (&'static str, &'static [(u32, &'static str, &'static str)]);

fn check<T>(cases: &[Case], read: impl Fn(&str) -> Result<T, Vec<Problem>>) {
    for (text, expected) in cases {
        let told = read(text).err().unwrap_or_default();
        let shown: Vec<String> = told.iter().map(Problem::to_string).collect();
        assert_eq!(told.len(), expected.len(), "{text}\n{shown:#?}");
        for (problem, (line, value, message)) in told.iter().zip(*expected) {
            assert_eq!((problem.line, problem.value.as_str()), (*line, *value), "{text}\n{shown:#?}");
            assert!(problem.message.starts_with(message), "{text}\n{shown:#?}");
            assert!(!problem.remedy.is_empty() && problem.file == "f", "{problem}");
        }
    }
}

fn sectors() -> Sectors {
    Sectors::read("s", "sectors:\n  - {code: mining, zh: 矿山, en: Mining}\n").unwrap()
}

#[test]
fn every_mistake_in_regions_is_told() {
    const HEAD: &str = "code,level,parent,name_zh,name_en,from,to\n330600,city,,绍兴市,Shaoxing City,,\n330602,county,330600,越城区,Yuecheng District,,\n330604,county,330600,上虞区,Shangyu District,,\n";
    let cases: &[Case] = &[
        ("", &[]),
        ("330602001,town,330602,塔山街道,Tashan Subdistrict,,", &[]),
        ("33060200,town,330602,a,A,,", &[(5, "33060200", "not the code of a town")]),
        ("33060200x,town,330602,a,A,,", &[(5, "33060200x", "not the code of a town")]),
        ("330602000,town,330602,a,A,,", &[(5, "330602000", "not the code of a town")]),
        ("330700,county,330600,a,A,,", &[(5, "330700", "not the code of a county")]),
        ("330612,city,,a,A,,", &[(5, "330612", "not the code of a city")]),
        ("330602001,twon,330602,a,A,,", &[(5, "twon", "unknown level")]),
        ("330602001001,village,330602001,a,A,,", &[(5, "village", "regions go down to the town")]),
        ("330602001,town,330602,,A,,", &[(5, "330602001", "`name_zh` is empty")]),
        ("330602001,town,330602,a,,,", &[(5, "330602001", "`name_en` is empty")]),
        ("330700,city,330600,a,A,,", &[(5, "330600", "a city has no parent")]),
        ("330603,county,,a,A,,", &[(5, "", "the parent is not listed")]),
        ("330602001,town,330605,a,A,,", &[(5, "330605", "the parent is not listed")]),
        ("330604001,town,330602,a,A,,", &[(5, "330602", "the parent is not the prefix of 330604001")]),
        ("330605,county,330602,a,A,,", &[(5, "330602", "a county cannot belong to a county")]),
        (
            "330602,county,330600,越城区,Yuecheng District,,",
            &[(5, "330602", "the code stands at line 3 already")],
        ),
        ("330602001,town,330602,a,A,2020-13-01,", &[(5, "2020-13-01", "`from` is not a date")]),
        ("330602001,town,330602,a,A,,2020-1-1", &[(5, "2020-1-1", "`to` is not a date")]),
        ("330602001,town,330602,a,A,2021-01-01,2020-01-01", &[(5, "2020-01-01", "`to` is not after `from`")]),
        (
            "330602001,town,330602,a,A,,2021-01-01\n330602001,town,330604,a,A,2020-06-01,",
            &[(6, "330602001", "the code stands at line 5 already, and their dates overlap")],
        ),
        ("330602001,town,330602,a,A,,2021-01-01\n330602001,town,330604,a,A,2021-01-01,", &[]),
        ("330602001,town,330602", &[(5, "330602001", "3 fields where the header has 7")]),
        ("330602001,town,330602,\"a,A,,\n", &[(5, "330602001", "4 fields where the header has 7")]),
        (
            "x,town,330602,a,A,,\n\n# a comment\n330602001,town,999999,a,A,,\n330602002,twon,330602,a,A,,",
            &[(5, "x", "not the code"), (8, "999999", "the parent is not"), (9, "twon", "unknown level")],
        ),
    ];
    check(cases, |rows| region_rows::read("f", &format!("{HEAD}{rows}")));
    let heads: &[Case] = &[
        ("", &[(0, "", "no region is listed")]),
        ("code,level,parent,name_zh,name_en,from,to\n", &[(0, "", "no region is listed")]),
        (
            "code,level,parents,name_zh,name_en\n330600,city,,a,A\n",
            &[(1, "parents", "unknown column"), (1, "", "the column `parent` is missing")],
        ),
        ("code,level,parent,name_zh,name_en\n330600,city,,a,A\n", &[]),
    ];
    check(heads, |text| region_rows::read("f", text));
}

#[test]
fn every_mistake_in_sectors_is_told() {
    let cases: &[Case] = &[
        ("sectors:\n  - {code: a, zh: 甲, en: A}\n  - {code: b, parent: a, zh: 乙, en: B}\n", &[]),
        (
            "sectors:\n  - {code: a, zh: 甲, en: A}\n  - {code: a, zh: 乙, en: B}\n",
            &[(3, "a", "the code stands at line 2")],
        ),
        ("sectors:\n  - {code: all, zh: 甲, en: A}\n", &[(2, "all", "the code is built in")]),
        ("sectors:\n  - {code: Aa, zh: 甲, en: A}\n", &[(2, "Aa", "`code` is not a code")]),
        ("sectors:\n  - {code: a, parent: bb, zh: 甲, en: A}\n", &[(2, "bb", "the parent is not a sector")]),
        ("sectors:\n  - {code: a, parent: a, zh: 甲, en: A}\n", &[(2, "a", "the parents of `a` lead back")]),
        (
            "sectors:\n  - {code: a, parent: b, zh: 甲, en: A}\n  - {code: b, parent: a, zh: 乙, en: B}\n",
            &[(2, "b", "the parents of `a` lead back"), (3, "a", "the parents of `b` lead back")],
        ),
        (
            "sectors:\n  - {code: a, zh: 甲}\n  - {code: b, parents: a, zh: 乙, en: B}\n  - 7\n",
            &[(2, "", "`en` is missing"), (3, "parents", "unknown key"), (4, "7", "a map is expected")],
        ),
        ("sector: []\n", &[(1, "sector", "unknown key"), (1, "", "`sectors` is missing")]),
        ("sectors: [\n", &[(1, "", "not valid YAML")]),
    ];
    check(cases, |text| Sectors::read("f", text));
}

#[test]
fn every_mistake_in_limits_is_told() {
    let limits: &[Case] = &[
        ("{side: H, level: blue, set_point: 1, source: s, basis: known}", &[]),
        ("{side: X, level: blue, set_point: 1, source: s, basis: known}", &[(8, "X", "unknown side")]),
        ("{side: H, level: bleu, set_point: 1, source: s, basis: known}", &[(8, "bleu", "unknown level")]),
        ("{side: H, level: blue, set_point: 1, source: s, basis: sure}", &[(8, "sure", "unknown basis")]),
        ("{side: H, level: blue, set_point: 1, basis: known}", &[(8, "", "`source` is missing")]),
        (
            "{side: H, level: blue, set_point: '1', source: s, basis: known}",
            &[(8, "1", "`set_point` must be a finite")],
        ),
        (
            "{side: H, level: blue, set_point: .nan, source: s, basis: known}",
            &[(8, ".nan", "`set_point` must be a finite")],
        ),
        (
            "{side: H, level: blue, setpoint: 1, source: s, basis: known}",
            &[(8, "setpoint", "unknown key"), (8, "", "`set_point` is missing")],
        ),
        (
            "{side: H, level: blue, set_point: 1, deadband: -1, source: s, basis: known}",
            &[(8, "-1", "`deadband` is negative")],
        ),
        (
            "{side: H, level: blue, set_point: 1, deadband: 1, restore: 0, source: s, basis: known}",
            &[(8, "1", "`deadband` and `restore`")],
        ),
        (
            "{side: H, level: blue, set_point: 1, restore: 2, source: s, basis: known}",
            &[(8, "2", "`restore` lies on")],
        ),
        (
            "{side: L, level: blue, set_point: 1, restore: 0, source: s, basis: known}",
            &[(8, "0", "`restore` lies on")],
        ),
        (
            "{side: H, level: blue, set_point: 1, on_delay: 10, source: s, basis: known}",
            &[(8, "10", "`on_delay` is not a duration")],
        ),
        (
            "{side: H, level: blue, set_point: 5, source: s, basis: known}\n      - {side: HH, level: red, set_point: 4, source: s, basis: known}",
            &[(9, "4", "the set point of red is not above that of blue")],
        ),
        (
            "{side: L, level: blue, set_point: 5, source: s, basis: known}\n      - {side: LL, level: red, set_point: 6, source: s, basis: known}",
            &[(9, "6", "the set point of red is not below that of blue")],
        ),
        (
            "{side: HH, level: blue, set_point: 5, source: s, basis: known}\n      - {side: H, level: red, set_point: 6, source: s, basis: known}",
            &[(8, "HH", "HH is milder than H")],
        ),
        (
            "{side: H, level: blue, set_point: 5, source: s, basis: known}\n      - {side: HH, level: blue, set_point: 6, source: s, basis: known}",
            &[(9, "6", "two high limits have the level blue")],
        ),
        (
            "{side: H, level: blue, set_point: 5, deadband: 2, source: s, basis: known}\n      - {side: L, level: blue, set_point: 3, source: s, basis: known}",
            &[(9, "5", "no value is normal")],
        ),
    ];
    let head = "quantities:\n  - code: level\n    unit: m\n    zh: 液位\n    en: Level\n    no_data_after: 5m\n    limits:\n      - ";
    check(limits, |limit| Quantities::read("f", &format!("{head}{limit}\n"), Some(&sectors())));
}

#[test]
fn every_mistake_in_quantities_is_told() {
    let cases: &[Case] = &[
        (
            "quantities:\n  - {code: a, unit: '', zh: 甲, en: A, no_data_after: 5m}\n",
            &[(2, "", "`unit` is empty")],
        ),
        ("quantities:\n  - {code: a, unit: m, zh: 甲, en: A}\n", &[(2, "", "`no_data_after` is missing")]),
        (
            "quantities:\n  - {code: a, unit: m, zh: 甲, en: A, no_data_after: 0s}\n",
            &[(2, "0", "`no_data_after` is zero")],
        ),
        (
            "quantities:\n  - {code: a, unit: m, zh: 甲, en: A, no_data_after: 5m}\n  - {code: a, unit: m, zh: 甲, en: A, no_data_after: 5m}\n",
            &[(3, "a", "the code stands at line 2 already")],
        ),
        (
            "quantities:\n  - code: a\n    unit: m\n    zh: 甲\n    en: A\n    no_data_after: 5m\n    sectors:\n      - {sector: minning, limits: []}\n      - {sector: mining}\n      - {sector: mining, limits: []}\n",
            &[
                (8, "minning", "unknown sector"),
                (10, "mining", "the sector has limits of this quantity already"),
            ],
        ),
    ];
    check(cases, |text| Quantities::read("f", text, Some(&sectors())));
}

#[test]
fn every_mistake_in_clauses_is_told() {
    let cases: &[Case] = &[
        ("{code: KS-2022-U-1, zh: 甲, en: A, basis: known}", &[]),
        ("{code: KS-2022-U-1, zh: 甲, en: A, basis: maybe}", &[(6, "maybe", "unknown basis")]),
        ("{code: ks-1, zh: 甲, en: A, basis: known}", &[(6, "ks-1", "not the code of a clause")]),
        (
            "{code: KS-2023-1, zh: 甲, en: A, basis: known}",
            &[(6, "KS-2023-1", "the clause does not begin with its standard")],
        ),
        (
            "{code: KS-2022-1, zh: 甲, en: A, basis: known}\n      - {code: KS-2022-1, zh: 甲, en: A, basis: known}",
            &[(7, "KS-2022-1", "the code stands at line 6 already")],
        ),
    ];
    let head = "standards:\n  - code: KS-2022\n    source: s\n    sector: mining\n    clauses:\n      - ";
    check(cases, |clause| Clauses::read("f", &format!("{head}{clause}\n"), Some(&sectors())));
    let standards: &[Case] = &[(
        "standards:\n  - {code: A-1, source: s, sector: mine, clauses: []}\n  - {code: A-1, source: s, sector: mining, clauses: []}\n",
        &[(2, "mine", "unknown sector"), (3, "A-1", "the code stands at line 2 already")],
    )];
    check(standards, |text| Clauses::read("f", text, Some(&sectors())));
}

#[test]
fn every_mistake_in_kinds_is_told() {
    let hazard = &super::text_of("kinds.yaml").split("  - code: order_task").next().unwrap().to_owned();
    let line = hazard.lines().count() as u32;
    let cases: &[Case] = &[
        (
            "{code: a, zh: 甲, en: A, start: true}\n      - {code: b, zh: 乙, en: B, after: [a], terminal: true}",
            &[],
        ),
        ("{code: a, zh: 甲, en: A, start: true, terminal: true, after: [b]}", &[(5, "b", "unknown stage")]),
        ("{code: a, zh: 甲, en: A, terminal: true}", &[(1, "", "no stage is a start")]),
        ("{code: a, zh: 甲, en: A, start: true}", &[(1, "", "no stage is terminal")]),
        (
            "{code: a, zh: 甲, en: A, start: true}\n      - {code: b, zh: 乙, en: B, after: [b], terminal: true}",
            &[(6, "b", "no way leads to this stage")],
        ),
        (
            "{code: a, zh: 甲, en: A, start: true}\n      - {code: a, zh: 乙, en: B, after: [a], terminal: true}",
            &[(6, "a", "the code stands at line")],
        ),
        (
            "{code: a, zh: 甲, en: A, start: yes!, after_major: [a], deadline: soon}\n      - {code: open, zh: 乙, en: B, after: [a], terminal: true, deadline: 1d}",
            &[
                (5, "after_major", "unknown key"),
                (5, "soon", "`deadline` is not a duration"),
                (5, "yes!", "`start` must be true or false"),
                (6, "open", "`open` stands for every stage"),
                (6, "86400000ms", "a terminal stage has no deadline"),
            ],
        ),
    ];
    for (stages, expected) in cases {
        let text = format!("{hazard}  - code: k\n    zh: 类\n    en: K\n    stages:\n      - {stages}\n");
        let told = Kinds::read("f", &text).err().unwrap_or_default();
        let short: Vec<(u32, &str, &str)> = told
            .iter()
            .map(|problem| (problem.line - line, problem.value.as_str(), problem.message.as_str()))
            .collect();
        assert_eq!(short.len(), expected.len(), "{stages}\n{short:#?}");
        for (found, wanted) in short.iter().zip(*expected) {
            assert_eq!((found.0, found.1), (wanted.0, wanted.1), "{stages}\n{short:#?}");
            assert!(found.2.starts_with(wanted.2), "{stages}\n{short:#?}");
        }
    }
}

#[test]
fn the_built_in_hazard_keeps_its_place_and_its_stages() {
    let text = super::text_of("kinds.yaml");
    let without_void: String =
        text.lines().filter(|line| !line.contains("code: void")).map(|line| format!("{line}\n")).collect();
    let unreachable = text.replace("after_major: [accepted]", "after_major: [closed]");
    let renamed = text.replacen("code: hazard", "code: danger", 1);
    for (text, expected) in [
        (without_void, "the stage `void` of `hazard` is missing"),
        (unreachable, "no way leads a major hazard to this stage"),
        (renamed, "the first kind is not `hazard`"),
    ] {
        let told = Kinds::read("f", &text).unwrap_err();
        assert!(told.iter().any(|problem| problem.message == expected), "{told:#?}");
    }
}

#[test]
fn every_mistake_in_measures_is_told() {
    let taxonomy = Taxonomy::shipped();
    let fixed =
        super::text_of("measures.yaml").split("  - {code: enforcement_cases,").next().unwrap().to_owned();
    let line = fixed.lines().count() as u32;
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("{code: a, zh: 甲, en: A, from: record}", &[]),
        ("{code: a, zh: 甲, en: A, from: record, when: kind == \"anything\"}", &[]),
        ("{code: a, zh: 甲, en: A, from: records}", &[("records", "unknown from")]),
        ("{code: readings, zh: 甲, en: A, from: record}", &[("readings", "the code stands at line")]),
        ("{code: a, zh: 甲, en: A, from: record, when: kind ==}", &[("kind ==", "not a CEL expression")]),
        (
            "{code: a, zh: 甲, en: A, from: record, when: kinds == \"x\"}",
            &[("kinds", "`record` facts have no such name")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: reading, when: level == \"red\"}",
            &[("level", "`reading` facts have no such name")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: hazard, when: grade == \"magor\"}",
            &[("magor", "`grade` is never this word")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: hazard, when: stage == \"issued\"}",
            &[("issued", "`stage` is never this word")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: item, when: kind == \"hazard\"}",
            &[("hazard", "`kind` is never this word")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: alarm, when: 'quantity in [\"methan\"]'}",
            &[("methan", "`quantity` is never this word")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: inspection, when: '\"gird\" != source'}",
            &[("gird", "`source` is never this word")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: reading, when: quality == \"god\"}",
            &[("god", "`quality` is never this word")],
        ),
        (
            "{code: a, zh: 甲, en: A, from: item, when: kind.beginsWith(\"order_\")}",
            &[("beginsWith", "a filter has no such function")],
        ),
        ("{code: a, zh: 甲, en: A, from: item, when: stage}", &[("stage", "the filter yields a string")]),
        (
            "{code: a, zh: 甲, en: A, from: item, when: kind > 3}",
            &[("kind > 3", "the filter cannot be evaluated")],
        ),
        ("{code: a, zh: 甲, en: A, from: item, when: '[\"a\"].exists(x, x == kind)'}", &[]),
        (
            "{code: a, zh: 甲, en: A, from: item, when: true, colour: 1}",
            &[("colour", "unknown key"), ("true", "`when` must be a text")],
        ),
    ];
    for (measure, expected) in cases {
        let text = format!("{fixed}  - {measure}\n");
        let read = Measures::read("f", &text, Some(&taxonomy.kinds), Some(&taxonomy.quantities));
        let told = read.err().unwrap_or_default();
        assert_eq!(told.len(), expected.len(), "{measure}\n{told:#?}");
        for (problem, (value, message)) in told.iter().zip(*expected) {
            assert_eq!((problem.line, problem.value.as_str()), (line + 1, *value), "{measure}\n{told:#?}");
            assert!(problem.message.starts_with(message), "{measure}\n{told:#?}");
        }
    }
}

#[test]
fn the_measures_of_the_contract_keep_their_places() {
    let fixed = super::text_of("measures.yaml");
    let swapped = fixed.replacen("code: readings", "code: reads", 1);
    let told = Measures::read("f", &swapped, None, None).unwrap_err();
    assert!(
        told.iter().any(|problem| problem.message == "the measure in this place is `readings`"),
        "{told:#?}"
    );
    let told = Measures::read("f", "measures: []\n", None, None).unwrap_err();
    assert_eq!(told.len(), 10, "{told:#?}");
}

#[test]
fn mistakes_of_all_files_are_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in super::texts() {
        let text = match name {
            "regions.csv" => text.replacen("330602001,town", "330602001,twon", 1),
            "sectors.yaml" => text.replacen("parent: mining", "parent: minning", 1),
            "clauses.yaml" => text.replacen("basis: cited", "basis: sited", 1),
            "kinds.yaml" => continue,
            _ => text.to_owned(),
        };
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let told = Taxonomy::load(dir.path()).unwrap_err();
    let shown: Vec<String> = told
        .iter()
        .map(|problem| problem.to_string().replace(&format!("{}/", dir.path().display()), ""))
        .collect();
    let expected = [
        "kinds.yaml: cannot be read:",
        "regions.csv:9: unknown level (found \"twon\"): write `town`, if that is meant",
        "sectors.yaml:7: the parent is not a sector (found \"minning\"): write `mining`, if that is meant",
        "clauses.yaml:10: unknown basis (found \"sited\"): write `cited`, if that is meant",
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (found, wanted) in shown.iter().zip(expected) {
        assert!(found.starts_with(wanted), "{shown:#?}");
    }
}
