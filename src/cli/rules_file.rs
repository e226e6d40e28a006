//! The rules file while the process runs: looked at every few seconds by its content, for a mounted ConfigMap changes by a
//! link that is turned. What is valid is proposed to the workers; what is not is refused, and said.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::found::Found;
use super::pipeline::{Pipeline, read_text};
use super::stopping::Stopping;
use super::{clock, pipeline};
use crate::assess::Windows;
use crate::config::Settings;
use crate::event::EventTime;
use crate::observer::Observer;
use crate::taxonomy::Taxonomy;
use crate::worker::Proposal;

/// The file that is looked at.
pub struct RulesFile {
    path: PathBuf,
    taxonomy: Arc<Taxonomy>,
    windows: Windows,
    /// What was read last: the text, or why there is none.
    seen: Result<String, Vec<String>>,
    hash: String,
}

impl RulesFile {
    /// The rules that the process is started with, and the file that they came from; shipped rules have none.
    pub fn of(settings: &Settings, pipeline: &Pipeline) -> (Found<Proposal>, Option<RulesFile>) {
        let since = settings.rules_file.as_deref().and_then(written).unwrap_or_else(clock::now);
        let proposal = Proposal::new(pipeline.assess.rules.clone(), since);
        let file = settings.rules_file.clone().map(|path| RulesFile {
            path,
            taxonomy: Arc::clone(&pipeline.taxonomy),
            windows: pipeline.assess.windows.clone(),
            seen: Ok(pipeline.rules_text.clone()),
            hash: proposal.hash().to_owned(),
        });
        (Found::new(Arc::new(proposal)), file)
    }

    /// Looks again and again until told to stop.
    pub fn watch(mut self, found: &Found<Proposal>, observer: &Observer, stopping: &Stopping) {
        found.keep(stopping, || self.look(clock::now(), observer).map(Arc::new));
    }

    /// Looks once; returns other rules than before, if there are any and they have no mistake.
    fn look(&mut self, now: EventTime, observer: &Observer) -> Option<Proposal> {
        let text = read_text(&self.path);
        if text == self.seen {
            return None;
        }
        self.seen = text;
        let name = self.path.display().to_string();
        let rules = match &self.seen {
            Ok(text) => pipeline::read_rules(&name, text, &self.taxonomy, &self.windows),
            Err(problems) => Err(problems.clone()),
        };
        match rules {
            Ok(rules) => {
                let proposal = Proposal::new(rules, now);
                observer.rules().taken(proposal.hash());
                if proposal.hash() == self.hash {
                    tracing::info!(file = name, "the rules file was changed, its rules were not");
                    return None;
                }
                tracing::info!(
                    file = name,
                    rules = proposal.hash(),
                    before = self.hash,
                    "other rules were found"
                );
                proposal.hash().clone_into(&mut self.hash);
                Some(proposal)
            }
            Err(problems) => {
                observer.rules().refused();
                let problems = problems.join("; ");
                tracing::error!(file = name, "the rules are refused, those before stay in force: {problems}");
                None
            }
        }
    }
}

/// When the file was written.
fn written(path: &Path) -> Option<EventTime> {
    let modified = std::fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(EventTime::from_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "rules:\n  - {name: a, level_at_least: red, summary: s, summary_zh: s}\n";

    #[test]
    fn broken_rules_are_refused_and_those_before_stay_until_the_file_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(RULE);
        let settings = Settings { rules_file: Some(path.clone()), ..Settings::default() };
        let pipeline = Pipeline::read(&settings).unwrap();
        let now = EventTime::from_ms(1_000);
        let observer = Observer::new(&settings, &pipeline.taxonomy, now);
        let (found, file) = RulesFile::of(&settings, &pipeline);
        let mut file = file.unwrap();
        assert!(found.newest().hash() == file.hash && file.look(now, &observer).is_none());

        for broken in
            [RULE.replace("red", "pink"), "rules: [".to_owned(), format!("# {}", "x".repeat(600_000))]
        {
            write(&broken);
            assert_eq!(file.look(now, &observer), None, "{}", &broken[..20]);
            assert_eq!(observer.metric("hazstream_rules_last_reload_successful"), 0.0);
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.look(now, &observer), None, "there is none");
        assert_eq!(file.look(now, &observer), None, "that was said");
        assert_eq!(observer.metric("hazstream_rules_reloads_total{result=\"refused\"}"), 4.0);

        write(&format!("# mended\n{RULE}"));
        assert_eq!(file.look(now, &observer), None, "the same rules");
        assert_eq!(observer.metric("hazstream_rules_last_reload_successful"), 1.0);
        write(&RULE.replace("red", "orange"));
        let other = file.look(now, &observer).unwrap();
        assert!(other.hash() != found.newest().hash() && file.look(now, &observer).is_none());
    }
}
