//! Many trainings over a grid of options: in parallel, one thread each, resumable.

mod grid;
mod record;
mod table;

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io, thread};

pub use grid::{Grid, Point, parse_seeds, shell_word};
pub use record::{Key, Numbers, Record, Store};
pub use table::{Row, Statistic, cells, csv, headings, markdown, rows};

use edgevae_trainer::base::output::OutputError;
use edgevae_trainer::base::threads;
use edgevae_trainer::export::TOOL;
use edgevae_trainer::fit::{Checkpoints, EpochRecord};
use edgevae_trainer::options::config::Config;
use edgevae_trainer::options::{Options, Preset};
use edgevae_trainer::run::rows::Loaded;
use edgevae_trainer::run::stream::Streamed;
use edgevae_trainer::run::{self, Fitted, TrainError, auto};
use edgevae_trainer::table::paths;

/// Reads or generates the rows of a run; the error is told in the run's record.
pub type Load<'a> = dyn Fn(&Config) -> Result<Opened, String> + Sync + 'a;

/// The rows of a run, and the files where they are read again for each epoch.
type Opened = (Loaded, Option<Streamed>);

/// How far a sweep is, for the user.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Runs finished, those of an earlier start included.
    pub finished: usize,
    /// Runs of the sweep.
    pub runs: usize,
    /// The run that was finished just now.
    pub record: &'a Record,
    /// Its place in the grid.
    pub point: &'a Point,
}

/// What determines the run of a point.
///
/// # Errors
/// Data files that cannot be found or read.
pub fn key(point: &Point, checksums: &mut HashMap<Vec<PathBuf>, u32>) -> io::Result<Key> {
    let data = match &point.config.data {
        None => None,
        Some(files) => Some(match checksums.get(files) {
            Some(&checksum) => checksum,
            None => *checksums.entry(files.clone()).or_insert(checksum(files)?),
        }),
    };
    let config = toml::to_string(&point.config.resolved()).expect("options always serialize");
    Ok(Key { store: record::STORE, config, data, tool: TOOL.to_owned() })
}

/// CRC-32 of the files that these arguments of `--data` stand for, one after the other.
fn checksum(arguments: &[PathBuf]) -> io::Result<u32> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    let mut block = vec![0; 1 << 16];
    for path in paths::expand(arguments).map_err(io::Error::other)? {
        let mut file = fs::File::open(path)?;
        loop {
            match io::Read::read(&mut file, &mut block)? {
                0 => break,
                len => digest.update(&block[..len]),
            }
        }
    }
    Ok(digest.finalize())
}

/// Runs of the same rows that are likely to share a fit.
type Group<'a> = Vec<(usize, &'a Point)>;

/// The options of runs that may share a fit, as text; [`run::same_fit`] decides when the rows are known.
fn group_key(config: &Config) -> String {
    // Rows that are left out for their scores make the fit depend on the score and on its draws.
    let options = config.options();
    let trims = options.preset == Preset::Auto || options.trim > 0.0;
    let (score, draws) = (config.score.filter(|_| trims), config.draws.filter(|_| trims));
    let config = Config { score, draws, quantile: None, ..config.clone() };
    toml::to_string(&config).expect("options always serialize")
}

