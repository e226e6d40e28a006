//! `hazstream import`: real records, in the columns of whoever kept them, as events on standard output.

mod mine;

use std::io::Write;
use std::path::PathBuf;

use super::exit::{Exit, Stop};
use super::pipeline::Pipeline;
use super::{Context, print};
use crate::config::duration_ms;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    record: Record,
}

/// The records that can be read.
#[derive(Debug, clap::Subcommand)]
enum Record {
    /// Violations that mine inspectors cited (columns of the US MSHA record), one row each
    MineViolations(MineArgs),
}

/// How a mine's record becomes events. The mapping, in full:
///
/// - A row is a violation, and a violation is one hazard found. Hazards written on one day at one mine are one inspection.
/// - The day is `iss_dt`, on which the violation was written down, not `violation_occur_dt`: a citation written after an
///   accident about a day before it could have warned nobody.
/// - A hazard is major where an injury was at least reasonably likely (`Reasonably`, `Highly`, `Occurred`) and would have
///   been lasting or deadly (`Permanent`, `Fatal`): a major accident hazard is one that kills or maims, and soon. Negligence
///   says who is to blame, not how dangerous it is; it goes into the description.
/// - The record does not say when a hazard was mended: each is closed a fixed term after it was found.
/// - Each mine is an enterprise of its own, in a town of its own, in the order of its first row.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct MineArgs {
    /// The record, CSV with a head line
    file: PathBuf,
    /// Town of the first mine; others get the towns that follow it in the taxonomy
    #[arg(long, value_name = "CODE", default_value = "330681119")]
    region: String,
    /// The sector of all of them
    #[arg(long, value_name = "CODE", default_value = "mining")]
    sector: String,
    /// After how long a hazard counts as mended
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = term)]
    closed_after: i64,
}

fn term(text: &str) -> Result<i64, String> {
    duration_ms(text).map_err(|_| "write a number and a unit: 30d".to_owned())
}

/// Runs it.
///
/// # Errors
/// With every unreadable row at once; nothing is written then.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let Record::MineViolations(mine) = &args.record;
    let settings = context.settings()?;
    let taxonomy = Pipeline::read(&settings)?.taxonomy;
    let text = std::fs::read_to_string(&mine.file)
        .map_err(|error| Stop::new(Exit::Other, format!("{}: {error}", mine.file.display())))?;
    let name = mine.file.display().to_string();
    let rows = mine::read(&name, &text).map_err(|problems| Stop::new(Exit::Other, problems.join("\n")))?;
    let mapping = mine::Mapping {
        region: &mine.region,
        sector: &mine.sector,
        closed_after_ms: mine.closed_after,
        zone: &settings.time.zone,
        topic: settings.kafka.topic(crate::log::Topic::Input(crate::log::Input::Inspections)),
    };
    let events = mine::events(&rows, &mapping, &taxonomy)
        .map_err(|problem| Stop::new(Exit::BadConfiguration, problem))?;
    let mut out = print::bulk();
    for event in &events {
        if !print::read_on(writeln!(out, "{event}"))? {
            return Ok(());
        }
    }
    print::read_on(out.flush())?;
    print::err(mine::summary(&rows, events.len()));
    Ok(())
}
