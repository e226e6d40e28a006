//! Sensors' limits while the process runs: the file of quantities is looked at by its content, as the rules are. Limits that
//! are valid are taken over by every worker; anything else that changed needs a restart, and is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::found::Found;
use super::pipeline::{self, Pipeline};
use super::rules_file::LOOK_EVERY;
use super::stopping::Stopping;
use crate::config::Settings;
use crate::observer::Observer;
use crate::taxonomy::Taxonomy;

/// The file that is looked at.
pub struct LimitsFile {
    /// The taxonomy's folder.
    dir: PathBuf,
    /// The taxonomy in force.
    taxonomy: Arc<Taxonomy>,
    /// What was read last: the text, or why there is none.
    seen: Result<String, Vec<String>>,
}

impl LimitsFile {
    /// The limits that the process is started with, and the file that they came from; shipped ones have none.
    pub fn of(settings: &Settings, pipeline: &Pipeline) -> (Found<Taxonomy>, Option<LimitsFile>) {
        let file = settings.taxonomy_dir.clone().map(|dir| LimitsFile {
            seen: read_text(&path(&dir)),
            dir,
            taxonomy: Arc::clone(&pipeline.taxonomy),
        });
        (Found::new(Arc::clone(&pipeline.taxonomy)), file)
    }

    /// Looks again and again until told to stop.
    pub fn watch(mut self, found: &Found<Taxonomy>, observer: &Observer, stopping: &Stopping) {
        while !stopping.wait(LOOK_EVERY) {
            if let Some(taxonomy) = self.look(observer) {
                found.renew(taxonomy);
                self.taxonomy = found.newest();
            }
        }
    }

    /// Looks once; returns the taxonomy with other limits than before, if there are any and nothing is wrong with them.
    fn look(&mut self, observer: &Observer) -> Option<Taxonomy> {
        let path = path(&self.dir);
        let text = read_text(&path);
        if text == self.seen {
            return None;
        }
        self.seen = text;
        let name = path.display().to_string();
        match self.read() {
            Ok(taxonomy) => {
                let (limits, before) = (taxonomy.hash(), self.taxonomy.hash());
                observer.rules().limits_taken(&pipeline::taxonomy_hash(&taxonomy));
                if limits == before {
                    tracing::info!(file = name, "the file was changed, the limits were not");
                    return None;
                }
                tracing::info!(
                    file = name,
                    "other limits were found, and are in force from the next commit on"
                );
                Some(taxonomy)
            }
            Err(problems) => {
                observer.rules().limits_refused();
                let problems = problems.join("; ");
                tracing::error!(
                    file = name,
                    "the limits are refused, those before stay in force: {problems}"
                );
                None
            }
        }
    }

    fn read(&self) -> Result<Taxonomy, Vec<String>> {
        self.seen.as_ref().map_err(Clone::clone)?;
        let taxonomy = Taxonomy::load(&self.dir).map_err(pipeline::lines)?;
        if self.taxonomy.differs_in_limits_alone(&taxonomy) {
            return Ok(taxonomy);
        }
        let what = "more than limits differs from what the process was started with: restart it, one replica after the other";
        Err(vec![what.to_owned()])
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("quantities.yaml")
}

fn read_text(file: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(file)
        .map_err(|error| vec![format!("{}: cannot be read: {error}", file.display())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;
    use crate::taxonomy::{FILES, SHIPPED};

    fn value(observer: &Observer, series: &str) -> f64 {
        let page = observer.metrics_text().unwrap();
        let found = page.lines().find_map(|line| line.strip_prefix(series));
        found.unwrap_or_else(|| panic!("no {series}")).trim().parse().unwrap()
    }

    #[test]
    fn changed_limits_are_taken_and_whatever_else_is_refused_until_the_file_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES.iter().zip(SHIPPED) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let shipped = std::fs::read_to_string(path(folder.path())).unwrap();
        let write = |text: &str| std::fs::write(path(folder.path()), text).unwrap();
        let settings = Settings { taxonomy_dir: Some(folder.path().to_owned()), ..Settings::default() };
        let pipeline = Pipeline::read(&settings).unwrap();
        let observer = Observer::new(&settings, &pipeline.taxonomy, EventTime::from_ms(1_000));
        let (found, file) = LimitsFile::of(&settings, &pipeline);
        let mut file = file.unwrap();
        assert!(Arc::ptr_eq(&found.newest(), &pipeline.taxonomy) && file.look(&observer).is_none());

        let unit = shipped.replacen("unit: \"%LEL\"", "unit: ppm", 1);
        let silence = shipped.replacen("no_data_after: 5m", "no_data_after: 9m", 1);
        for broken in [shipped.replacen("level: yellow", "level: pink", 1), unit, silence, "[".to_owned()] {
            assert_ne!(broken, shipped);
            write(&broken);
            assert!(file.look(&observer).is_none());
            assert!(file.look(&observer).is_none(), "that was said");
            assert_eq!(value(&observer, "hazstream_limits_last_reload_successful"), 0.0);
        }
        assert_eq!(value(&observer, "hazstream_limits_reloads_total{result=\"refused\"}"), 4.0);

        write(&format!("# mended\n{shipped}"));
        assert!(file.look(&observer).is_none(), "the same limits");
        assert_eq!(value(&observer, "hazstream_limits_last_reload_successful"), 1.0);
        write(&shipped.replacen("set_point: 25,", "set_point: 20,", 1));
        let taken = file.look(&observer).expect("another limit");
        assert_ne!(taken.hash(), pipeline.taxonomy.hash());
        assert_eq!(value(&observer, "hazstream_limits_reloads_total{result=\"taken\"}"), 2.0);
        let config = format!("taxonomy=\"{}\"", pipeline::taxonomy_hash(&taken));
        assert!(observer.metrics_text().unwrap().contains(&config));
    }
}
