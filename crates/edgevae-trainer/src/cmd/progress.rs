//! What a user sees while a fit runs: a bar on a terminal, a few plain lines otherwise, nothing when quiet.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use edgevae_trainer::fit::EpochRecord;
use edgevae_trainer::train::stream::RowProgress;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Lines that a run prints where there is no terminal; each of several fits has at least its last.
const PLAIN_LINES: usize = 10;

/// Time between the lines that a stream prints there.
const PLAIN_PAUSE: Duration = Duration::from_secs(10);

pub enum Progress {
    Bar(ProgressBar),
    Lines { fits: usize, epochs: usize, last: Mutex<Instant> },
    Quiet,
}

impl Progress {
    pub fn new(epochs: usize, quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { fits: 1, epochs, last: Mutex::new(Instant::now()) };
        }
        let style = ProgressStyle::with_template("{bar:24} epoch {pos}/{len}  {msg}  {eta} left");
        let bar = ProgressBar::new(epochs as u64);
        bar.set_style(style.expect("the template is constant and valid"));
        Self::Bar(bar)
    }

    /// Sets how many fits there are, of how many epochs, where that is known only once the data are.
    pub fn set_epochs(&mut self, several: usize, each: usize) {
        match self {
            Self::Bar(bar) => bar.set_length((several * each) as u64),
            Self::Lines { fits, epochs, .. } => (*fits, *epochs) = (several, each),
            Self::Quiet => {}
        }
    }

    pub fn epoch(&self, record: &EpochRecord) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(summary(record));
                bar.inc(1);
            }
            Self::Lines { fits, epochs, .. } => {
                let step = epochs.div_ceil((PLAIN_LINES / fits).max(1));
                let first = *fits == 1 && record.epoch == 1;
                if first || record.epoch == *epochs || record.epoch.is_multiple_of(step) {
                    let which = if *fits == 1 { String::new() } else { format!("one of {fits} fits  ") };
                    note!("{which}epoch {}/{epochs}  {}", record.epoch, summary(record));
                }
            }
            Self::Quiet => {}
        }
    }

    /// How far a stream has come, how fast, and how long it will take.
    pub fn rows(&self, progress: RowProgress, since: Instant) {
        let RowProgress { epoch, rows, of } = progress;
        let text = |epochs: u64| {
            let done = epoch.saturating_sub(1) as f64 * of as f64 + rows as f64;
            let rate = done / since.elapsed().as_secs_f64().max(1e-9);
            let left = Duration::try_from_secs_f64((epochs as f64 * of as f64 - done) / rate).unwrap_or_default();
            match epoch {
                0 => format!("statistics: {rows} rows, {rate:.0} a second"),
                _ => format!("{rows} of {of} rows, {rate:.0} a second, {} left", HumanDuration(left)),
            }
        };
        match self {
            Self::Bar(bar) => bar.set_message(text(bar.length().unwrap_or_default())),
            Self::Lines { epochs, last, .. } => {
                let Ok(mut last) = last.lock() else { return };
                if last.elapsed() >= PLAIN_PAUSE {
                    *last = Instant::now();
                    note!("epoch {epoch}/{epochs}  {}", text(*epochs as u64));
                }
            }
            Self::Quiet => {}
        }
    }

    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn summary(record: &EpochRecord) -> String {
    let EpochRecord { beta, reconstruction_loss, kl, objective, .. } = record;
    let validation = record.validation_objective.map(|value| format!("  validation {value:.3}")).unwrap_or_default();
    format!("beta {beta:.2}  reconstruction {reconstruction_loss:.3}  kl {kl:.3}  objective {objective:.3}{validation}")
}
