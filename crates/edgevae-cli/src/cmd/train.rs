//! `edgevae train`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::summary::{self, Run};
use anyhow::Context as _;
use clap::Args;
use edgevae_trainer::base::memory;
use edgevae_trainer::base::output::{self, OutputDir};
use edgevae_trainer::fit::{Checkpoint, Checkpoints, EpochRecord, FitError};
use edgevae_trainer::options::config::Config;
use edgevae_trainer::options::{Options, Preset, Request, Score, SplitBy};
use edgevae_trainer::prepare::{self, Input, InputError, Prepared};
use edgevae_trainer::quantize::{self, QuantizeError, Quantized};
use edgevae_trainer::run::checkpoint::{self, RunCheckpoint};
use edgevae_trainer::run::origin::{self, Counted, Source};
use edgevae_trainer::run::stream::Streamed;
use edgevae_trainer::run::{self, Fitted, TrainError, Trained, auto, baselines};
use edgevae_trainer::table::block::Position;
use edgevae_trainer::table::error::Problem;
use edgevae_trainer::table::options::{self as read, Features, FileForm, ReadOptions};
use edgevae_trainer::table::synthetic::Synthetic;
use edgevae_trainer::table::{Dataset, paths, size};

use super::progress::Progress;
use crate::args::ConfigArgs;
use crate::terminal;

// A negative number is a wrong value and not an unknown flag.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Cmd {
    #[command(flatten)]
    config: ConfigArgs,
    /// File of options under the same names, as each run writes it; a flag wins over the file
    #[arg(long = "config", value_name = "FILE.toml")]
    config_file: Option<PathBuf>,
    /// Folder for the results [default: runs/YYYYMMDD-HHMMSS]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write into a folder that exists; start anew over the checkpoint of an interrupted run
    #[arg(long)]
    force: bool,
    /// Save the state of the fit beside the results every N epochs, as DIR.checkpoint; gone when the run is complete
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: Option<u32>,
    /// Go on with an interrupted run; its options come from the checkpoint
    #[arg(long, value_name = "DIR.checkpoint", conflicts_with_all = ["config_file", "checkpoint_every"])]
    resume: Option<PathBuf>,
    /// Nothing on the terminal but warnings and errors
    #[arg(long)]
    quiet: bool,
}

/// A run whose rows and options are known.
struct Job {
    config: Config,
    options: Options,
    dir: PathBuf,
    dataset: Dataset,
    source: Source,
    /// Epochs between two checkpoints; 0 for none.
    every: usize,
    quiet: bool,
}

/// What its fit takes.
struct Start {
    /// Where an interrupted fit goes on, and the file that says so.
    from: Option<(Checkpoint, PathBuf)>,
    /// The files, where they are read again for each epoch.
    streamed: Option<Streamed>,
    progress: Progress,
}

