//! `edgevae train`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use edgevae_trainer::base::output::{self, OutputDir};
use edgevae_trainer::options::Config;
use edgevae_trainer::run::checkpoint::{self, RunCheckpoint};
use edgevae_trainer::run::{self, Event, Run, Trainer};
use edgevae_trainer::table::Table;

use super::progress::Progress;
use crate::args::ConfigArgs;
use crate::summary::{self, Summary};
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

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let Self { config, config_file, out, force, checkpoint_every, resume, quiet } = self;
        let resumed = resume.as_deref().map(|path| resumed(path, &config.0)).transpose()?;
        let given = match (&config_file, &resumed) {
            (Some(path), _) => config.0.or(Config::read(path)?),
            (None, Some(checkpoint)) => config.0.or(checkpoint.config.clone()),
            (None, None) => config.0,
        };
        let dir = match (&out, &resumed) {
            (Some(dir), _) => dir.clone(),
            (None, Some(checkpoint)) => checkpoint.out.clone(),
            (None, None) => Path::new("runs").join(jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string()),
        };
        given.validate()?;
        let table = Table::from(run::rows::of_config(&given)?);
        refuse_rows(&dir, &table)?;
        let checkpoint = checkpoint::path_for(&dir);
        if !force && (checkpoint_every.is_some() || resumed.is_some()) {
            refuse_checkpoint(&checkpoint, resume.as_deref())?;
        }
        // Opened before the long work: a folder that exists or cannot be written is known at once.
        let output = OutputDir::create(&dir, force, file_names())?;
        let every = match &resumed {
            Some(checkpoint) => checkpoint.every,
            None => checkpoint_every.map_or(0, |every| every as usize),
        };
        let progress = Progress::new(given.options().epochs, quiet);
        let trainer = Trainer::new(given)
            .compare(true)
            .save_every(every, &checkpoint, &dir)
            .on_event(|event| match event {
                Event::Planned { networks, epochs } => {
                    progress.set_epochs(networks, epochs);
                    if every > 0 && !quiet {
                        let next = "an interrupted run goes on with `edgevae train --resume";
                        note!("checkpoint every {every} epochs: {path}; {next} {path}`", path = checkpoint.display());
                    }
                }
                event => tell(event, quiet, &progress),
            })
            .on_epoch(|record| {
                progress.epoch(record);
                ControlFlow::Continue(())
            });
        let trainer = match (resumed, &resume) {
            (Some(RunCheckpoint { fit, .. }), Some(path)) => trainer.resume(fit, path),
            _ => trainer,
        };
        let finished = trainer.fit(&table);
        progress.finish();
        let finished = finished?;
        let summary = Summary::of(&finished, &dir);
        write(output, &finished, &summary)?;
        let own = (every > 0).then_some(checkpoint.as_path());
        remove_checkpoints(own.into_iter().chain(resume.as_deref()));
        for warning in finished.warnings() {
            note!("warning: {warning}");
        }
        if !quiet {
            terminal::print(summary.console())?;
            if let Some(quantized) = &finished.quantized {
                terminal::print(format_args!("\n{}", quantized.report))?;
            }
        }
        // The model itself is sound, and its run complete.
        let name = finished.source.name();
        match finished.refused {
            None => Ok(()),
            Some(error) => Err(error)
                .with_context(|| format!("--quantize: {} holds the run without its int8 form: {name}", dir.display())),
        }
    }
}

/// The names of the files of a run.
fn file_names() -> impl Iterator<Item = &'static str> {
    summary::FILES.iter().chain(&summary::QUANTIZED_FILES).map(|(name, _)| *name)
}

/// Refuses a folder whose results would replace the rows: `--force` must not take them.
fn refuse_rows(dir: &Path, table: &Table) -> anyhow::Result<()> {
    let paths = table.paths();
    let data: Vec<_> = paths.iter().map(|path| ("--data", path.as_path())).collect();
    for name in file_names().map(|name| dir.join(name)) {
        output::refuse_inputs(&name, &data)?;
    }
    Ok(())
}

/// What a run tells, on the terminal.
fn tell(event: Event<'_>, quiet: bool, progress: &Progress) {
    match event {
        Event::Note(_) if quiet => {}
        Event::Note(note) => note!("{note}"),
        Event::Warning(warning) => note!("warning: {warning}"),
        Event::Planned { networks, epochs } => progress.set_epochs(networks, epochs),
        Event::Resumed { networks, epochs } => progress.resume(networks, epochs),
        Event::Rows(rows) => progress.rows(rows),
    }
}

/// Writes the files of the run.
fn write(output: OutputDir, run: &Run, summary: &Summary<'_>) -> anyhow::Result<()> {
    output.write("model.evae", run.file().bytes())?;
    if let Some(quantized) = &run.quantized {
        output.write("model-int8.evae", quantized.file.bytes())?;
        output.write("quantization.json", quantized.report.json().as_bytes())?;
    }
    output.write("metrics.json", summary.metrics_json().as_bytes())?;
    output.write("history.csv", &summary.history_csv())?;
    output.write("scores.csv", &summary.scores_csv())?;
    output.write("scores.svg", summary.score_histogram()?.as_bytes())?;
    output.write("config.toml", toml::to_string(&run.config).context("config.toml")?.as_bytes())?;
    output.write("report.html", summary.report()?.as_bytes())?;
    output.finish()?;
    Ok(())
}

/// Removes the checkpoints of a run that is complete.
fn remove_checkpoints<'a>(checkpoints: impl Iterator<Item = &'a Path>) {
    for done in checkpoints {
        if let Err(error) = std::fs::remove_file(done)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            note!("warning: the run is complete and its checkpoint could not be removed: {error}");
        }
    }
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
