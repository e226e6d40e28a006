//! `hazstream check`: settings, taxonomy and rules, without touching Kafka.

use super::exit::Stop;
use super::pipeline::Pipeline;
use super::{Context, print};
use crate::config::{Settings, duration_text};
use crate::kafka;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Say nothing when all is well
    #[arg(long, short)]
    quiet: bool,
}

/// Names every mistake at once; none: says what the settings amount to.
///
/// # Errors
/// Every mistake, with exit code 2.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let draft = context.draft();
    let mut problems: Vec<String> = draft.problems().iter().map(ToString::to_string).collect();
    problems.extend(kafka::check_properties(&draft.settings.kafka).err().into_iter().flatten());
    // A setting that is wrong does not hide mistakes in the files that the right ones name.
    match Pipeline::read(&draft.settings) {
        Ok(pipeline) if problems.is_empty() => {
            if !args.quiet {
                print::out(summary(&draft.settings, &pipeline));
            }
            Ok(())
        }
        Ok(_) => Err(problems.into()),
        Err(more) => {
            problems.extend(more);
            Err(problems.into())
        }
    }
}

fn summary(settings: &Settings, pipeline: &Pipeline) -> String {
    let windows: Vec<String> =
        settings.windows.iter().map(|w| format!("{} every {}", w.name, duration_text(w.slide_ms))).collect();
    let inputs: Vec<&str> = settings.kafka.inputs.iter().map(|input| input.name()).collect();
    let taxonomy = &pipeline.taxonomy;
    format!(
        "settings: group {} at {}, inputs {}\nwindows:  {}\ntaxonomy: {} regions, {} sectors, {} quantities, {} kinds, {} \
         measures\nrules:    {}\nall is well",
        settings.kafka.group,
        settings.kafka.bootstrap_servers,
        inputs.join(", "),
        windows.join(", "),
        taxonomy.regions.len(),
        taxonomy.sectors.len(),
        taxonomy.quantities.len(),
        taxonomy.kinds.len(),
        taxonomy.measures.len(),
        pipeline.assess.rules.len(),
    )
}
