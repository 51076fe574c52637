//! Training on files larger than the memory.
//!
//! One pass takes the statistics of the columns, finds where the parts of the files are, and keeps random samples for
//! everything that is not the fit: test, calibration, validation, and what the heads are fitted to. Then each epoch reads
//! the files once more, and trains on windows of rows, each a sample of all files and places, that are shuffled. Which row is
//! for what is decided by a hash of the seed and its number, so that nothing about a row needs to be remembered.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use edgevae_core::format::Missing;
use ndarray::{Array2, ArrayView2, Axis};

use super::network::Network;
use super::{Fitted, TrainError, fit_options};
use crate::base::fingerprint::{Fingerprint, hash};
use crate::base::random::{Purpose, stream};
use crate::fit::{self, Checkpoints, EpochRecord, FitError, Windows};
use crate::options::{CalibrateOn, Options, Preset, Scaling, TrainOn};
use crate::prepare::divide::{self, DivideError, Rows};
use crate::prepare::sample::Sample;
use crate::prepare::scaler::{Moments, Scaler, ScalerError};
use crate::table::block::Block;
use crate::table::csv::Looks;
use crate::table::error::{Choices, DataError, Problem};
use crate::table::files;
use crate::table::form::FileForm;
use crate::table::options::ReadOptions;
use crate::table::pipeline::for_each_block;
use crate::table::shuffled::{Index, Shuffled, index};
use crate::table::source::Source;
use crate::table::{Dataset, load};

/// Bytes of a window's rows. Two exist at a time: one is trained on while the other is filled.
const WINDOW: usize = 32 << 20;

/// Bytes and number of the rows of a sample.
const SAMPLE_BYTES: usize = 16 << 20;
const SAMPLE_ROWS: usize = 200_000;

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Fit,
    Validation,
    Holdout,
    Test,
    /// Labelled anomaly where only normal rows are fitted or calibrate.
    Nothing,
}

/// Decides what each row is for.
#[derive(Clone, Copy, Debug)]
struct Roles {
    seed: u64,
    test: f64,
    holdout: f64,
    validation: f64,
    normal_only: bool,
}

impl Roles {
    fn new(options: &Options, has_labels: bool) -> Self {
        let test_calibrates = has_labels && options.test_fraction > 0.0;
        let default = if test_calibrates { CalibrateOn::Test } else { CalibrateOn::Holdout };
        let holdout = options.calibrate_on.unwrap_or(default) == CalibrateOn::Holdout;
        Self {
            seed: options.seed,
            test: options.test_fraction,
            holdout: if holdout { options.calibration_fraction } else { 0.0 },
            validation: if options.patience.is_some() { options.validation_fraction } else { 0.0 },
            normal_only: options.train_on == TrainOn::Normal,
        }
    }

    /// The hash of a row (its number counts from 0 over all files), for one of several decisions.
    fn hash(self, row: u64, decision: u64) -> u64 {
        let key = hash(self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15)).wrapping_add(decision);
        hash(hash(key) ^ hash(row.wrapping_add(0x9e37_79b9_7f4a_7c15)))
    }

    fn of(self, row: u64, anomaly: Option<bool>) -> Role {
        let share = |decision| self.hash(row, decision) as f64 / u64::MAX as f64;
        let is_anomaly = anomaly == Some(true);
        if share(1) < self.test {
            Role::Test
        } else if self.normal_only && is_anomaly {
            Role::Nothing
        } else if share(2) < self.holdout {
            if is_anomaly { Role::Nothing } else { Role::Holdout }
        } else if share(3) < self.validation {
            Role::Validation
        } else {
            Role::Fit
        }
    }
}

/// How far an epoch has come.
#[derive(Clone, Copy, Debug)]
pub struct RowProgress {
    /// Epoch, from 1; 0 while statistics are taken.
    pub epoch: usize,
    /// Rows trained on in this epoch.
    pub rows: u64,
    /// Rows of an epoch; 0 while it is not known.
    pub of: u64,
}

