//! The shipped files say what the contract and the standards say.

use crate::taxonomy::{Basis, Grade, Kinds, Level, RegionLevel, Sectors, Side, Taxonomy};

#[test]
fn shipped_taxonomy_has_no_problem() {
    let taxonomy = Taxonomy::shipped();
    let count = |level| taxonomy.regions.iter().filter(|id| taxonomy.regions.level(*id) == level).count();
    let levels = [RegionLevel::City, RegionLevel::County, RegionLevel::Town, RegionLevel::Unknown];
    assert_eq!(levels.map(count), [1, 6, 103, 1]);
    assert_eq!(taxonomy.sectors.len(), 24);
    assert_eq!(taxonomy.clauses.len(), 20 + 32 + 13 + 19 + 17);
}

#[test]
fn one_taxonomy_serves_every_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Taxonomy::shipped());
}

#[test]
fn loading_the_shipped_folder_gives_the_shipped_taxonomy() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/taxonomy");
    assert_eq!(Taxonomy::load(&dir).unwrap().hash(), Taxonomy::shipped().hash());
}

#[test]
fn hash_follows_the_meaning_and_not_the_spelling() {
    let hash = Taxonomy::shipped().hash();
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let same = [
        ("quantities.yaml", "set_point: 25, deadband: 2,", "deadband: 2.0, set_point: 25.0,"),
        ("sectors.yaml", "sectors:\n", "# another comment\nsectors:\n\n"),
        ("kinds.yaml", "deadline: 24h", "deadline: 1d"),
    ];
    let other = [
        ("regions.csv", "Didang", "Dida"),
        (
            "regions.csv",
            "Didang Subdistrict,,",
            "Didang Subdistrict,,2020-01-01\n330602007,town,330603,迪荡街道,Didang Subdistrict,2020-01-01,",
        ),
        ("sectors.yaml", "parent: mining, ", ""),
        ("quantities.yaml", "set_point: 25,", "set_point: 24,"),
        ("quantities.yaml", "no_data_after: 5m", "no_data_after: 6m"),
        ("clauses.yaml", "basis: cited", "basis: known"),
        ("kinds.yaml", "after_major: [accepted]", "after_major: [submitted]"),
        ("measures.yaml", "level == \"blue\"", "level == \"red\""),
    ];
    let changed = |(name, from, to): (&str, &str, &str)| super::changed(name, from, to).unwrap().hash();
    for change in same {
        assert_eq!(changed(change), hash, "{change:?}");
    }
    for change in other {
        assert_ne!(changed(change), hash, "{change:?}");
    }
}

#[test]
fn sectors_roll_up_to_their_parents_and_all() {
    let sectors = Taxonomy::shipped().sectors;
    let cases = [
        ("tailings", "tailings mining all"),
        ("dust", "dust industry_trade all"),
        ("small_workshops", "small_workshops all"),
        ("all", "all"),
    ];
    for (code, expected) in cases {
        let above: Vec<&str> =
            sectors.ancestors(sectors.find(code).unwrap()).iter().map(|id| sectors.code(*id)).collect();
        assert_eq!(above.join(" "), expected);
    }
    assert_eq!(sectors.find("all"), Some(Sectors::ALL));
    assert_eq!(sectors.find("coal"), None);
}

#[test]
fn quantities_have_the_units_of_the_contract() {
    let quantities = Taxonomy::shipped().quantities;
    let contract = [
        ("combustible_gas", "%LEL"),
        ("toxic_gas", "mg/m3"),
        ("oxygen", "%VOL"),
        ("methane", "%CH4"),
        ("carbon_monoxide", "ppm"),
        ("pressure", "MPa"),
        ("temperature", "Cel"),
        ("level", "m"),
        ("flow", "m3/h"),
        ("displacement", "mm"),
        ("phreatic_line", "m"),
        ("dry_beach", "m"),
        ("rainfall", "mm"),
        ("dust_pressure_difference", "Pa"),
    ];
    assert_eq!(quantities.len(), contract.len());
    for (code, unit) in contract {
        assert_eq!(quantities.get(quantities.find(code).unwrap()).unit, unit, "{code}");
    }
}

