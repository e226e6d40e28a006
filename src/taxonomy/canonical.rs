//! A taxonomy as one plain text, the same for the same meaning: what its hash is taken of.

use std::fmt::Write;

use super::Taxonomy;
use super::quantities::Limit;

/// The same text without the limits.
pub(super) fn text_without_limits(taxonomy: &Taxonomy) -> String {
    text(taxonomy)
        .lines()
        .filter(|line| !line.starts_with("limit\t"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// One line for each fact, fields between tabs, in the order of the files.
pub(super) fn text(taxonomy: &Taxonomy) -> String {
    let mut out = String::new();
    let mut line = |fields: &[&str]| {
        out.push_str(&fields.join("\t"));
        out.push('\n');
    };
    let regions = &taxonomy.regions;
    for id in regions.iter() {
        let region = regions.region(id);
        line(&["region", &region.code, region.level.code(), &region.name_zh, &region.name_en]);
        for chain in &region.chains {
            let codes: Vec<&str> = chain.ancestors.iter().map(|id| regions.code(*id)).collect();
            line(&["until", &chain.until.ms.to_string(), &codes.join(" ")]);
        }
    }
    let sectors = &taxonomy.sectors;
    for id in sectors.iter() {
        let above: Vec<&str> = sectors.ancestors(id).iter().map(|id| sectors.code(*id)).collect();
        line(&["sector", &above.join(" "), sectors.name_zh(id), sectors.name_en(id)]);
    }
    for id in taxonomy.quantities.iter() {
        let quantity = taxonomy.quantities.get(id);
        let silent = quantity.no_data_after_ms.to_string();
        line(&["quantity", &quantity.code, &quantity.unit, &quantity.name_zh, &quantity.name_en, &silent]);
        for sector in sectors.iter() {
            for limit in taxonomy.quantities.limits(id, sector) {
                line(&["limit", sectors.code(sector), &limit_text(limit)]);
            }
        }
    }
    for id in taxonomy.clauses.iter() {
        let clause = taxonomy.clauses.get(id);
        let sector = sectors.code(clause.sector);
        line(&[
            "clause",
            &clause.code,
            &clause.name_zh,
            &clause.name_en,
            sector,
            &clause.source,
            clause.basis.code(),
        ]);
    }
    for kind in taxonomy.kinds.iter().map(|id| taxonomy.kinds.get(id)) {
        line(&["kind", &kind.code, &kind.name_zh, &kind.name_en]);
        for stage in &kind.stages {
            let rest = format!(
                "{:?} {:?} {} {} {:x} {:x}",
                stage.deadline_ms,
                stage.deadline_major_ms,
                stage.terminal,
                stage.start,
                stage.after,
                stage.after_major
            );
            line(&["stage", &stage.code, &stage.name_zh, &stage.name_en, &rest]);
        }
    }
    for id in taxonomy.measures.iter() {
        let measure = taxonomy.measures.measure(id);
        let when = measure.filter.as_ref().map_or("", |filter| filter.text());
        let from = measure.source.code();
        line(&["measure", &measure.code, &measure.name_zh, &measure.name_en, from, when]);
    }
    out
}

fn limit_text(limit: &Limit) -> String {
    let mut out = String::new();
    write!(
        out,
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        limit.side.code(),
        limit.set_point,
        limit.level.code(),
        limit.deadband,
        limit.on_delay_ms,
        limit.off_delay_ms,
        limit.source,
        limit.basis.code()
    )
    .expect("a String takes every write");
    out
}
