//! A training run from options and rows to a finished run: what `edgevae train` does, without a terminal.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::checkpoint::RunCheckpoint;
use super::error::RunError;
use super::finished::Run;
use super::origin::Source;
use super::rows::{self, Loaded};
use super::stream::{RowProgress, Streamed};
use super::{Fitted, TrainError, auto};
use crate::base::memory;
use crate::base::numbers::significant;
use crate::fit::vae::Shape;
use crate::fit::{Checkpoint, Checkpoints, EpochRecord, FitError};
use crate::options::{Config, Options, Preset, SplitBy};
use crate::quantize;
use crate::table::{Dataset, Rows, Table};

/// What a run tells while it works.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A decision that the user should know.
    Note(&'a str),
    /// What is probably a mistake.
    Warning(&'a str),
    /// The data are known: so many networks are fitted, each for at most so many epochs.
    Planned {
        /// Networks, one after the other.
        networks: usize,
        /// Epochs of each.
        epochs: usize,
    },
    /// The fit continues from a checkpoint: so many networks are complete, and so many epochs of the next.
    Resumed {
        /// Complete networks.
        networks: usize,
        /// Epochs of the next one.
        epochs: usize,
    },
    /// Progress within the files of a stream.
    Rows(RowProgress),
}

type OnEpoch<'a> = Box<dyn FnMut(&EpochRecord) -> ControlFlow<()> + 'a>;
type OnEvent<'a> = Box<dyn FnMut(Event<'_>) + Send + 'a>;

/// Where checkpoints are written.
struct Saving {
    every: usize,
    path: PathBuf,
    out: PathBuf,
}

/// Trains models: options in, a finished [`Run`] out.
///
/// # Examples
/// ```
/// use edgevae_trainer::{Options, Table, Trainer};
///
/// let options = Options::default().synth("rows=400,features=4").hidden([8]).latent(2usize).epochs(3usize);
/// let run = Trainer::new(options).fit(&Table::reference())?;
/// assert!(run.quality().roc_auc.is_some());
/// # Ok::<(), edgevae_trainer::run::RunError>(())
/// ```
pub struct Trainer<'a> {
    options: Config,
    compare: bool,
    saving: Option<Saving>,
    from: Option<(Checkpoint, PathBuf)>,
    on_epoch: OnEpoch<'a>,
    on_event: OnEvent<'a>,
}

impl<'a> Trainer<'a> {
    /// A trainer with these options; what is not given has its default.
    pub fn new(options: Config) -> Self {
        Self {
            options,
            compare: false,
            saving: None,
            from: None,
            on_epoch: Box::new(|_| ControlFlow::Continue(())),
            on_event: Box::new(|_| ()),
        }
    }

    /// Calls `each` after every epoch; `ControlFlow::Break` ends the fit, which keeps the weights of that epoch.
    pub fn on_epoch(mut self, each: impl FnMut(&EpochRecord) -> ControlFlow<()> + 'a) -> Self {
        self.on_epoch = Box::new(each);
        self
    }