/// A quantity, a sector, and its limits there: side, set point, level, and where the alarm ends.
type Limits = (&'static str, &'static str, &'static [(Side, f64, Level, f64)]);

/// What stands in the standards, so that an edit of the file cannot lose it unseen.
#[test]
fn limits_are_those_of_the_standards_and_a_sector_overrides_the_general_ones() {
    use {Level::*, Side::*};
    let taxonomy = Taxonomy::shipped();
    let cases: &[Limits] = &[
        ("combustible_gas", "hazardous_chemicals", &[(HH, 50.0, Red, 45.0), (H, 25.0, Yellow, 23.0)]),
        ("methane", "gas", &[(HH, 2.5, Red, 2.25), (H, 1.25, Yellow, 1.15)]),
        ("methane", "mining", &[(HH, 3.0, Red, 1.0), (HH, 1.5, Orange, 1.0), (H, 1.0, Yellow, 1.0)]),
        ("methane", "tailings", &[(HH, 3.0, Red, 1.0), (HH, 1.5, Orange, 1.0), (H, 1.0, Yellow, 1.0)]),
        ("oxygen", "all", &[(H, 23.5, Orange, 23.2), (L, 19.5, Orange, 19.8)]),
        ("oxygen", "mining", &[(L, 20.0, Orange, 20.2)]),
        ("carbon_monoxide", "steel", &[(HH, 160.0, Red, 150.0), (H, 24.0, Yellow, 22.0)]),
        (
            "rainfall",
            "tailings",
            &[(HH, 250.0, Red, 245.0), (HH, 100.0, Orange, 95.0), (H, 50.0, Yellow, 45.0)],
        ),
    ];
    for (quantity, sector, expected) in cases {
        let quantity = taxonomy.quantities.find(quantity).unwrap();
        let limits = taxonomy.quantities.limits(quantity, taxonomy.sectors.find(sector).unwrap());
        let found: Vec<(Side, f64, Level, f64)> = limits
            .iter()
            .map(|limit| {
                let back = if limit.side.is_high() { -limit.deadband } else { limit.deadband };
                (limit.side, limit.set_point, limit.level, limit.set_point + back)
            })
            .collect();
        assert_eq!(&found, expected, "{sector}");
    }
}

#[test]
fn what_no_standard_fixes_says_so() {
    let taxonomy = Taxonomy::shipped();
    for quantity in taxonomy.quantities.iter() {
        for sector in taxonomy.sectors.iter() {
            for limit in taxonomy.quantities.limits(quantity, sector) {
                let says_so = limit.source.contains("按设计调整") || limit.source.contains("调整");
                assert_eq!(limit.basis == Basis::Design, says_so, "{limit:?}");
            }
        }
    }
}

/// `from>to`, by grade: the transitions of the contract, and ones that it forbids.
#[test]
fn hazards_and_items_follow_the_stages_of_the_contract() {
    let kinds = Taxonomy::shipped().kinds;
    let cases: &[(&str, Option<Grade>, &str, &str)] = &[
        (
            "hazard",
            Some(Grade::General),
            ">found >registered found>closed submitted>closed found>void",
            ">closed closed>closed closed>void void>found",
        ),
        (
            "hazard",
            Some(Grade::Major),
            "found>listed submitted>accepted accepted>closed returned>submitted closed>rechecked closed>rebounded rebounded>rectifying found>void",
            "found>closed submitted>closed rebounded>closed closed>void",
        ),
        (
            "hazard",
            None,
            "rebounded>closed rechecked>rebounded listed>listed extended>extended",
            "found>accepted",
        ),
        (
            "order_supervision",
            None,
            ">issued issued>received received>feedback feedback>closed feedback>returned returned>feedback received>extended extended>feedback",
            ">received issued>closed closed>issued",
        ),
        (
            "issue",
            None,
            ">reported reported>dispatched dispatched>handled handled>fed_back fed_back>closed dispatched>escalated",
            "reported>closed",
        ),
        ("hotspot", None, ">detected detected>fed_back", ">fed_back"),
        ("callout", None, ">sent sent>acknowledged", ">acknowledged"),
        (
            "confined_space",
            None,
            ">permitted permitted>ventilated ventilated>tested tested>entered entered>retested retested>retested retested>exited exited>closed",
            "permitted>entered ventilated>entered exited>entered entered>closed",
        ),
        (
            "hot_work",
            None,
            ">permitted permitted>started started>stopped stopped>closed",
            ">started started>closed",
        ),
        ("task", None, ">planned planned>done", ">done"),
        ("accident", None, ">reported reported>closed", "closed>reported"),
    ];
    for (code, grade, allowed, forbidden) in cases {
        let kind = kinds.get(kinds.find(code).unwrap());
        for (steps, expected) in [(allowed, true), (forbidden, false)] {
            for step in steps.split(' ') {
                let (from, to) = step.split_once('>').unwrap();
                let from = (!from.is_empty()).then(|| kind.stage(from).unwrap());
                assert_eq!(
                    kind.may_follow(from, kind.stage(to).unwrap(), *grade),
                    expected,
                    "{code} {step} {grade:?}"
                );
            }
        }
    }
    assert_eq!(kinds.find("hazard"), Some(Kinds::HAZARD));
}

#[test]
fn deadlines_differ_by_grade_and_a_fire_hotspot_has_one_hour() {
    let kinds = Taxonomy::shipped().kinds;
    let deadline = |kind: &str, stage: &str, grade| {
        let kind = kinds.get(kinds.find(kind).unwrap());
        kind.get(kind.stage(stage).unwrap()).deadline_ms(grade).map(|ms| ms / 60_000)
    };
    assert_eq!(deadline("hotspot", "detected", None), Some(60));
    assert_eq!(deadline("confined_space", "tested", None), Some(30));
    assert_eq!(deadline("hazard", "found", Some(Grade::General)), Some(15 * 24 * 60));
    assert_eq!(deadline("hazard", "found", Some(Grade::Major)), Some(3 * 24 * 60));
    assert_eq!(deadline("hazard", "submitted", Some(Grade::Major)), Some(10 * 24 * 60));
    assert_eq!(deadline("hazard", "closed", Some(Grade::Major)), None);
}