/// What a training run on a stream leaves for everything after the fit.
pub struct Streamed {
    /// The samples as one table: fitted, validation, calibration and test rows.
    pub dataset: Dataset,
    /// Number over all files of each row of the table, from 1.
    pub row_numbers: Vec<u64>,
    /// Rows of the files, those left out included.
    pub rows: u64,
    /// Rows left out because of a missing cell.
    pub dropped: u64,
    /// Rows labelled anomaly, those left out not counted; `None` without labels.
    pub anomalies: Option<u64>,
    /// Rows that are fitted in each epoch.
    pub fitted: u64,
    /// What is to be told about files that are not like the first.
    pub notes: Vec<String>,
    /// How the first file is written.
    pub form: FileForm,
    /// The bits of all names, labels and cells of the files.
    fingerprint: u64,
    scaler: Scaler,
    split: Rows,
    roles: Roles,
    index: Index,
    sources: Vec<Source>,
    warnings: Vec<String>,
}

/// A thread's share of the statistics.
struct Part {
    fingerprint: Fingerprint,
    moments: Moments,
    roles: Vec<Role>,
}

impl Streamed {
    /// Takes the statistics of the files.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn open(
        paths: &[PathBuf],
        read: &ReadOptions,
        options: &Options,
        on_rows: &mut (dyn FnMut(RowProgress) + Send),
    ) -> Result<Self, TrainError> {
        let (mut sources, mut notes) = files::open(paths, read)?;
        let names = sources[0].feature_names.clone();
        let has_labels = sources[0].has_labels;
        if names.len() > usize::from(u16::MAX) {
            return Err(TrainError::TooManyFeatures(names.len()));
        }
        if options.train_on == TrainOn::Normal && !has_labels {
            return Err(DivideError::NoLabels.into());
        }
        let (roles, width) = (Roles::new(options, has_labels), names.len());
        let capacity = (SAMPLE_BYTES / size_of::<f32>() / width).clamp(1000, SAMPLE_ROWS);
        let mut moments = Moments::new(width);
        let mut samples =
            [Role::Fit, Role::Validation, Role::Holdout, Role::Test].map(|role| (role, Sample::new(capacity, width)));
        let mut fitted = 0_u64;
        let mut anomalies = 0_u64;
        let mut seen = 0_u64;
        let mut fingerprint = Fingerprint::default();
        names.iter().for_each(|name| fingerprint.text(name));
        let index = index(
            &mut sources,
            options.threads,
            || Part { fingerprint: Fingerprint::default(), moments: Moments::new(width), roles: vec![] },
            |part, before, block| {
                part.moments = Moments::new(width);
                part.roles.clear();
                part.fingerprint = Fingerprint::default();
                part.fingerprint.cells(&block.cells);
                part.fingerprint.labels(&block.labels);
                for (row, cells) in block.cells.chunks_exact(width).enumerate() {
                    let role = roles.of(before + block.row_number(row) - 1, block.labels.get(row).copied());
                    if role == Role::Fit {
                        part.moments.push(cells);
                    }
                    part.roles.push(role);
                }
            },
            |part, before, block| {
                moments.merge(&part.moments);
                fingerprint.number(part.fingerprint.finish());
                for (row, (cells, role)) in block.cells.chunks_exact(width).zip(&part.roles).enumerate() {
                    fitted += u64::from(*role == Role::Fit);
                    let number = before + block.row_number(row) - 1;
                    let label = block.labels.get(row).copied().unwrap_or_default();
                    if let Some((_, sample)) = samples.iter_mut().find(|(of, _)| of == role) {
                        sample.offer(roles.hash(number, 4), number, label, cells);
                    }
                }
                anomalies += block.labels.iter().filter(|&&anomaly| anomaly).count() as u64;
                seen += block.len() as u64;
                on_rows(RowProgress { epoch: 0, rows: seen, of: 0 });
                Ok::<_, TrainError>(())
            },
        )
        .map_err(of_stream)?;
        notes.extend(index.notes.iter().cloned());
        notes.extend(files::without_rows(index.files.iter().map(|(name, rows)| (name, *rows))));
        let (dataset, row_numbers, split) = gather(names, has_labels, samples);
        if split.fit.len() < 2 {
            let why = "the rest is for test, calibration and validation".to_owned();
            return Err(DivideError::TooFewRows { rows: index.rows as usize, left: split.fit.len(), why }.into());
        }
        split.calibration_set(options, split.test_normals(dataset.labels.as_deref()))?;
        let scaler = moments
            .finish()
            .map_err(|ScalerError::NoValues { feature }| TrainError::EmptyColumn(dataset.names[feature].clone()))?;
        let mut warnings = Vec::new();
        if let (None, Some(name)) = (&dataset.labels, load::suspected_label(&dataset.names, &dataset.features)) {
            warnings.push(format!(
                "column `{name}` looks like a label and is used as a feature: pass --label {name} or --ignore {name}"
            ));
        }
        divide::warn_about_labels(dataset.labels.as_deref(), &split.fit, options, &mut warnings);
        let (rows, dropped, fingerprint) = (index.rows, index.dropped, fingerprint.finish());
        Ok(Self {
            dataset,
            row_numbers,
            rows,
            dropped,
            anomalies: has_labels.then_some(anomalies),
            fitted,
            notes,
            form: sources[0].form.clone(),
            fingerprint,
            scaler,
            split,
            roles,
            index,
            sources,
            warnings,
        })
    }

    /// Fits the network, reading the files once for each epoch; under the preset `auto`, whose fits see no more rows than
    /// the sample has, the sample is fitted instead.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn fit<'d>(
        self,
        checkpoints: Checkpoints<'_>,
        dataset: &'d Dataset,
        missing: Missing,
        options: &Options,
        on_rows: &mut (dyn FnMut(RowProgress) + Send),
        on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
    ) -> Result<Fitted<'d>, TrainError> {
        let Self { mut scaler, mut split, roles, index, sources, mut warnings, fitted, fingerprint, .. } = self;
        let mut checkpoints = checkpoints.of_data(super::fingerprint(fingerprint, missing, options));
        // The network learns from these rows of the sample all the same; no head stores them.
        split.take_footing(dataset, options);
        warnings.extend(options.warning());
        if options.preset == Preset::Auto {
            return Fitted::of_rows(checkpoints, dataset, missing, split, warnings, options, on_epoch);
        }
        if options.scaling == Scaling::Robust {
            // Quantiles come from the sample of the rows to fit: one pass does not sort.
            scaler = Scaler::robust(dataset.features.select(Axis(0), &split.fit).view()).unwrap_or(scaler);
        }
        scaler.clip = options.clip;
        divide::warn_about_columns(dataset, &scaler, 0, &mut warnings);
        let scaled = |indices: &[usize]| scaler.transform(dataset.features.select(Axis(0), indices).view());
        let (sample, validation) = (scaled(&split.fit), options.patience.map(|_| scaled(&split.validation)));
        let start = Instant::now();
        let mut windows = StreamWindows {
            files: Shuffled::new(sources, &index),
            index,
            roles,
            scaler: &scaler,
            sample: sample.view(),
            threads: options.threads,
            seed: options.seed,
            rows: fitted,
            on_rows,
        };
        let validation = validation.as_ref().map(|rows| rows.view());
        let fit = fit::fit_from(&mut checkpoints, &mut windows, validation, &fit_options(dataset, options), on_epoch)?;
        let fit_seconds = start.elapsed().as_secs_f64();
        let network = Network::new(scaler, fit, sample, options)?;
        let n_fitted = fitted as usize;
        Ok(Fitted { dataset, missing, rows: split, n_fitted, network, fit_seconds, warnings })
    }
}

