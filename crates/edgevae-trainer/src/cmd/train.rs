//! `edgevae train`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use edgevae_trainer::config::Config;
use edgevae_trainer::data::Dataset;
use edgevae_trainer::data::options::{self as read, Features, ReadOptions};
use edgevae_trainer::data::paths;
use edgevae_trainer::data::synthetic::Synthetic;
use edgevae_trainer::data::table::{self, Loaded};
use edgevae_trainer::fit::EpochRecord;
use edgevae_trainer::memory;
use edgevae_trainer::options::Options;
use edgevae_trainer::output::OutputDir;
use edgevae_trainer::summary::{Run, Source};
use edgevae_trainer::train::stream::Streamed;
use edgevae_trainer::train::{self, Fitted};

use super::progress::Progress;

// A negative number is a wrong value and not an unknown flag.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Cmd {
    #[command(flatten)]
    config: Config,
    /// File of options under the same names, as each run writes it; a flag wins over the file
    #[arg(long = "config", value_name = "FILE.toml")]
    config_file: Option<PathBuf>,
    /// Folder for the results [default: runs/YYYYMMDD-HHMMSS]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write into a folder that exists
    #[arg(long)]
    force: bool,
    /// Nothing on the terminal but warnings and errors
    #[arg(long)]
    quiet: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let given = match &self.config_file {
            Some(path) => self.config.or(Config::read(path)?),
            None => self.config,
        };
        let config = given.resolved();
        let options = config.options();
        options.validate()?;
        let dir = match &self.out {
            Some(dir) => dir.clone(),
            None => Path::new("runs").join(jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string()),
        };
        // Opened before the long work: a folder that exists or cannot be written is known at once.
        let output = OutputDir::create(&dir, self.force)?;
        let progress = Progress::new(options.epochs, self.quiet);
        let on_epoch = &mut |record: &EpochRecord| {
            progress.epoch(record);
            ControlFlow::Continue(())
        };
        let (dataset, source, streamed) = match files(&config)? {
            Some(paths) if wants_stream(&config, &paths) => {
                let (dataset, source, streamed) = open_stream(&config, paths, &options, &progress)?;
                (dataset, source, Some(streamed))
            }
            paths => {
                let (dataset, source) = load(&config, paths, options.seed, options.threads)?;
                (dataset, source, None)
            }
        };
        if !self.quiet {
            eprintln!("{}", source.sentence(&dataset));
        }
        let start = Instant::now();
        let fitted = match streamed {
            Some(streamed) => {
                let on_rows = &mut |rows| progress.rows(rows, start);
                streamed.fit(&dataset, source.missing(), &options, on_rows, on_epoch)
            }
            None => Fitted::new(&dataset, source.missing(), &options, on_epoch),
        };
        progress.finish();
        let fitted = fitted.with_context(|| source.name())?;
        let mut trained = fitted.finish(&options).with_context(|| source.name())?;
        let (compared, warnings) = train::compare_scores(&fitted, &options);
        trained.warnings.extend(warnings);

        let run = Run {
            dataset: &dataset,
            source: &source,
            options: &options,
            trained: &trained,
            compared: &compared,
            dir: &dir,
        };
        output.write("model.evae", trained.model.bytes())?;
        output.write("metrics.json", run.metrics_json().as_bytes())?;
        output.write("history.csv", &run.history_csv())?;
        output.write("scores.csv", &run.scores_csv())?;
        output.write("scores.svg", run.score_histogram()?.as_bytes())?;
        output.write("config.toml", toml::to_string(&config).context("config.toml")?.as_bytes())?;
        output.write("report.html", run.report()?.as_bytes())?;
        output.finish()?;

        for warning in &trained.warnings {
            eprintln!("warning: {warning}");
        }
        if !self.quiet {
            println!("{}", run.console());
        }
        Ok(())
    }
}

/// Takes the statistics of files that are to be read again for each epoch.
fn open_stream(
    config: &Config,
    paths: Vec<PathBuf>,
    options: &Options,
    progress: &Progress,
) -> anyhow::Result<(Dataset, Source, Streamed)> {
    let read = read_options(config)?;
    let start = Instant::now();
    let mut streamed = Streamed::open(&paths, &read, options, &mut |rows| progress.rows(rows, start))?;
    let dataset = std::mem::take(&mut streamed.dataset);
    let source = Source::Files {
        paths,
        missing: read.missing,
        dropped_rows: streamed.dropped,
        row_numbers: Some(std::mem::take(&mut streamed.row_numbers)),
        streamed: Some(streamed.rows - streamed.dropped),
    };
    Ok((dataset, source, streamed))
}

/// The files to train on; `None` for the reference data set.
pub fn files(config: &Config) -> anyhow::Result<Option<Vec<PathBuf>>> {
    Ok(config.data.as_ref().map(|data| paths::expand(data)).transpose()?)
}

/// Whether the files are to be read again for each epoch: when that was asked for, or when they are larger than half of
/// the memory that is free.
fn wants_stream(config: &Config, paths: &[PathBuf]) -> bool {
    config.stream.unwrap_or_else(|| {
        let bytes: u64 = paths.iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
        memory::available().is_some_and(|available| bytes > available / 2)
    })
}

/// The rows to train on and where they come from.
pub fn load(
    config: &Config,
    paths: Option<Vec<PathBuf>>,
    seed: u64,
    threads: usize,
) -> anyhow::Result<(Dataset, Source)> {
    let Some(paths) = paths else {
        anyhow::ensure!(
            config.label.is_none(),
            "--label goes with --data; the reference data set brings its own labels"
        );
        let recipe = config.synth.as_deref().unwrap_or("").parse()?;
        let synthetic = Synthetic { seed, ..recipe };
        return Ok((synthetic.generate()?, Source::Synthetic(synthetic)));
    };
    let read = read_options(config)?;
    let Loaded { dataset, dropped_rows, row_numbers, suspected_label, .. } = table::read(&paths, &read, threads)?;
    if let Some(name) = suspected_label {
        eprintln!(
            "warning: column `{name}` looks like a label and is used as a feature: pass --label {name} or --ignore {name}"
        );
    }
    let source = Source::Files { paths, missing: read.missing, dropped_rows, row_numbers, streamed: None };
    Ok((dataset, source))
}

/// How the files are read.
fn read_options(config: &Config) -> anyhow::Result<ReadOptions> {
    let delimiter = config.delimiter.as_deref().map(read::parse_delimiter).transpose();
    Ok(ReadOptions {
        format: config.format,
        delimiter: delimiter.map_err(|error| anyhow::anyhow!("--delimiter: {error}"))?,
        label: config.label.clone(),
        ignore: config.ignore.clone().unwrap_or_default(),
        features: config.features.clone().map_or(Features::All, Features::Named),
        missing: config.missing.unwrap_or_default(),
    })
}
