//! Sensors' limits while the process runs: the file of quantities is looked at by its content, as the rules are. Limits that
//! are valid are taken over by every worker; anything else that changed needs a restart, and is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::found::Found;
use super::pipeline::{self, Pipeline};
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
            dir,
            seen: pipeline.limits_text.clone(),
            taxonomy: Arc::clone(&pipeline.taxonomy),
        });
        (Found::new(Arc::clone(&pipeline.taxonomy)), file)
    }

    /// Looks again and again until told to stop.
    pub fn watch(mut self, found: &Found<Taxonomy>, observer: &Observer, stopping: &Stopping) {
        found.keep(stopping, || self.look(observer));
    }

    /// Looks once; returns the taxonomy with other limits than before, if there are any and nothing is wrong with them.
    fn look(&mut self, observer: &Observer) -> Option<Arc<Taxonomy>> {
        let text = read_text(&self.dir);
        if text == self.seen {
            return None;
        }
        self.seen = text;
        let name = path(&self.dir).display().to_string();
        match self.read() {
            Ok(taxonomy) => {
                let hash = pipeline::taxonomy_hash(&taxonomy);
                observer.rules().limits_taken(&hash);
                if hash == pipeline::taxonomy_hash(&self.taxonomy) {
                    tracing::info!(file = name, "the file was changed, the limits were not");
                    return None;
                }
                tracing::info!(
                    file = name,
                    "other limits were found, and are in force from the next commit on"
                );
                self.taxonomy = Arc::new(taxonomy);
                Some(Arc::clone(&self.taxonomy))
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

/// The text of the file in a taxonomy's folder.
pub(super) fn read_text(dir: &Path) -> Result<String, Vec<String>> {
    let file = path(dir);
    std::fs::read_to_string(&file)
        .map_err(|error| vec![format!("{}: cannot be read: {error}", file.display())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;
    use crate::taxonomy::{FILES, SHIPPED};

    fn shipped_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES.iter().zip(SHIPPED) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn changed_limits_are_taken_and_whatever_else_is_refused_until_the_file_is_mended() {
        let folder = shipped_folder();
        let shipped = read_text(folder.path()).unwrap();
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
            assert_eq!(observer.metric("hazstream_limits_last_reload_successful"), 0.0);
        }
        assert_eq!(observer.metric("hazstream_limits_reloads_total{result=\"refused\"}"), 4.0);

        write(&format!("# mended\n{shipped}"));
        assert!(file.look(&observer).is_none(), "the same limits");
        assert_eq!(observer.metric("hazstream_limits_last_reload_successful"), 1.0);
        write(&shipped.replacen("set_point: 25,", "set_point: 20,", 1));
        let taken = file.look(&observer).expect("another limit");
        assert_ne!(taken.hash(), pipeline.taxonomy.hash());
        assert_eq!(observer.metric("hazstream_limits_reloads_total{result=\"taken\"}"), 2.0);
        assert!(file.look(&observer).is_none(), "they are in force");
        let config = format!("taxonomy=\"{}\"", pipeline::taxonomy_hash(&taken));
        assert!(observer.metrics_text().unwrap().contains(&config));
    }

    #[test]
    fn limits_that_change_while_topics_are_waited_for_are_found() {
        let folder = shipped_folder();
        let settings = Settings { taxonomy_dir: Some(folder.path().to_owned()), ..Settings::default() };
        let pipeline = Pipeline::read(&settings).unwrap();
        let observer = Observer::new(&settings, &pipeline.taxonomy, EventTime::from_ms(1_000));
        let shipped = read_text(folder.path()).unwrap();
        std::fs::write(path(folder.path()), shipped.replacen("set_point: 25,", "set_point: 20,", 1)).unwrap();
        let (_, file) = LimitsFile::of(&settings, &pipeline);
        assert!(file.unwrap().look(&observer).is_some());
    }
}
