//! From the rows that a caller names to the samples of a fit.

use std::path::PathBuf;

use super::TrainError;
use super::error::RunError;
use super::origin::{self, Counted, Source};
use super::stream::{RowProgress, Streamed};
use crate::base::memory;
use crate::export::remembered::Memory;
use crate::options::{Config, Options, Preset, Request, SplitBy};
use crate::prepare::sentinel::{self, Found};
use crate::prepare::{self, Input, InputError, Prepared};
use crate::table::error::Problem;
use crate::table::form::{Decimal, FileForm, Sentinel};
use crate::table::options::{Features, Missing, ReadOptions};
use crate::table::synthetic::Synthetic;
use crate::table::{Dataset, Rows, paths, size};

/// Samples and where they come from.
pub struct Loaded {
    /// The samples.
    pub dataset: Dataset,
    /// Where they come from.
    pub source: Source,
    /// What is probably a mistake.
    pub warnings: Vec<String>,
}

/// The rows that a config names.
///
/// # Errors
/// [`RunError`]: a folder or pattern that stands for no file.
pub fn of_config(config: &Config) -> Result<Rows, RunError> {
    Ok(match &config.data {
        Some(data) => Rows::Files(paths::expand(data)?),
        None => Rows::Reference,
    })
}

/// Reads or generates all rows; or, where they are to be read again for each epoch, a sample of them
/// and what the fit reads.
///
/// # Errors
/// [`RunError`].
pub fn open(
    config: &Config,
    rows: &Rows,
    options: &Options,
    on_rows: &mut (dyn FnMut(RowProgress) + Send),
) -> Result<(Loaded, Option<Streamed>), RunError> {
    if wants_stream(config, rows) {
        let (loaded, streamed) = open_stream(config, rows.paths(), options, on_rows)?;
        return Ok((loaded, Some(streamed)));
    }
    Ok((load(config, rows, options)?, None))
}

/// Reads or generates all rows.
///
/// # Errors
/// [`RunError`].
pub fn load(config: &Config, rows: &Rows, options: &Options) -> Result<Loaded, RunError> {
    if let Rows::Reference = rows {
        return generated(config, options);
    }
    let paths = rows.paths();
    let mut read = read_options(config, rows)?;
    let mut prepared = prepare::load(&paths, &read, &config.request(), options);
    if let (Err(InputError::Data(error)), None, Preset::Auto) = (&prepared, config.missing, options.preset)
        && matches!(error.problem, Problem::MissingCell { .. })
    {
        let such = match &error.problem {
            Problem::MissingCell { at, found, .. } if !found.is_empty() => {
                format!(", such as {found:?} in column {:?} (--missing-words '!{found}' takes it for text)", at.column)
            }
            _ => String::new(),
        };
        read.missing = Missing::Indicator;
        prepared = prepare::load(&paths, &read, &config.request(), options);
        if let Ok(prepared) = &mut prepared {
            let note = format!("cells are missing{such}: --missing indicator is taken (--missing error refuses them)");
            prepared.input.notes.insert(0, note);
        }
    }
    let mut prepared = prepared?;
    let found = std::mem::take(&mut prepared.sentinels);
    let may_miss = config.missing != Some(Missing::Error);
    let taken: Vec<Sentinel> = found.iter().filter(|found| found.is_certain).map(Found::sentinel).collect();
    let is_taken = config.sentinel.is_none() && may_miss && !taken.is_empty();
    if is_taken {
        read.form.sentinels = taken;
        if read.missing == Missing::Error {
            let is_auto = options.preset == Preset::Auto;
            read.missing = if is_auto { Missing::Indicator } else { Missing::Mean };
        }
        prepared = prepare::load(&paths, &read, &config.request(), options)?;
    }
    if config.sentinel.is_none() {
        prepared.input.notes.extend(found.iter().map(|found| sentinel_note(found, is_taken, read.missing)));
    }
    let Prepared { dataset, dropped_rows, row_numbers, suspected_label, form, input, .. } = prepared;
    let warning = |name: String| {
        format!("column `{name}` looks like a label and is used as a feature: pass --label {name} or --ignore {name}")
    };
    let warnings = suspected_label.map(warning).into_iter().collect();
    let source = Source::Files {
        paths,
        missing: read.missing,
        dropped_rows,
        row_numbers,
        streamed: None,
        memory: Box::new(memory(&read, form)),
        input,
    };
    Ok(Loaded { dataset, source, warnings })
}

/// What a model file remembers of how its rows were read.
///
/// What each file shows is found in each file again; only what a file of a few rows, or a pipe, may not show is kept.
fn memory(read: &ReadOptions, found: FileForm) -> Memory {
    let FileForm { delimiter, skip_rows, encoding, .. } = read.form.clone();
    let sentinels = found.sentinels.into_iter().filter(|sentinel| !sentinel.value.is_nan()).collect();
    let decimal = found.decimal.filter(|decimal| *decimal != Decimal::Point);
    let header = found.header.filter(|header| !header);
    let form = FileForm { delimiter, skip_rows, encoding, decimal, header, sentinels, lines_below: 0, ..found };
    Memory { form, ..Memory::default() }
}