/// Runs what the store does not hold yet, `jobs` trainings at a time, and returns a record for each point.
///
/// Runs that differ in nothing but the score share one fit; what threads that the system refuses would run, the others
/// do. Each finished run is stored at once, so that a stopped sweep
/// goes on where it was. A run that fails is a record with the reason; the others go on, and the next start tries it again.
///
/// # Errors
/// [`OutputError`] when a record cannot be stored.
pub fn run(
    points: &[Point],
    keys: &[Key],
    store: &Store,
    jobs: usize,
    load: &Load<'_>,
    on_finished: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Vec<Record>, OutputError> {
    let mut records: Vec<Option<Record>> = keys.iter().map(|key| store.read(key)).collect();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, point) in points.iter().enumerate().filter(|(at, _)| records[*at].is_none()) {
        let place = *places.entry(group_key(&point.config)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push((at, point));
    }
    let finished = records.iter().flatten().count();
    let queue = Mutex::new(VecDeque::from(groups));
    let done: Mutex<(usize, Vec<(usize, Record)>)> = Mutex::new((finished, Vec::new()));
    let failure = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let take = || queue.lock().ok()?.pop_front();
    let worker = || {
        while let (false, Some(group)) = (stop.load(Ordering::Relaxed), take()) {
            let outcome = run_group(&group, load, &mut |at, outcome| {
                let record = Record { key: keys[at].clone(), outcome };
                store.write(&record)?;
                let Ok(mut done) = done.lock() else { return Ok(()) };
                done.0 += 1;
                on_finished(Progress { finished: done.0, runs: points.len(), record: &record, point: &points[at] });
                done.1.push((at, record));
                Ok(())
            });
            if let Err(error) = outcome {
                stop.store(true, Ordering::Relaxed);
                if let Ok(mut failure) = failure.lock() {
                    failure.get_or_insert(error);
                }
            }
        }
    };
    threads::share(jobs.min(points.len()), thread::Builder::new, worker);
    if let Ok(Some(error)) = failure.into_inner() {
        return Err(error);
    }
    for (at, record) in done.into_inner().map_or_else(|poisoned| poisoned.into_inner().1, |done| done.1) {
        records[at] = Some(record);
    }
    Ok(records.into_iter().flatten().collect())
}

/// What takes the outcome of a run, at its place in the grid.
type Finish<'a> = dyn FnMut(usize, Result<Numbers, String>) -> Result<(), OutputError> + 'a;

/// Finishes each run of the group, those of the same fit from one fit.
fn run_group(group: &Group<'_>, load: &Load<'_>, finish: &mut Finish<'_>) -> Result<(), OutputError> {
    let mut waiting = VecDeque::from(group.clone());
    // Rows that are streamed depend on the options and are used up by the fit.
    let mut loaded = None;
    while let Some(&(_, first)) = waiting.front() {
        let (rows, streamed) = match loaded.take().map_or_else(|| load(&first.config), |rows| Ok((rows, None))) {
            Ok(rows) => rows,
            Err(reason) => return waiting.iter().try_for_each(|&(at, _)| finish(at, Err(reason.clone()))),
        };
        let planned = |point: &Point| plan(point, &rows);
        let options = planned(first);
        let shares = |point: &Point| streamed.is_none() && run::same_fit(&rows.dataset, &options, &planned(point));
        let (of_fit, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().enumerate().partition(|(place, (_, point))| *place == 0 || shares(point));
        waiting = others.into_iter().map(|(_, run)| run).collect();
        loaded = run_fit(of_fit.into_iter().map(|(_, run)| run), rows, streamed, finish)?;
    }
    Ok(())
}

/// The options of a run on its rows.
fn plan(point: &Point, rows: &Loaded) -> Options {
    let Loaded { dataset, source, .. } = rows;
    auto::plan(&point.config.options(), dataset, source.missing(), source.section_len()).0
}

/// Fits once, finishes each of the runs, and returns the rows unless the fit has used them up.
fn run_fit<'a>(
    runs: impl Iterator<Item = (usize, &'a Point)>,
    rows: Loaded,
    streamed: Option<Streamed>,
    finish: &mut Finish<'_>,
) -> Result<Option<Loaded>, OutputError> {
    let runs: Vec<(usize, Options)> = runs.map(|(at, point)| (at, plan(point, &rows))).collect();
    let Some((_, options)) = runs.first() else { return Ok(Some(rows)) };
    let Loaded { dataset, source, warnings } = rows;
    let is_streamed = streamed.is_some();
    let go_on = &mut |_: &EpochRecord| ControlFlow::Continue(());
    let fitted = match streamed {
        Some(files) => files.fit(Checkpoints::none(), &dataset, source.missing(), options, &mut |_| (), go_on),
        None => Fitted::new(&dataset, source.missing(), options, go_on),
    };
    match fitted {
        Err(error) => runs.iter().try_for_each(|&(at, _)| finish(at, Err(error.to_string())))?,
        Ok(fitted) => {
            for (at, options) in &runs {
                let trained = fitted.finish(options).map_err(|error: TrainError| error.to_string());
                finish(*at, trained.map(|trained| Numbers::of(&trained, &source.model_file(&trained))))?;
            }
        }
    }
    Ok((!is_streamed).then_some(Loaded { dataset, source, warnings }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgevae_trainer::options::Score;
    use edgevae_trainer::run::origin::Source;
    use edgevae_trainer::table::synthetic::Synthetic;
    use std::sync::atomic::AtomicUsize;

    fn points(betas: &[f32], scores: &[Score]) -> Vec<Point> {
        let config = Config {
            synth: Some("rows=300".into()),
            hidden: Some(vec![8]),
            latent: Some(2),
            epochs: Some(2),
            threads: Some(1),
            ..Config::default()
        };
        let with = |beta, score, seed| Point {
            config: Config { beta: Some(beta), score: Some(score), seed: Some(seed), ..config.clone() },
            varied: vec![("beta".into(), format!("{beta}")), ("score".into(), score.name().into())],
            seed,
        };
        let seeds = [0, 1];
        betas
            .iter()
            .flat_map(|&beta| scores.iter().flat_map(move |&score| seeds.map(|seed| (beta, score, seed))))
            .map(|(beta, score, seed)| with(beta, score, seed))
            .collect()
    }

    fn load(config: &Config) -> Result<Opened, String> {
        let recipe: Synthetic = config.synth.as_deref().unwrap_or("").parse().unwrap();
        let recipe = Synthetic { seed: config.options().seed, ..recipe };
        let (dataset, source) = (recipe.generate().unwrap(), Source::Synthetic(recipe));
        Ok((Loaded { dataset, source, warnings: vec![] }, None))
    }

    fn keys(points: &[Point]) -> Vec<Key> {
        points.iter().map(|point| key(point, &mut HashMap::new()).unwrap()).collect()
    }

    #[test]
    fn scores_share_a_fit_and_a_second_start_runs_nothing_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let points = points(&[0.5, 1.0], &[Score::Mse, Score::Elbo, Score::Combined]);
        let fits = AtomicUsize::new(0);
        let counting = |config: &Config| {
            fits.fetch_add(1, Ordering::Relaxed);
            load(config)
        };
        let records = run(&points, &keys(&points), &store, 2, &counting, &|_| {}).unwrap();
        assert_eq!((records.len(), fits.load(Ordering::Relaxed)), (12, 4), "two betas, two seeds");
        assert!(records.iter().all(|record| record.outcome.is_ok()));
        let losses: Vec<f64> = records.iter().map(|r| r.outcome.as_ref().unwrap().reconstruction_loss).collect();
        assert_eq!((losses[0], losses[1]), (losses[2], losses[3]), "the same fit by another score");
        let again = run(&points, &keys(&points), &store, 2, &counting, &|_| {}).unwrap();
        assert_eq!((again, fits.load(Ordering::Relaxed)), (records, 4));
    }

    #[test]
    fn a_run_that_fails_says_why_and_the_others_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let points = points(&[1.0], &[Score::Mse]);
        let picky = |config: &Config| {
            if config.seed == Some(1) { Err("pump.csv line 7: no number".into()) } else { load(config) }
        };
        let records = run(&points, &keys(&points), &Store::new(dir.path()), 1, &picky, &|_| {}).unwrap();
        assert!(records[0].outcome.is_ok());
        assert_eq!(records[1].outcome, Err("pump.csv line 7: no number".into()));

        let mended = AtomicUsize::new(0);
        let counting = |config: &Config| {
            mended.fetch_add(1, Ordering::Relaxed);
            load(config)
        };
        let again = run(&points, &keys(&points), &Store::new(dir.path()), 1, &counting, &|_| {}).unwrap();
        assert!(again.iter().all(|record| record.outcome.is_ok()));
        assert_eq!(mended.load(Ordering::Relaxed), 1, "the run that failed and no other");
    }

    #[test]
    fn other_data_under_the_same_name_are_another_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pump.csv");
        let mut point = points(&[1.0], &[Score::Mse]).remove(0);
        point.config.data = Some(vec![path.clone()]);
        fs::write(&path, "a\n1\n").unwrap();
        let first = key(&point, &mut HashMap::new()).unwrap();
        fs::write(&path, "a\n2\n").unwrap();
        assert_ne!(key(&point, &mut HashMap::new()).unwrap(), first);
        fs::remove_file(&path).unwrap();
        assert!(key(&point, &mut HashMap::new()).is_err());
    }
}
