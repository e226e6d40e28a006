//! Digits → region, and region → ancestors by date.

use proptest::prelude::*;

use crate::event::EventTime;
use crate::taxonomy::{RegionLevel, Regions, Taxonomy, region_rows};

fn day(text: &str) -> EventTime {
    EventTime::from_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn chain(regions: &Regions, code: &str, at: EventTime) -> String {
    let codes: Vec<&str> =
        regions.ancestors(regions.find(code), at).iter().map(|id| regions.code(*id)).collect();
    codes.join(" ")
}

#[test]
fn unknown_region_falls_to_its_longest_known_prefix() {
    let regions = Taxonomy::shipped().regions;
    let cases = [
        ("330604104", "330604104"),
        ("330604104201", "330604104"),
        ("330604104201999", "330604104"),
        ("330604999", "330604"),
        ("330604999201", "330604"),
        ("330604", "330604"),
        ("330604000000", "330604"),
        ("330699", "330600"),
        ("330699001", "330600"),
        ("330600", "330600"),
        ("330600000000", "330600"),
        ("3306", "330600"),
        ("33060", "330600"),
        ("33060410", "330604"),
        ("330700", "unknown"),
        ("110101001", "unknown"),
        ("330", "unknown"),
        ("", "unknown"),
        ("unknown", "unknown"),
        ("33060410x", "unknown"),
        ("330604104 ", "unknown"),
        ("３３０６０４", "unknown"),
    ];
    for (code, expected) in cases {
        assert_eq!(regions.code(regions.find(code)), expected, "{code}");
    }
    assert_eq!(chain(&regions, "330604104201", EventTime::from_ms(0)), "330604104 330604 330600");
    assert_eq!(chain(&regions, "999999", EventTime::MIN), "unknown");
    assert_eq!(regions.by_code("330604104"), Some(regions.find("330604104")));
    assert_eq!(regions.by_code("unknown"), Some(Regions::UNKNOWN));
    assert_eq!(regions.by_code("330604104201"), None);
}

#[test]
fn names_are_given_in_both_languages() {
    let regions = Taxonomy::shipped().regions;
    let cases = [
        ("330600", "绍兴市", "Shaoxing City"),
        ("330604", "上虞区", "Shangyu District"),
        ("330602007", "迪荡街道", "Didang Subdistrict"),
        ("330681104", "店口镇", "Diankou Town"),
        ("330624201", "东茗乡", "Dongming Township"),
        ("330624110", "儒岙镇", "Ru'ao Town"),
        ("330604104", "章镇镇", "Zhangzhen Town"),
    ];
    for (code, zh, en) in cases {
        let id = regions.by_code(code).unwrap();
        assert_eq!((regions.name_zh(id), regions.name_en(id)), (zh, en));
    }
    for id in regions.iter() {
        let kind = match regions.level(id) {
            RegionLevel::Town if regions.name_zh(id).ends_with("街道") => "Subdistrict",
            RegionLevel::Town if regions.name_zh(id).ends_with('镇') => "Town",
            RegionLevel::Town => "Township",
            _ => continue,
        };
        assert!(regions.name_en(id).ends_with(&format!(" {kind}")), "{}", regions.name_en(id));
    }
}

#[test]
fn a_town_that_moves_between_counties_rolls_up_by_the_date_of_the_event() {
    let regions = region_rows::read(
        "f",
        "code,level,parent,name_zh,name_en,from,to\n\
         330600,city,,绍兴市,Shaoxing City,,\n\
         330602,county,330600,越城区,Yuecheng District,,\n\
         330604,county,330600,上虞区,Shangyu District,,\n\
         330604008,town,330604,旧名镇,Old Town,2015-01-01,2021-05-01\n\
         330604008,town,330602,新名街道,New Subdistrict,2021-05-01,\n",
    )
    .unwrap();
    let cases = [
        ("2021-04-30T23:59:59.999+08:00", "330604008 330604 330600"),
        ("2021-05-01T00:00:00+08:00", "330604008 330602 330600"),
        ("2026-01-01T00:00:00+08:00", "330604008 330602 330600"),
        // Before its first date nothing else is known of it than its first parent.
        ("1999-01-01T00:00:00+08:00", "330604008 330604 330600"),
    ];
    for (at, expected) in cases {
        assert_eq!(chain(&regions, "330604008001", day(at)), expected, "{at}");
    }
    let id = regions.find("330604008");
    assert_eq!((regions.name_zh(id), regions.name_en(id)), ("新名街道", "New Subdistrict"));
}

#[test]
fn a_county_that_moves_takes_its_towns_along() {
    let regions = region_rows::read(
        "f",
        "code,level,parent,name_zh,name_en,from,to\n\
         330600,city,,甲市,A City,,\n\
         330700,city,,乙市,B City,,\n\
         330602,county,330600,丙区,C District,,2020-01-01\n\
         330602,county,330700,丙区,C District,2020-01-01,\n\
         330602001,town,330602,丁镇,D Town,,2018-01-01\n\
         330602001,town,330602,戊镇,E Town,2018-01-01,\n",
    )
    .unwrap();
    assert_eq!(chain(&regions, "330602001", day("2019-12-31T23:00:00+08:00")), "330602001 330602 330600");
    assert_eq!(chain(&regions, "330602001", day("2020-01-01T00:00:00+08:00")), "330602001 330602 330700");
}

/// The longest listed code that the digits begin with, found by trying them all.
fn oracle<'r>(listed: &'r [String], code: &str) -> &'r str {
    let digits = code.len() >= 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    let key = |code: &'r str| code.strip_suffix("00").filter(|_| code.len() == 6).unwrap_or(code);
    listed
        .iter()
        .map(String::as_str)
        .filter(|known| digits && code.starts_with(key(known)))
        .max_by_key(|known| key(known).len())
        .unwrap_or("unknown")
}

proptest! {
    #[test]
    fn find_is_the_longest_listed_prefix(
        // Few digits, so that codes collide and nest.
        cities in prop::collection::btree_set("[1-2]{4}", 1..4),
        counties in prop::collection::btree_set("[0-1][1-2]", 0..4),
        towns in prop::collection::btree_set("[0-1]{2}[1-2]", 0..4),
        codes in prop::collection::vec("[0-2]{0,15}|[1-2]{4}[0-1][1-2][0-1]{2}[1-2]([0-2]{0,6})|[0-9a]{9}", 1..40),
    ) {
        let mut text = "code,level,parent,name_zh,name_en\n".to_owned();
        let mut listed = Vec::new();
        for (index, city) in cities.iter().enumerate() {
            text += &format!("{city}00,city,,a,A\n");
            listed.push(format!("{city}00"));
            // Every other city has no counties.
            for county in counties.iter().filter(|_| index % 2 == 0) {
                text += &format!("{city}{county},county,{city}00,a,A\n");
                listed.push(format!("{city}{county}"));
                for town in &towns {
                    text += &format!("{city}{county}{town},town,{city}{county},a,A\n");
                    listed.push(format!("{city}{county}{town}"));
                }
            }
        }
        let regions = region_rows::read("f", &text).unwrap();
        for code in &codes {
            prop_assert_eq!(regions.code(regions.find(code)), oracle(&listed, code), "{}", code);
        }
        for code in &listed {
            prop_assert_eq!(regions.code(regions.by_code(code).unwrap()), code);
        }
    }
}
