//! Rows of a file through a model: what `score`, `evaluate` and `calibrate` share.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use edgevae_core::ScoreError;
use edgevae_core::format::input::WindowSpec;
use edgevae_trainer::export::model_file::{AnyModel, ModelFile};
use edgevae_trainer::options::MOST_THREADS;
use edgevae_trainer::score::{self, BlockScorer, RowVerdict};
use edgevae_trainer::table::block::{Block, Counts, Position};
use edgevae_trainer::table::form::{self, Decimal, Sentinel};
use edgevae_trainer::table::options::{self, FileForm, Format, ReadOptions};
use edgevae_trainer::table::pipeline::for_each_block;
use edgevae_trainer::table::reading::Reading;
use edgevae_trainer::table::source::Source;
use ndarray::Array2;

/// How a file with rows for an existing model is read.
#[derive(Debug, Args)]
pub struct RowsArgs {
    /// CSV file with a header, JSON lines or Parquet; columns in any order; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Format of the rows [default: by the extension, CSV for any that is not known]
    #[arg(long, value_parser = crate::args::value::<Format>())]
    format: Option<Format>,
    #[command(flatten)]
    form: FormArgs,
    /// Threads that parse and score; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_THREADS)))]
    threads: Option<u16>,
}

/// How the file is written, where that is not to be detected.
#[derive(Debug, Args)]
struct FormArgs {
    /// Field separator [default: the model's, or detected]
    #[arg(long, value_name = "CHARACTER", value_parser = options::parse_delimiter)]
    delimiter: Option<u8>,
    /// Decimal mark: . or , [default: detected, else the model's]
    #[arg(long, value_name = "MARK")]
    decimal: Option<Decimal>,
    /// Separator of thousands: , . ' _ or the word blank [default: detected, else the model's]
    #[arg(long, value_name = "CHARACTER", value_parser = form::parse_thousands)]
    thousands: Option<char>,
    /// The file has no line of column names: columns are c1, c2, ... [default: as the model's training files]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    no_header: Option<bool>,
    /// Lines to skip above the column names [default: the model's, or detected]
    #[arg(long, value_name = "N")]
    skip_rows: Option<u32>,
    /// Words that stand for a missing cell besides the usual ones; `!WORD` takes one out [default: the model's]
    #[arg(long, value_name = "WORD,...", value_delimiter = ',')]
    missing_words: Vec<String>,
    /// Numbers that stand for a missing reading: -9999, temperature=85; `none` reads all as numbers [default: the model's]
    #[arg(long, value_name = "NUMBER,...", value_delimiter = ',', allow_hyphen_values = true)]
    sentinel: Vec<Sentinel>,
    /// Encoding of text: utf-8, utf-16le, latin-1, ... [default: detected]
    #[arg(long, value_name = "NAME", value_parser = form::parse_encoding)]
    encoding: Option<String>,
}

impl FormArgs {
    fn form(&self) -> FileForm {
        FileForm {
            delimiter: self.delimiter,
            decimal: self.decimal,
            thousands: self.thousands,
            missing_words: self.missing_words.clone(),
            header: self.no_header.map(|none| !none),
            skip_rows: self.skip_rows,
            encoding: self.encoding.clone(),
            sentinels: self.sentinel.clone(),
            ..FileForm::default()
        }
    }
}

/// How the cells of columns are read, by name.
type Readings = Vec<(String, Reading)>;

/// One row that has a score.
pub struct ScoredRow {
    /// Data row, counted from 1.
    pub number: u64,
    /// `true` for an anomaly, where labels were asked for.
    pub label: Option<bool>,
    pub verdict: RowVerdict,
}

/// A block's rows that have a score: all of them, or those before the first that has none.
pub struct Scored<'a> {
    block: &'a Block,
    verdicts: &'a [RowVerdict],
    scorer: &'a BlockScorer<'a>,
    inputs: usize,
}

impl Scored<'_> {
    /// What the network took for each of these rows: the values as they were read, or encoded.
    pub fn samples(&self) -> impl Iterator<Item = &[f32]> {
        let cells = self.scorer.samples(self.block);
        cells.chunks_exact(self.inputs).take(self.verdicts.len())
    }

    pub fn rows(&self) -> impl Iterator<Item = ScoredRow> {
        self.verdicts.iter().enumerate().map(|(index, &verdict)| {
            let (place, label) = self.scorer.place(self.block, index);
            ScoredRow { number: self.block.row_number(place), label, verdict }
        })
    }
}

