//! Scores the samples of a file on the emulated core, as `edgevae score` does on the desk.
//!
//! Reads `samples.bin` (from `edgevae samples`: the row's number as `u32`, then `IN` times `f32`, little-endian), writes
//! `scores.csv`, and with an int8 model `integers.bin`, its scores as little-endian `u64`. A lamp on standard error shows
//! where the state changes. A model with an encoder takes raw rows, and a line is written where a window ends. A row
//! without a score has no line, and makes the exit code 3.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::fmt;

#[cfg(feature = "encoding")]
use edgevae_core::RawModel;
use edgevae_core::{LoadError, Model, QuantizedModel, QuantizedVerdict, ScoreError, Verdict};
use edgevae_firmware::{Board, State, watch_series};
use qemu::model::{EmbeddedDetector, EmbeddedModel, EmbeddedVerdict, IN, MODEL, next};
use qemu::{end, entry};
use semihosting::eprintln;
use semihosting::fs::File;
use semihosting::io::{self, Read as _, Write as _};
use semihosting::process;

/// Exit code of a run in which a row had no score.
const FAULTS: i32 = 3;

#[entry]
fn main() -> ! {
    let outcome = run();
    if let Ok(faults @ 1..) = outcome {
        eprintln!("{faults} row{} without a score", if faults == 1 { "" } else { "s" });
        process::exit(FAULTS)
    }
    end(outcome.map(|_| ()))
}

/// The number of rows without a score.
fn run() -> Result<u32, Error> {
    let model = EmbeddedModel::from_bytes(MODEL).map_err(Error::Load)?;
    let mut detector = EmbeddedDetector::new(&model).map_err(Error::Load)?;
    let (samples, scores) = (File::open(c"samples.bin")?, File::create(c"scores.csv")?);
    let integers = if <EmbeddedVerdict as Record<EmbeddedModel<'_>>>::IS_INTEGER {
        Some(File::create(c"integers.bin")?)
    } else {
        None
    };
    let mut board = Emulated { model: &model, samples, scores, integers, row: 0, faults: 0, state: State::Normal };
    board.scores.write_all(<EmbeddedVerdict as Record<EmbeddedModel<'_>>>::HEADER)?;
    watch_series(|sample| next(&mut detector, sample), &mut board)?;
    Ok(board.faults)
}

/// A verdict of a model `M` as `edgevae score` writes it.
trait Record<M>: Copy {
    const HEADER: &'static [u8] = b"row,score,is_anomaly\n";
    const IS_INTEGER: bool = false;

    /// The score, in the unit of the float model.
    fn score(self, model: &M) -> f32;
    /// What a score above is an anomaly.
    fn threshold(model: &M) -> f32;
    /// Columns behind the score.
    fn columns(self) -> &'static str;
    fn integer(self) -> u64 {
        0
    }
}

impl Record<Model<'_>> for Verdict {
    fn score(self, _: &Model<'_>) -> f32 {
        self.score
    }

    fn threshold(model: &Model<'_>) -> f32 {
        model.threshold()
    }

    fn columns(self) -> &'static str {
        if self.is_anomaly { ",1\n" } else { ",0\n" }
    }
}

#[cfg(feature = "encoding")]
impl<'m> Record<RawModel<'m>> for Verdict {
    fn score(self, _: &RawModel<'m>) -> f32 {
        self.score
    }

    fn threshold(model: &RawModel<'m>) -> f32 {
        model.model().threshold()
    }

    fn columns(self) -> &'static str {
        Record::<Model<'m>>::columns(self)
    }
}

impl Record<QuantizedModel<'_>> for QuantizedVerdict {
    const HEADER: &'static [u8] = b"row,score,is_anomaly,out_of_range\n";
    const IS_INTEGER: bool = true;

    fn score(self, model: &QuantizedModel<'_>) -> f32 {
        model.rendered(self.score)
    }

    fn threshold(model: &QuantizedModel<'_>) -> f32 {
        model.header().threshold
    }

    fn columns(self) -> &'static str {
        match (self.is_anomaly, self.out_of_range) {
            (false, _) => ",0,0\n",
            (true, false) => ",1,0\n",
            (true, true) => ",1,1\n",
        }
    }

    fn integer(self) -> u64 {
        self.score
    }
}

/// Files of the host in place of a sensor, its terminal in place of a lamp.
struct Emulated<'m> {
    model: &'m EmbeddedModel<'m>,
    samples: File,
    scores: File,
    integers: Option<File>,
    row: u32,
    faults: u32,
    state: State,
}

impl Board<IN, EmbeddedVerdict> for Emulated<'_> {
    type Error = Error;

    fn sample(&mut self, sample: &mut [f32; IN]) -> Result<bool, Error> {
        let mut number = [0; 4];
        if !self.fill(&mut number)? {
            return Ok(false);
        }
        self.row = u32::from_le_bytes(number);
        // Little-endian as the core is; a row is one call of the host, which stops the emulator.
        if self.fill(bytemuck::must_cast_slice_mut(sample))? { Ok(true) } else { Err(Error::CutShort(self.row)) }
    }

    fn show(&mut self, outcome: Result<EmbeddedVerdict, ScoreError>) -> Result<(), Error> {
        // The verdict of the embedded model, and of no other kind.
        type Of<'m> = EmbeddedModel<'m>;
        let (row, threshold) = (self.row, <EmbeddedVerdict as Record<Of<'_>>>::threshold(self.model));
        let score = outcome.map_or(0.0, |verdict| Record::<Of<'_>>::score(verdict, self.model));
        if let Ok(verdict) = outcome {
            let mut line = Line::default();
            line.push(itoa::Buffer::new().format(row));
            line.push(",");
            line.push(ryu::Buffer::new().format_finite(score));
            line.push(Record::<Of<'_>>::columns(verdict));
            self.scores.write_all(line.bytes())?;
            if let Some(integers) = &mut self.integers {
                integers.write_all(&Record::<Of<'_>>::integer(verdict).to_le_bytes())?;
            }
        } else {
            self.faults += 1;
        }
        if State::from(outcome) != self.state {
            self.state = outcome.into();
            match outcome {
                Ok(verdict) if verdict.is_anomaly => {
                    eprintln!("row {row}: lamp on, score {score} above {threshold}");
                }
                Ok(_) => eprintln!("row {row}: lamp off, score {score}"),
                Err(error) => eprintln!("row {row}: lamp blinks, sensor fault: {error}"),
            }
        }
        Ok(())
    }
}

impl Emulated<'_> {
    /// Fills `bytes`; `false` at the end of the file.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, Error> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.samples.read(&mut bytes[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(Error::CutShort(self.row)),
                read => filled += read,
            }
        }
        Ok(true)
    }
}

/// One line of output: every call of the host stops the emulator, so a line is one call.
#[derive(Default)]
struct Line {
    // A row number of at most 10 bytes, a score of at most 16, and ",", ",0,0\n".
    bytes: [u8; 32],
    length: usize,
}

impl Line {
    fn push(&mut self, text: &str) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        if let Some(slot) = free.get_mut(..text.len()) {
            slot.copy_from_slice(text.as_bytes());
            self.length += text.len();
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Why a run ended early.
enum Error {
    Load(LoadError),
    Host(io::Error),
    CutShort(u32),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the model is refused: {error}"),
            Self::Host(error) => write!(f, "samples.bin or scores.csv: {error:?}"),
            Self::CutShort(row) => write!(f, "samples.bin ends in the middle of row {row}"),
        }
    }
}