/// The error with advice that holds for a stream.
fn of_stream(mut error: TrainError) -> TrainError {
    if let TrainError::Data(DataError { problem, .. }) = &mut error {
        match problem {
            Problem::NotANumber { looks: looks @ (Looks::Text | Looks::Time), .. } => *looks = Looks::Streamed,
            Problem::MissingCell { choices, .. } => *choices = Choices::OfStream,
            _ => {}
        }
    }
    error
}

/// The samples as one table, and their places in it.
fn gather(names: Vec<String>, has_labels: bool, samples: [(Role, Sample); 4]) -> (Dataset, Vec<u64>, Rows) {
    let (mut cells, mut labels, mut numbers) = (vec![], vec![], vec![]);
    let mut split = Rows::default();
    for (role, sample) in samples {
        let places = match role {
            Role::Fit => &mut split.fit,
            Role::Validation => &mut split.validation,
            Role::Holdout => &mut split.holdout,
            _ => &mut split.test,
        };
        for (number, label, row) in sample.finish() {
            places.push(numbers.len());
            numbers.push(number + 1);
            labels.push(label);
            cells.extend(row);
        }
    }
    split.footing = split.holdout.clone();
    let features = Array2::from_shape_vec((numbers.len(), names.len()), cells).expect("whole rows");
    (Dataset { names, features, labels: has_labels.then_some(labels), ..Dataset::default() }, numbers, split)
}