/// What was made of a number that probably stands for a missing reading.
fn sentinel_note(found: &Found, is_taken: bool, missing: Missing) -> String {
    let flag = found.sentinel();
    if is_taken && found.is_certain {
        return format!("{found}: read as a missing cell, --missing {missing} (--sentinel none reads it as a number)");
    }
    let policy = if missing == Missing::Error { " --missing mean" } else { "" };
    format!(
        "{found}: is it a reading? --sentinel {flag}{policy} reads it as a missing cell (--sentinel none: it is one)"
    )
}

fn generated(config: &Config, options: &Options) -> Result<Loaded, RunError> {
    if config.label.is_some() {
        return Err(RunError::request("--label goes with --data; the reference data set brings its own labels"));
    }
    let recipe = config.synth.as_deref().unwrap_or("").parse()?;
    if config.request() != Request::default() {
        let flags = "--time, --split group, --categorical, --cyclic and --window go with --data";
        return Err(RunError::request(flags));
    }
    let synthetic = Synthetic { seed: options.seed, ..recipe };
    Ok(Loaded { dataset: synthetic.generate()?, source: Source::Synthetic(synthetic), warnings: Vec::new() })
}

/// How the rows are read.
fn read_options(config: &Config, rows: &Rows) -> Result<ReadOptions, RunError> {
    Ok(ReadOptions {
        format: config.format,
        form: config.form().map_err(RunError::Request)?,
        remembered: FileForm::default(),
        label: config.label.clone(),
        ignore: config.ignore.clone().unwrap_or_default(),
        features: config.features.clone().map_or(Features::All, Features::Named),
        missing: config.missing.unwrap_or_default(),
        readings: Vec::new(),
        memory: rows.memory(),
    })
}

/// Whether files are to be read again for each epoch: when that was asked for, or when their rows would take more than
/// half of free memory.
fn wants_stream(config: &Config, rows: &Rows) -> bool {
    let Rows::Files(paths) = rows else { return false };
    config.stream.unwrap_or_else(|| {
        let estimates = paths.iter().filter_map(|path| size::in_memory(path, config.format));
        let bytes = estimates.fold(0, u64::saturating_add);
        memory::available().is_some_and(|available| bytes > available / 2)
    })
}

/// Takes the statistics of files that are read again for each epoch.
///
/// # Errors
/// [`RunError`]: options that need all rows at once, or files that cannot be read.
fn open_stream(
    config: &Config,
    paths: Vec<PathBuf>,
    options: &Options,
    on_rows: &mut (dyn FnMut(RowProgress) + Send),
) -> Result<(Loaded, Streamed), RunError> {
    if options.trim > 0.0 && options.preset != Preset::Auto {
        return Err(RunError::request(
            "--contamination above 0 needs all rows at once or --preset auto; these files are streamed (--stream=false reads them whole)",
        ));
    }
    if config.request() != Request::default() || config.missing == Some(Missing::Indicator) {
        return Err(RunError::request(
            "--time, --split group, --categorical, --cyclic, --window and --missing indicator need all rows at once; these files are streamed (--stream=false reads them whole)",
        ));
    }
    if options.split != SplitBy::Random {
        return Err(RunError::Request(format!(
            "--split {} needs all rows at once; these files are streamed (--stream=false reads them whole)",
            options.split
        )));
    }
    let read = read_options(config, &Rows::Files(paths.clone()))?;
    let opened = Streamed::open(&paths, &read, options, on_rows);
    let mut streamed = opened.map_err(|error| match error {
        // It names the file.
        TrainError::Data(error) => error.into(),
        error => RunError::of(origin::names(&paths), error),
    })?;
    let dataset = std::mem::take(&mut streamed.dataset);
    let form = std::mem::take(&mut streamed.form);
    if config.sentinel.is_none() {
        let found = sentinel::find(&dataset.names, dataset.features.view());
        streamed.notes.extend(found.iter().map(|found| sentinel_note(found, false, read.missing)));
    }
    let input = Input { notes: std::mem::take(&mut streamed.notes), ..Input::default() };
    let source = Source::Files {
        paths,
        missing: read.missing,
        dropped_rows: streamed.dropped,
        row_numbers: Some(std::mem::take(&mut streamed.row_numbers)),
        memory: Box::new(memory(&read, form)),
        streamed: Some(Counted { rows: streamed.rows - streamed.dropped, anomalies: streamed.anomalies }),
        input,
    };
    Ok((Loaded { dataset, source, warnings: Vec::new() }, streamed))
}