/// What came out.
struct Outcome {
    trained: Trained,
    compared: Vec<(Score, Trained)>,
    baselines: Vec<baselines::Outcome>,
    quantized: Option<Quantized>,
    /// Why there is no int8 form although one was asked for.
    refused: Option<QuantizeError>,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let resume = self.resume.clone();
        let (job, output, start) = self.open()?;
        let fitted = job.fit(start)?;
        let outcome = job.finish(&fitted)?;
        let run = job.describe(&outcome);
        job.write(output, &run)?;
        job.remove_checkpoints(resume.as_deref());
        for warning in &outcome.trained.warnings {
            note!("warning: {warning}");
        }
        if !job.quiet {
            terminal::print(run.console())?;
            if let Some(quantized) = &outcome.quantized {
                terminal::print(format_args!("\n{}", quantized.report))?;
            }
        }
        // The model itself is sound, and its run complete.
        match outcome.refused {
            None => Ok(()),
            Some(error) => Err(error).with_context(|| {
                format!("--quantize: {} holds the run without its int8 form: {}", job.dir.display(), job.source.name())
            }),
        }
    }

    /// Settles the options, reserves the folder and reads the rows.
    fn open(self) -> anyhow::Result<(Job, OutputDir, Start)> {
        let quiet = self.quiet;
        let resumed = self.resume.as_deref().map(|path| resumed(path, &self.config.0)).transpose()?;
        let given = match (&self.config_file, &resumed) {
            (Some(path), _) => self.config.0.or(Config::read(path)?),
            (None, Some(checkpoint)) => self.config.0.or(checkpoint.config.clone()),
            (None, None) => self.config.0,
        };
        given.validate()?;
        let mut config = given.resolved();
        let options = config.options();
        if config.quantize == Some(true) {
            anyhow::ensure!(
                options.preset == Preset::Reference,
                "--quantize needs --preset reference: the scores that --preset auto chooses among, and its clip, have no integer form"
            );
            quantize::check(&options.heads(), options.clip.unwrap_or(f32::INFINITY)).context("--quantize")?;
        }
        let dir = match (&self.out, &resumed) {
            (Some(dir), _) => dir.clone(),
            (None, Some(checkpoint)) => checkpoint.out.clone(),
            (None, None) => Path::new("runs").join(jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string()),
        };
        // `--force` into a folder of one's own must not take the rows in it.
        let paths = files(&config)?;
        let names = || summary::FILES.iter().chain(&summary::QUANTIZED_FILES).map(|(name, _)| *name);
        for name in names().map(|name| dir.join(name)) {
            let data: Vec<_> = paths.iter().flatten().map(|path| ("--data", path.as_path())).collect();
            output::refuse_inputs(&name, &data)?;
        }
        if !self.force && (self.checkpoint_every.is_some() || resumed.is_some()) {
            refuse_checkpoint(&checkpoint::path_for(&dir), self.resume.as_deref())?;
        }
        // Opened before the long work: a folder that exists or cannot be written is known at once.
        let output = OutputDir::create(&dir, self.force, names())?;
        let mut progress = Progress::new(options.epochs, quiet);
        let (dataset, source, streamed) = match paths {
            Some(paths) if wants_stream(&config, &paths) => {
                // A run that goes on from a checkpoint takes the rows as this one did, whatever memory is free then.
                config.stream = Some(true);
                let (dataset, source, streamed) = open_stream(&config, paths, &options, &progress)?;
                (dataset, source, Some(streamed))
            }
            paths => {
                if paths.is_some() {
                    config.stream = Some(false);
                }
                let (dataset, source) = load(&config, paths, &options)?;
                (dataset, source, None)
            }
        };
        if !quiet {
            note!("{}", source.sentence(&dataset));
            source.input().iter().flat_map(|input| &input.notes).for_each(|note| note!("{note}"));
        }
        let section = source.section_len();
        anyhow::ensure!(
            config.quantize != Some(true) || section == 0,
            "--quantize takes columns of numbers: an encoder for raw rows (categories, missing values or windows) has no int8 form"
        );

        if let (Some(flags), false) = (given.flags_for_reference(), quiet) {
            let widths: Vec<String> = options.hidden.iter().map(usize::to_string).collect();
            let rest = if config.quantize == Some(true) { "" } else { "; --preset auto beside it chooses the rest" };
            note!(
                "preset reference, because of {flags}: network {}-{}-{}, score {}{rest}",
                dataset.names.len(),
                widths.join("-"),
                options.latent,
                options.score.name()
            );
        }
        let (options, chosen) = auto::plan(&options, &dataset, source.missing(), section);
        if let (Some(chosen), false) = (chosen, quiet) {
            let sampled = if source.is_streamed() { "; its rows are a random sample of the files" } else { "" };
            note!("{chosen}{sampled}");
        }
        progress.set_epochs(options.members * if options.trim > 0.0 { 2 } else { 1 }, options.epochs);
        let (from, every) = match resumed {
            Some(RunCheckpoint { fit, every, .. }) => (self.resume.map(|path| (fit, path)), every),
            None => (None, self.checkpoint_every.map_or(0, |every| every as usize)),
        };
        let job = Job { config, options, dir, dataset, source, every, quiet };
        Ok((job, output, Start { from, streamed, progress }))
    }
}