    /// Calls `each` with every [`Event`].
    pub fn on_event(mut self, each: impl FnMut(Event<'_>) + Send + 'a) -> Self {
        self.on_event = Box::new(each);
        self
    }

    /// Whether other scores and detectors without a network are compared on the test rows; they are not by default.
    pub fn compare(mut self, compare: bool) -> Self {
        self.compare = compare;
        self
    }

    /// Writes the state of the fit to `path` every so many epochs; `out` is the folder of results that it belongs to.
    pub fn save_every(mut self, epochs: usize, path: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        self.saving = (epochs > 0).then(|| Saving { every: epochs, path: path.into(), out: out.into() });
        self
    }

    /// Continues the fit of a checkpoint, which was read from `path`; the options must be those of the checkpoint.
    pub fn resume(mut self, checkpoint: Checkpoint, path: impl Into<PathBuf>) -> Self {
        self.from = Some((checkpoint, path.into()));
        self
    }

    /// Prepares the rows, fits, calibrates and exports a model.
    ///
    /// # Errors
    /// [`RunError`]: an option outside its range, rows that cannot be read, or a fit that fails.
    pub fn fit(self, table: &Table) -> Result<Run, RunError> {
        let Self { options, compare, saving, from, mut on_epoch, on_event } = self;
        let given = with_roles(options, table);
        let (mut config, asked) = settled(&given)?;
        let on_event = Mutex::new(on_event);
        let tell = |event: Event<'_>| on_event.lock().unwrap_or_else(PoisonError::into_inner)(event);
        let mut on_rows = |progress| tell(Event::Rows(progress));
        let (loaded, streamed) = rows::open(&config, &table.rows, &asked, &mut on_rows)?;
        if matches!(table.rows, Rows::Files(_)) {
            // A run that continues from a checkpoint takes the rows as this one did, whatever memory is free then.
            config.stream = Some(streamed.is_some());
        }
        let Loaded { dataset, source, warnings } = loaded;
        warnings.iter().for_each(|warning| tell(Event::Warning(warning)));
        let options = planned(&given, &asked, &dataset, &source, &tell)?;
        let fitted = fit(
            Job { config: &config, options: &options, dataset: &dataset, source: &source },
            streamed,
            saving,
            from,
            &tell,
            &mut on_epoch,
        )?;
        let outcome = fitted.outcome(&config, &options, &source, compare)?;
        drop(fitted);
        Ok(Run::new(dataset, source, config, options, outcome))
    }
}

/// The options with the columns that the table names.
fn with_roles(mut options: Config, table: &Table) -> Config {
    options.label = options.label.or_else(|| table.label.clone());
    options.time = options.time.or_else(|| table.time.clone());
    options.split = options.split.or_else(|| table.group.clone().map(SplitBy::Group));
    match &table.rows {
        Rows::Files(paths) if options.data.is_none() => options.data = Some(paths.clone()),
        Rows::Memory(_) if options.preset.is_none() => options.preset = Some(options.preset_for_data()),
        _ => {}
    }
    options
}

/// The config that repeats the run, and its options.
fn settled(given: &Config) -> Result<(Config, Options), RunError> {
    given.validate()?;
    let config = given.resolved();
    let options = config.options();
    if config.quantize == Some(true) {
        if options.preset != Preset::Reference {
            return Err(RunError::request(
                "--quantize needs --preset reference: the scores that --preset auto chooses among, and its clip, have no integer form",
            ));
        }
        quantize::check(&options.heads(), options.clip.unwrap_or(f32::INFINITY)).map_err(RunError::Quantize)?;
    }
    Ok((config, options))
}

/// The options of the fit, now that the data are known, with what was decided.
fn planned(
    given: &Config,
    asked: &Options,
    dataset: &Dataset,
    source: &Source,
    tell: &dyn Fn(Event<'_>),
) -> Result<Options, RunError> {
    tell(Event::Note(&source.sentence(dataset)));
    source.input().iter().flat_map(|input| &input.notes).for_each(|note| tell(Event::Note(note)));
    let (section, quantize) = (source.section_len(), given.quantize == Some(true));
    if quantize && section > 0 {
        return Err(RunError::request(
            "--quantize takes columns of numbers: an encoder for raw rows (categories, missing values or windows) has no int8 form",
        ));
    }
    if let Some(flags) = given.flags_for_reference() {
        let widths: Vec<String> = asked.hidden.iter().map(usize::to_string).collect();
        let rest = if quantize { "" } else { "; --preset auto beside it chooses the rest" };
        tell(Event::Note(&format!(
            "preset reference, because of {flags}: network {}-{}-{}, score {}{rest}",
            dataset.names.len(),
            widths.join("-"),
            asked.latent,
            asked.score.name()
        )));
    }
    let (options, chosen) = auto::plan(asked, dataset, source.missing(), section);
    if let Some(chosen) = chosen {
        let sampled = if source.is_streamed() { "; its rows are a random sample of the files" } else { "" };
        tell(Event::Note(&format!("{chosen}{sampled}")));
    }
    let shape = Shape {
        inputs: dataset.names.len(),
        hidden: options.hidden.clone(),
        latent: options.latent,
        likelihood: options.likelihood,
    };
    if let Some(problem) = too_large(&shape, memory::available()) {
        return Err(RunError::Request(problem));
    }
    let networks = options.members * if options.trim > 0.0 { 2 } else { 1 };
    tell(Event::Planned { networks, epochs: options.epochs });
    Ok(options)
}

/// Why a network cannot be trained in the memory that is free: weights, gradients and the two moments of Adam, and the
/// covariance of the latents that a head is fitted to.
fn too_large(shape: &Shape, available: Option<u64>) -> Option<String> {
    let numbers = 4 * 4 * shape.parameters() as u64 + 2 * 8 * (shape.latent as u64).pow(2);
    let available = available.filter(|available| numbers > *available)?;
    let gibibytes = |bytes: u64| significant(bytes as f64 / f64::from(1 << 30), 2);
    let widths: Vec<String> = shape.hidden.iter().map(usize::to_string).collect();
    Some(format!(
        "--hidden {} --latent {}: training takes about {} GiB of memory, and {} GiB are free; expected a narrower network",
        widths.join(","),
        shape.latent,
        gibibytes(numbers),
        gibibytes(available)
    ))
}

/// What a fit needs.
struct Job<'d> {
    config: &'d Config,
    options: &'d Options,
    dataset: &'d Dataset,
    source: &'d Source,
}

/// Fits the network, with checkpoints on the way.
fn fit<'d>(
    job: Job<'d>,
    streamed: Option<Streamed>,
    saving: Option<Saving>,
    from: Option<(Checkpoint, PathBuf)>,
    tell: &(dyn Fn(Event<'_>) + Sync),
    on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<Fitted<'d>, RunError> {
    let Job { config, options, dataset, source } = job;
    let every = saving.as_ref().map_or(0, |saving| saving.every);
    let save = |fit: &Checkpoint| match &saving {
        None => Ok(()),
        Some(Saving { every, path, out }) => {
            let run = RunCheckpoint { config: config.clone(), out: out.clone(), every: *every, fit: fit.clone() };
            run.write(path).map_err(|error| {
                let kept = if path.exists() { "the checkpoint before it is kept" } else { "there is none yet" };
                format!("{error}; {kept}, the run stops after epoch {}", fit.epochs())
            })
        }
    };
    let (from, resume) = from.unzip();
    if let Some(checkpoint) = &from {
        tell(Event::Resumed { networks: checkpoint.networks(), epochs: checkpoint.epochs() });
    }
    let checkpoints = Checkpoints::new(from, every, save);
    let fitted = match streamed {
        Some(streamed) => {
            let on_rows = &mut |progress| tell(Event::Rows(progress));
            streamed.fit(checkpoints, dataset, source.missing(), options, on_rows, on_epoch)
        }
        None => Fitted::new_from(checkpoints, dataset, source.missing(), options, on_epoch),
    };
    fitted.map_err(|error| match (&error, resume) {
        // It names the file that could not be written.
        (TrainError::Fit(FitError::Checkpoint(_)), _) => RunError::Train(error),
        (TrainError::Fit(FitError::OtherRun), Some(path)) => {
            RunError::of(format!("{} with {}", path.display(), source.name()), error)
        }
        (TrainError::Fit(FitError::DamagedCheckpoint { .. }), Some(path)) => {
            RunError::of(path.display().to_string(), error)
        }
        _ => RunError::of(source.name(), error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Likelihood;

    #[test]
    fn a_network_beyond_the_memory_is_refused_before_it_is_made() {
        let shape = |latent| Shape { inputs: 4, hidden: vec![64, 32], latent, likelihood: Likelihood::Mse };
        assert_eq!(too_large(&shape(8), Some(1 << 20)), None);
        assert_eq!(too_large(&shape(65_535), None), None, "nobody knows");
        let problem = too_large(&shape(65_535), Some(16 << 30)).unwrap();
        assert!(
            problem.contains("--latent 65535: training takes about 64 GiB of memory, and 16 GiB are free"),
            "{problem}"
        );
    }
}