/// Windows of files that are read again for each epoch.
struct StreamWindows<'a> {
    files: Shuffled,
    index: Index,
    roles: Roles,
    scaler: &'a Scaler,
    sample: ArrayView2<'a, f32>,
    threads: usize,
    seed: u64,
    rows: u64,
    on_rows: &'a mut (dyn FnMut(RowProgress) + Send),
}

impl Windows for StreamWindows<'_> {
    fn epoch(
        &mut self,
        epoch: usize,
        each: &mut dyn FnMut(ArrayView2<'_, f32>) -> Result<(), FitError>,
    ) -> Result<(), FitError> {
        let width = self.scaler.mean.len();
        let rounds = self.rows().div_ceil((WINDOW / size_of::<f32>() / width).max(1)).max(1);
        // As long as a round: a last window of what is left over would hold the end of a round alone.
        let window = self.rows().div_ceil(rounds).max(1) * width;
        let source = self.files.pass(rounds, &mut stream(self.seed, Purpose::Order, epoch));
        let (scaler, roles, index) = (self.scaler, self.roles, &self.index);
        // One window waits while another is trained on.
        let (full, windows) = mpsc::sync_channel::<Vec<f32>>(0);
        thread::scope(|scope| {
            let threads = self.threads;
            let read = move || {
                let mut filling = Vec::with_capacity(window);
                let mut found = vec![0; index.files.len()];
                let work = |kept: &mut Vec<f32>, block: &Block| {
                    kept.clear();
                    for (row, cells) in block.cells.chunks_exact(width).enumerate() {
                        let number = index.rows_before[block.file] + block.row_number(row) - 1;
                        if roles.of(number, block.labels.get(row).copied()) == Role::Fit {
                            kept.extend_from_slice(cells);
                        }
                    }
                    scaler.transform_in_place(kept);
                };
                let deliver = |kept: &mut Vec<f32>, block: &Block| {
                    found[block.file] += block.rows();
                    let mut kept = &kept[..];
                    while !kept.is_empty() {
                        let (now, later) = kept.split_at(kept.len().min(window - filling.len()));
                        filling.extend_from_slice(now);
                        kept = later;
                        if filling.len() == window {
                            full.send(std::mem::take(&mut filling)).map_err(|_| Stopped::NotWanted)?;
                            // Not before: while the window waits to be taken, the one before it still exists.
                            filling.reserve_exact(window);
                        }
                    }
                    Ok(())
                };
                let read = for_each_block(source, threads, Vec::new, work, deliver);
                let changed = index.files.iter().zip(&found).find(|((_, rows), found)| rows != *found);
                if let (Ok(_), Some(((name, rows), found))) = (&read, changed) {
                    return Err(FitError::Source(format!("{name} has {found} rows, had {rows}")));
                }
                match read {
                    Ok(_) if filling.is_empty() => Ok(()),
                    // Nobody to send to: the fit has failed and says so itself.
                    Ok(_) => full.send(filling).or(Ok(())),
                    Err(Stopped::NotWanted) => Ok(()),
                    Err(Stopped::Data(error)) => Err(FitError::Source(error.to_string())),
                }
            };
            let reader = thread::Builder::new()
                .spawn_scoped(scope, read)
                .map_err(|error| FitError::Threads { threads, reason: error.to_string() })?;
            let mut rows = 0;
            let result = windows.iter().try_for_each(|window| {
                let view = ArrayView2::from_shape((window.len() / width, width), &window).expect("whole rows");
                each(view)?;
                rows += view.nrows() as u64;
                (self.on_rows)(RowProgress { epoch: epoch + 1, rows, of: self.rows });
                Ok(())
            });
            // Lets the reader go when the fit has failed.
            drop(windows);
            let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.and(read)
        })
    }

    fn rows(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX)
    }

    fn sample(&self) -> ArrayView2<'_, f32> {
        self.sample
    }
}

/// Why reading ended early.
enum Stopped {
    Data(DataError),
    NotWanted,
}

impl From<DataError> for Stopped {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rows(count: usize) -> String {
        (0..count).fold("a,b\n".to_owned(), |text, row| text + &format!("{},{}\n", row % 7, row % 11))
    }