/// What a pass over a file came to.
pub struct Tally {
    rows: u64,
    scored: u64,
    pub anomalies: u64,
    dropped: u64,
    /// Empty cells that the model fills.
    filled: u64,
    out_of_range: u64,
    threshold: f32,
    window: WindowSpec,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, scored, anomalies, dropped, filled, out_of_range, threshold, window } = self;
        write!(f, "{rows} rows, ")?;
        if *window != WindowSpec::ROW {
            let WindowSpec { rows, stride, .. } = window;
            write!(f, "{scored} windows of {rows} every {stride} (a line for the last row of each), ")?;
        }
        write!(f, "{anomalies} above the threshold {threshold}")?;
        if *out_of_range > 0 {
            write!(f, " or out of range ({out_of_range} have a reading beyond the range of the model)")?;
        }
        if *filled > 0 {
            write!(f, "; {filled} empty cells were filled, as in training")?;
        }
        if *dropped > 0 { write!(f, "; {dropped} rows with missing cells left out, as in training") } else { Ok(()) }
    }
}

/// All rows of a file.
pub struct Table {
    /// Raw units, `[ROWS, IN]`, in the order of the model; NaN for a missing cell, only where the model fills them.
    pub features: Array2<f32>,
    /// `true` for an anomaly, where labels were asked for.
    pub labels: Option<Vec<bool>>,
    /// Where each row stands in the file.
    pub places: Vec<Position>,
}

/// What a thread needs, beside what its caller wants.
struct Worker<'m, W> {
    scorer: BlockScorer<'m>,
    verdicts: Vec<RowVerdict>,
    failed: Option<(usize, ScoreError)>,
    own: W,
}

impl RowsArgs {
    /// Name of the source in messages.
    pub fn name(&self) -> String {
        if self.is_stdin() { "standard input".into() } else { self.data.display().to_string() }
    }

    /// The file of rows with its flag, for [`refuse_inputs`](edgevae_trainer::base::output::refuse_inputs).
    pub fn input(&self) -> (&'static str, &Path) {
        ("--data", &self.data)
    }

    fn is_stdin(&self) -> bool {
        self.data == Path::new("-")
    }

    /// The opened rows, and how the cells of columns are read that hold something other than numbers.
    fn open(&self, model: &AnyModel<'_>, label: Option<&str>, quiet: bool) -> anyhow::Result<(Source, Readings)> {
        let options = ReadOptions { format: self.format, form: self.form.form(), ..score::read_options(model, label)? };
        let source = if self.is_stdin() {
            Source::stream(io::stdin(), &self.name(), &options)?
        } else {
            Source::open(&self.data, &options)?
        };
        for note in source.notes.iter().filter(|_| !quiet) {
            note!("note: {}: {note}", self.name());
        }
        let extra = &source.extra_columns;
        if !extra.is_empty() && !quiet {
            note!("note: ignored, because the model does not know them: {}", shortened(extra));
        }
        Ok((source, options.readings))
    }

    /// Reads the samples that a model takes and hands them to `each` in blocks, in order, without a score.
    pub fn read(
        &self,
        model: &AnyModel<'_>,
        quiet: bool,
        mut each: impl FnMut(&Block) -> anyhow::Result<()> + Send,
    ) -> anyhow::Result<()> {
        let (mut source, readings) = self.open(model, None, quiet)?;
        let counts = for_each_block(&mut source, 1, || (), |(), _| (), |(), block| each(block))?;
        self.told(&counts, &readings, source.unusual(), quiet);
        Ok(())
    }