impl Job {
    /// Fits the network, with checkpoints on the way.
    fn fit(&self, start: Start) -> anyhow::Result<Fitted<'_>> {
        let Self { config, options, dir, dataset, source, every, quiet } = self;
        let Start { from, streamed, progress } = start;
        let on_epoch = &mut |record: &EpochRecord| {
            progress.epoch(record);
            ControlFlow::Continue(())
        };
        let checkpoint = checkpoint::path_for(dir);
        if *every > 0 && !quiet {
            let next = "an interrupted run goes on with `edgevae train --resume";
            note!("checkpoint every {every} epochs: {path}; {next} {path}`", path = checkpoint.display());
        }
        let save = |fit: &Checkpoint| {
            let run = RunCheckpoint { config: config.clone(), out: dir.clone(), every: *every, fit: fit.clone() };
            run.write(&checkpoint).map_err(|error| {
                let kept = if checkpoint.exists() { "the checkpoint before it is kept" } else { "there is none yet" };
                format!("{error}; {kept}, the run stops after epoch {}", fit.epochs())
            })
        };
        let (from, resume) = from.unzip();
        if let Some(checkpoint) = &from {
            progress.resume(checkpoint.networks(), checkpoint.epochs());
        }
        let checkpoints = Checkpoints::new(from, *every, save);
        let fitted = match streamed {
            Some(streamed) => {
                let on_rows = &mut |rows| progress.rows(rows);
                streamed.fit(checkpoints, dataset, source.missing(), options, on_rows, on_epoch)
            }
            None => Fitted::new_from(checkpoints, dataset, source.missing(), options, on_epoch),
        };
        progress.finish();
        fitted.map_err(|error| {
            let of = match (&error, resume) {
                // It names the file that could not be written.
                (TrainError::Fit(FitError::Checkpoint(_)), _) => return error.into(),
                (TrainError::Fit(FitError::OtherRun), Some(path)) => {
                    format!("{} with {}", path.display(), source.name())
                }
                (TrainError::Fit(FitError::DamagedCheckpoint { .. }), Some(path)) => path.display().to_string(),
                _ => source.name(),
            };
            anyhow::Error::from(error).context(of)
        })
    }

    /// Calibrates and evaluates, beside the other scores and the detectors without a network.
    fn finish(&self, fitted: &Fitted<'_>) -> anyhow::Result<Outcome> {
        let Self { config, options, source, .. } = self;
        let mut trained = fitted.finish(options).with_context(|| source.name())?;
        let (compared, warnings) = run::compare_scores(fitted, options);
        trained.warnings.extend(warnings);
        let quantize = config.quantize == Some(true);
        let tuning = config.qat.unwrap_or(0);
        let place = |row| Position { line: None, row: source.row_number(row) };
        let quantized = quantize.then(|| {
            let places: Vec<Position> = (0..self.dataset.rows()).map(place).collect();
            fitted.quantize(&trained, options, tuning, &places)
        });
        let (quantized, refused) = match quantized {
            Some(Err(error)) => (None, Some(error)),
            quantized => (quantized.and_then(Result::ok), None),
        };
        if let Some(quantized) = &quantized {
            trained.warnings.extend(quantized.warnings.iter().map(|warning| format!("int8: {warning}")));
        }
        let (baselines, warning) = run::compare_baselines(fitted, &trained, options);
        trained.warnings.extend(warning);
        let (bytes, budget) = (source.model_file(&trained).bytes().len(), options.flash_budget);
        if bytes > budget.0 {
            let way_out = match options.preset {
                Preset::Auto => "use fewer columns (--features, --ignore) or a larger budget",
                Preset::Reference => "use --preset auto or a larger budget",
            };
            trained
                .warnings
                .push(format!("the model takes {bytes} bytes, more than --flash-budget {budget}; {way_out}"));
        }
        Ok(Outcome { trained, compared, baselines, quantized, refused })
    }

    fn describe<'a>(&'a self, outcome: &'a Outcome) -> Run<'a> {
        Run {
            dataset: &self.dataset,
            source: &self.source,
            options: &self.options,
            trained: &outcome.trained,
            compared: &outcome.compared,
            baselines: &outcome.baselines,
            quantized: outcome.quantized.as_ref(),
            dir: &self.dir,
        }
    }

    /// Writes the files of the run.
    fn write(&self, output: OutputDir, run: &Run<'_>) -> anyhow::Result<()> {
        let model = self.source.model_file(run.trained);
        run::check_written(&model, &self.dataset, run.trained).with_context(|| self.source.name())?;
        output.write("model.evae", model.bytes())?;
        if let Some(quantized) = run.quantized {
            output.write("model-int8.evae", quantized.file.bytes())?;
            output.write("quantization.json", quantized.report.json().as_bytes())?;
        }
        output.write("metrics.json", run.metrics_json().as_bytes())?;
        output.write("history.csv", &run.history_csv())?;
        output.write("scores.csv", &run.scores_csv())?;
        output.write("scores.svg", run.score_histogram()?.as_bytes())?;
        output.write("config.toml", toml::to_string(&self.config).context("config.toml")?.as_bytes())?;
        output.write("report.html", run.report()?.as_bytes())?;
        output.finish()?;
        Ok(())
    }

    /// Removes the checkpoints of a run that is complete.
    fn remove_checkpoints(&self, resume: Option<&Path>) {
        let own = (self.every > 0).then(|| checkpoint::path_for(&self.dir));
        for done in own.as_deref().into_iter().chain(resume) {
            if let Err(error) = std::fs::remove_file(done)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                note!("warning: the run is complete and its checkpoint could not be removed: {error}");
            }
        }
    }
}