    /// What a fit of two files says after `change` was done to the second between two epochs.
    fn after(change: impl FnOnce(&std::path::Path)) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["one.csv", "two.csv"].map(|name| dir.path().join(name)).to_vec();
        paths.iter().for_each(|path| fs::write(path, rows(30_000)).unwrap());
        let options =
            Options { preset: Preset::Reference, epochs: 2, hidden: vec![4], latent: 1, ..Options::default() };
        let mut streamed = Streamed::open(&paths, &ReadOptions::default(), &options, &mut |_| {}).unwrap();
        let dataset = std::mem::take(&mut streamed.dataset);
        let mut change = Some(change);
        let on_epoch = &mut |_: &EpochRecord| {
            change.take().into_iter().for_each(|change| change(&paths[1]));
            ControlFlow::Continue(())
        };
        let fitted = streamed.fit(Checkpoints::none(), &dataset, Missing::Error, &options, &mut |_| {}, on_epoch);
        fitted.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn text_in_a_streamed_file_is_not_advised_to_be_what_a_stream_has_not() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().join("rows.csv")];
        for cell in ["pump", "2024-01-31 12:00"] {
            fs::write(&paths[0], format!("a,b\n1,2\n3,{cell}\n")).unwrap();
            let opened = Streamed::open(&paths, &ReadOptions::default(), &Options::default(), &mut |_| {});
            let error = opened.err().unwrap().to_string();
            assert!(error.contains("--ignore \"b\"") && error.contains("--stream=false"), "{error}");
            assert!(!error.contains("--categorical") && !error.contains("--time"), "{error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_is_refused_because_it_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = thread::spawn({
            let pipe = pipe.clone();
            // Whoever reads may go before the end.
            move || drop(fs::write(pipe, rows(100)))
        });
        let opened = Streamed::open(&[pipe], &ReadOptions::default(), &Options::default(), &mut |_| {});
        let error = opened.err().unwrap().to_string();
        assert!(error.contains("pipe: found a pipe, expected a file") && error.contains("--stream=false"), "{error}");
        writer.join().unwrap();
    }

    #[test]
    fn every_window_is_a_sample_of_all_files() {
        const WIDTH: usize = 1000;
        let dir = tempfile::tempdir().unwrap();
        let paths = ["zero.csv", "one.csv"].map(|name| dir.path().join(name));
        let header = (0..WIDTH).map(|j| format!("f{j}")).collect::<Vec<_>>().join(",");
        for (path, cell) in paths.iter().zip(["0", "1"]) {
            // Both files together are 1.4 windows.
            let row = vec![cell; WIDTH].join(",") + "\n";
            fs::write(path, header.clone() + "\n" + &row.repeat(WINDOW / 4 / WIDTH * 7 / 10)).unwrap();
        }
        let options = Options { preset: Preset::Reference, test_fraction: 0.0, ..Options::default() };
        let streamed = Streamed::open(&paths, &ReadOptions::default(), &options, &mut |_| {}).unwrap();
        let Streamed { scaler, roles, index, sources, fitted, .. } = streamed;
        let sample = Array2::zeros((0, WIDTH));
        let mut windows = StreamWindows {
            files: Shuffled::new(sources, &index),
            index,
            roles,
            scaler: &scaler,
            sample: sample.view(),
            threads: 2,
            seed: 0,
            rows: fitted,
            on_rows: &mut |_| {},
        };
        let mut shares = Vec::new();
        let share = &mut |rows: ArrayView2<'_, f32>| {
            let of_one = rows.column(0).iter().filter(|&&cell| cell > 0.0).count();
            shares.push((rows.nrows(), of_one as f64 / rows.nrows() as f64));
            Ok(())
        };
        windows.epoch(0, share).unwrap();
        assert_eq!(shares.len(), 2, "{shares:?}");
        assert_eq!(shares.iter().map(|window| window.0 as u64).sum::<u64>(), fitted);
        assert!(shares.iter().all(|(_, share)| (0.4..0.6).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_file_that_changes_while_it_is_streamed_is_named_with_its_rows() {
        assert_eq!(after(|_| {}), Ok(()));
        for count in [29_000, 10, 30_001, 300_000] {
            let error = after(|path| fs::write(path, rows(count)).unwrap()).unwrap_err();
            let expected = format!("two.csv has {count} rows, had 30000; files must stay");
            assert!(error.contains(&expected), "{error}");
        }
        let error = after(|path| fs::write(path, rows(30_000).replace("\n6,", "\nx,")).unwrap()).unwrap_err();
        assert!(error.contains("two.csv: line") && error.contains("\"x\""), "{error}");
        let error = after(|path| fs::remove_file(path).unwrap()).unwrap_err();
        assert!(error.contains("two.csv"), "{error}");
    }
}