    /// Scores every row in order and hands it to `each`; memory does not grow with the file.
    pub fn score(
        &self,
        file: &ModelFile,
        label: Option<&str>,
        quiet: bool,
        mut each: impl FnMut(ScoredRow) + Send,
    ) -> anyhow::Result<Tally> {
        let deliver = |(): &mut (), scored: &Scored<'_>| {
            scored.rows().for_each(&mut each);
            Ok(())
        };
        self.score_blocks(file, label, quiet, || (), |(), _| (), deliver)
    }

    /// Scores a file in blocks: `work` sees each on one of several threads, `each` sees them one at a time and in order.
    pub fn score_blocks<W>(
        &self,
        file: &ModelFile,
        label: Option<&str>,
        quiet: bool,
        make: impl Fn() -> W + Sync,
        work: impl Fn(&mut W, &Scored<'_>) + Sync,
        mut each: impl FnMut(&mut W, &Scored<'_>) -> io::Result<()> + Send,
    ) -> anyhow::Result<Tally> {
        let model = file.any()?;
        let (mut source, readings) = self.open(&model, label, quiet)?;
        let names = source.feature_names.clone();
        let (mut anomalies, mut out_of_range, mut scored) = (0, 0, 0);
        let inputs = usize::from(model.header().inputs);
        // A window looks across blocks: they are encoded one after the other, and the samples of each are divided.
        let window = if let AnyModel::Raw(model) = &model { model.window() } else { WindowSpec::ROW };
        if window != WindowSpec::ROW && !quiet {
            note!("note: the rows of a file are taken as one series in its order; several machines want a file each");
        }
        let (threads, within) = if window.rows == 1 { (self.threads(), 1) } else { (1, self.threads()) };
        let make =
            || Worker { scorer: BlockScorer::new(&model, within), verdicts: Vec::new(), failed: None, own: make() };
        let work = |worker: &mut Worker<'_, W>, block: &Block| {
            let Worker { scorer, verdicts, failed, own } = worker;
            *failed = scorer.score(block, verdicts).err();
            work(own, &Scored { block, verdicts, scorer, inputs });
        };
        let deliver = |worker: &mut Worker<'_, W>, block: &Block| -> anyhow::Result<()> {
            let count = |marked: fn(&RowVerdict) -> bool| worker.verdicts.iter().filter(|v| marked(v)).count() as u64;
            anomalies += count(|verdict| verdict.is_anomaly);
            out_of_range += count(|verdict| verdict.out_of_range == Some(true));
            scored += worker.verdicts.len() as u64;
            let Worker { scorer, verdicts, own, .. } = worker;
            each(own, &Scored { block, verdicts, scorer, inputs })?;
            match worker.failed {
                None => Ok(()),
                Some((row, error)) => {
                    let column = match error {
                        ScoreError::NonFinite { index } => format!(", column {:?}", names[index]),
                        _ => String::new(),
                    };
                    let position = block.position(row);
                    anyhow::bail!("{}: {position}{column}: {error}; correct or remove the row", self.name());
                }
            }
        };
        let counts = for_each_block(&mut source, threads, make, work, deliver)?;
        self.told(&counts, &readings, source.unusual(), quiet);
        let Counts { rows, dropped, missing: filled, .. } = counts;
        let threshold = model.header().threshold;
        Ok(Tally { rows: rows - dropped, scored, anomalies, dropped, filled, out_of_range, threshold, window })
    }

    /// All rows in memory, for those who need them more than once.
    pub fn table(&self, model: &AnyModel<'_>, label: Option<&str>, quiet: bool) -> anyhow::Result<Table> {
        let (mut source, readings) = self.open(model, label, quiet)?;
        let inputs = source.feature_names.len();
        let (mut cells, mut labels, mut places) = (Vec::new(), label.map(|_| Vec::new()), Vec::new());
        let each = |(): &mut (), block: &Block| -> anyhow::Result<()> {
            cells.extend_from_slice(&block.cells);
            labels.iter_mut().for_each(|labels| labels.extend_from_slice(&block.labels));
            places.extend((0..block.len()).map(|row| block.position(row)));
            Ok(())
        };
        let counts = for_each_block(&mut source, self.threads(), || (), |(), _| (), each)?;
        self.told(&counts, &readings, source.unusual(), quiet);
        let features = Array2::from_shape_vec((places.len(), inputs), cells)?;
        Ok(Table { features, labels, places })
    }

    /// Notes on rows that were read and look unusual.
    fn told(&self, counts: &Counts, readings: &Readings, unusual: Vec<String>, quiet: bool) {
        if quiet {
            return;
        }
        let unseen = readings.iter().filter_map(|(column, reading)| match reading {
            Reading::Category(levels) => levels.unseen_note(column),
            _ => None,
        });
        for note in counts.broken.note(&self.name()).into_iter().chain(unusual).chain(unseen) {
            note!("note: {note}");
        }
    }

    fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}

/// The first few names, and how many more.
fn shortened(names: &[String]) -> String {
    let shown = names.len().min(5);
    let more = if names.len() > shown { format!(" and {} more", names.len() - shown) } else { String::new() };
    names[..shown].join(", ") + &more
}