/// Takes the statistics of files that are to be read again for each epoch.
fn open_stream(
    config: &Config,
    paths: Vec<PathBuf>,
    options: &Options,
    progress: &Progress,
) -> anyhow::Result<(Dataset, Source, Streamed)> {
    anyhow::ensure!(
        options.trim == 0.0 || options.preset == Preset::Auto,
        "--contamination above 0 needs all rows at once or --preset auto; these files are streamed (--stream=false reads them whole)"
    );
    anyhow::ensure!(
        config.request() == Request::default() && config.missing != Some(read::Missing::Indicator),
        "--time, --split group, --categorical, --cyclic, --window and --missing indicator need all rows at once; these files are streamed (--stream=false reads them whole)"
    );
    anyhow::ensure!(
        options.split == SplitBy::Random,
        "--split {} needs all rows at once; these files are streamed (--stream=false reads them whole)",
        options.split
    );
    let read = read_options(config)?;
    let opened = Streamed::open(&paths, &read, options, &mut |rows| progress.rows(rows));
    let mut streamed = opened.map_err(|error| match error {
        // It names the file.
        TrainError::Data(error) => error.into(),
        error => anyhow::Error::from(error).context(origin::names(&paths)),
    })?;
    let dataset = std::mem::take(&mut streamed.dataset);
    let input = Input { notes: std::mem::take(&mut streamed.notes), ..Input::default() };
    let source = Source::Files {
        paths,
        missing: read.missing,
        dropped_rows: streamed.dropped,
        row_numbers: Some(std::mem::take(&mut streamed.row_numbers)),
        streamed: Some(Counted { rows: streamed.rows - streamed.dropped, anomalies: streamed.anomalies }),
        input,
    };
    Ok((dataset, source, streamed))
}

