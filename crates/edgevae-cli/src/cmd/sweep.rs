//! `edgevae sweep`

use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::report::{SweepReport, render_sweep};
use crate::sweep::{self, Grid, Point, Progress, Record, Row, Store, shell_word};
use anyhow::Context as _;
use clap::Args;
use edgevae_trainer::base::output::OutputFile;
use edgevae_trainer::export::TOOL;
use edgevae_trainer::options::config::Config;
use edgevae_trainer::run::rows;

/// When a run counts as finished, after the options.
const STARTING_AGAIN: &str = "A finished run is known by its options, its data and the version of edgevae, so that a \
    rebuilt edgevae of the same version takes it over as it is: to start over, remove DIR/runs or name another folder. \
    Runs that failed are tried again.";

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true, after_help = STARTING_AGAIN)]
pub struct Cmd {
    #[command(flatten)]
    grid: Grid,
    /// Seeds of each configuration: 0,1,2 or the first and the last of a range
    #[arg(long, value_name = "SEEDS", default_value = "0..4")]
    seeds: String,
    /// File of options that the grid does not name, as `train` writes it
    #[arg(long = "config", value_name = "FILE.toml")]
    config_file: Option<PathBuf>,
    /// Trainings at a time, one thread each [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Folder for the results; a sweep that was stopped goes on there [default: runs/sweep-YYYYMMDD-HHMMSS]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Nothing on the terminal but warnings and errors
    #[arg(long)]
    quiet: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.jobs != Some(0), "--jobs is 0; expected a whole number above 0");
        let base = self.config_file.as_deref().map(Config::read).transpose()?.unwrap_or_default();
        if let Some(path) = &self.config_file {
            anyhow::ensure!(
                base.quantize != Some(true) && base.qat.unwrap_or(0) == 0,
                "{}: quantize and qat are not for a sweep, whose figures are those of the float model; leave them out",
                path.display()
            );
        }
        let points = self.grid.points(&base, &sweep::parse_seeds(&self.seeds)?)?;
        let mut checksums = HashMap::new();
        let keys = points.iter().map(|point| {
            let files = || {
                let files = point.config.data.iter().flatten().map(|path| path.display().to_string());
                files.collect::<Vec<_>>().join(", ")
            };
            sweep::key(point, &mut checksums).with_context(files)
        });
        let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
        let dir = match &self.out {
            Some(dir) => dir.clone(),
            None => Path::new("runs").join(jiff::Zoned::now().strftime("sweep-%Y%m%d-%H%M%S").to_string()),
        };
        let store = Store::new(&dir);
        let waiting = keys.iter().filter(|key| store.read(key).is_none()).count();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(cores);
        if !self.quiet {
            note!("{} runs, {} of them finished before, {jobs} at a time", points.len(), points.len() - waiting);
        }
        let warnings: BTreeSet<String> = points.iter().filter_map(|point| point.config.options().warning()).collect();
        warnings.iter().for_each(|warning| note!("warning: {warning}"));
        // As `train` does it.
        let load = |config: &Config| {
            let (config, options) = (config.resolved(), config.options());
            let opened = rows::of_config(&config).and_then(|rows| rows::open(&config, &rows, &options, &mut |_| ()));
            let warnings = opened.iter().flat_map(|(loaded, _)| &loaded.warnings);
            warnings.for_each(|warning| note!("warning: {warning}"));
            opened.map_err(|error| format!("{:#}", anyhow::Error::from(error)))
        };
        let quiet = self.quiet;
        let on_finished = |progress: Progress<'_>| {
            if !quiet {
                note!("{}", told(&progress));
            }
        };
        let records = sweep::run(&points, &keys, &store, jobs, &load, &on_finished)?;

        let rows = sweep::rows(&points, &records);
        let report = self.report(&dir, &points, &records, rows);
        let markdown = sweep::markdown(&report.rows);
        for (name, bytes) in [
            ("sweep.csv", sweep::csv(&points, &records)),
            ("sweep.md", markdown.clone().into_bytes()),
            ("sweep.html", render_sweep(&report)?.into_bytes()),
        ] {
            let mut file = OutputFile::create(&dir.join(name))?;
            file.write_all(&bytes)?;
            file.finish()?;
        }
        if !quiet {
            crate::terminal::print(format_args!(
                "{markdown}\nwritten: {}",
                ["sweep.csv", "sweep.md", "sweep.html"].map(|n| dir.join(n).display().to_string()).join(", ")
            ))?;
        }
        match report.failures.first() {
            None => Ok(()),
            Some(first) => {
                anyhow::bail!("{} of {} runs failed, the first: {first}", report.failures.len(), points.len())
            }
        }
    }

    fn report(&self, dir: &Path, points: &[Point], records: &[Record], rows: Vec<Row>) -> SweepReport {
        let failed = |(point, record): (&Point, &Record)| {
            let reason = record.outcome.as_ref().err()?;
            Some(format!("{}: {reason}", place(point)))
        };
        let seeds = points.len() / rows.len().max(1);
        let varied = self.grid.varied();
        let over = if varied.is_empty() { String::new() } else { format!(" over {}", varied.join(", ")) };
        SweepReport {
            title: format!("edgevae: sweep{over}"),
            summary: format!("{} configurations, {seeds} seeds each: {} trainings.", rows.len(), points.len()),
            rows,
            failures: points.iter().zip(records).filter_map(failed).collect(),
            command: self.command(dir),
            tool_version: TOOL.into(),
        }
    }

    /// The command that repeats the sweep, for a shell.
    fn command(&self, dir: &Path) -> String {
        let path = |path: &Path| shell_word(&path.display().to_string()).into_owned();
        let grid = Some(self.grid.to_string()).filter(|grid| !grid.is_empty());
        let config = self.config_file.as_deref().map(|file| format!("--config {}", path(file)));
        let seeds = format!("--seeds {}", shell_word(&self.seeds));
        let words = [Some("edgevae sweep".into()), grid, config, Some(seeds), Some(format!("--out {}", path(dir)))];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// A run's configuration in a few words.
fn place(point: &Point) -> String {
    let pairs = point.varied.iter().map(|(name, value)| format!("{name} {value}"));
    pairs.chain([format!("seed {}", point.seed)]).collect::<Vec<_>>().join(", ")
}

fn told(progress: &Progress<'_>) -> String {
    let Progress { finished, runs, record, point } = progress;
    let outcome = match &record.outcome {
        Ok(numbers) => match numbers.roc_auc {
            Some(auc) => format!("ROC-AUC {auc:.4}"),
            None => format!("objective {:.3}", numbers.objective),
        },
        Err(reason) => format!("failed: {reason}"),
    };
    format!("{finished}/{runs}  {}  {outcome}", place(point))
}