/// The files to train on; `None` for the reference data set.
pub fn files(config: &Config) -> anyhow::Result<Option<Vec<PathBuf>>> {
    Ok(config.data.as_ref().map(|data| paths::expand(data)).transpose()?)
}

/// Whether the files are to be read again for each epoch: when that was asked for, or when their rows would take more than
/// half of the memory that is free.
fn wants_stream(config: &Config, paths: &[PathBuf]) -> bool {
    config.stream.unwrap_or_else(|| {
        let estimates = paths.iter().filter_map(|path| size::in_memory(path, config.format));
        let bytes = estimates.fold(0, u64::saturating_add);
        memory::available().is_some_and(|available| bytes > available / 2)
    })
}

/// Reads a checkpoint; the command line may add to its options only what does not change the result.
fn resumed(path: &Path, given: &Config) -> anyhow::Result<RunCheckpoint> {
    let others = Config { threads: None, ..given.clone() };
    anyhow::ensure!(
        others == Config::default(),
        "--resume takes the run's options from {}; beside it go --threads, --out, --force and --quiet",
        path.display()
    );
    Ok(RunCheckpoint::read(path)?)
}

/// Refuses a checkpoint that this run would replace, unless it goes on from it.
fn refuse_checkpoint(path: &Path, resume: Option<&Path>) -> anyhow::Result<()> {
    let same = |resume: &Path| resume.canonicalize().ok() == path.canonicalize().ok();
    anyhow::ensure!(
        !path.exists() || resume.is_some_and(same),
        "{path} is of an interrupted run: go on with --resume {path}, delete it, or name another --out",
        path = path.display()
    );
    Ok(())
}

/// The rows to train on and where they come from.
pub fn load(config: &Config, paths: Option<Vec<PathBuf>>, options: &Options) -> anyhow::Result<(Dataset, Source)> {
    let Some(paths) = paths else {
        anyhow::ensure!(
            config.label.is_none(),
            "--label goes with --data; the reference data set brings its own labels"
        );
        let recipe = config.synth.as_deref().unwrap_or("").parse()?;
        anyhow::ensure!(
            config.request() == Request::default(),
            "--time, --split group, --categorical, --cyclic and --window go with --data"
        );
        let synthetic = Synthetic { seed: options.seed, ..recipe };
        return Ok((synthetic.generate()?, Source::Synthetic(synthetic)));
    };
    let mut read = read_options(config)?;
    let mut prepared = prepare::load(&paths, &read, &config.request(), options);
    if let (Err(InputError::Data(error)), None, Preset::Auto) = (&prepared, config.missing, options.preset)
        && matches!(error.problem, Problem::MissingCell { .. })
    {
        read.missing = read::Missing::Indicator;
        prepared = prepare::load(&paths, &read, &config.request(), options);
        if let Ok(prepared) = &mut prepared {
            let note = "cells are missing: --missing indicator is taken (--missing error refuses them)";
            prepared.input.notes.insert(0, note.into());
        }
    }
    let Prepared { dataset, dropped_rows, row_numbers, suspected_label, input } = prepared?;
    if let Some(name) = suspected_label {
        note!(
            "warning: column `{name}` looks like a label and is used as a feature: pass --label {name} or --ignore {name}"
        );
    }
    let source = Source::Files { paths, missing: read.missing, dropped_rows, row_numbers, streamed: None, input };
    Ok((dataset, source))
}

/// How the files are read.
fn read_options(config: &Config) -> anyhow::Result<ReadOptions> {
    Ok(ReadOptions {
        format: config.format,
        form: config.form().map_err(anyhow::Error::msg)?,
        remembered: FileForm::default(),
        label: config.label.clone(),
        ignore: config.ignore.clone().unwrap_or_default(),
        features: config.features.clone().map_or(Features::All, Features::Named),
        missing: config.missing.unwrap_or_default(),
        readings: Vec::new(),
    })
}
