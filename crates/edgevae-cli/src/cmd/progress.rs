//! What a user sees while a fit runs: a bar on a terminal, a few plain lines otherwise, nothing when quiet.

use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edgevae_trainer::fit::EpochRecord;
use edgevae_trainer::run::stream::RowProgress;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Lines that a run prints where there is no terminal; each of several fits has at least its last.
const PLAIN_LINES: usize = 10;

/// Time between the lines that a stream prints there.
const PLAIN_PAUSE: Duration = Duration::from_secs(10);

pub struct Progress {
    output: Output,
    /// How many fits there are, and of how many epochs each.
    plan: Mutex<(usize, usize)>,
    pace: Mutex<Pace>,
}

enum Output {
    Bar(ProgressBar),
    Lines { last: Mutex<Instant> },
    Quiet,
}

/// How far the rows of a stream are, and how many of them this run has read.
struct Pace {
    since: Instant,
    /// Fits that are complete.
    fits: usize,
    last: RowProgress,
    read: u64,
}

impl Pace {
    fn new(since: Instant) -> Self {
        Self { since, fits: 0, last: RowProgress { epoch: 0, rows: 0, of: 0 }, read: 0 }
    }

    fn advance(&mut self, now: RowProgress) {
        let last = std::mem::replace(&mut self.last, now);
        self.fits += usize::from(now.epoch < last.epoch);
        self.read += if now.epoch == last.epoch { now.rows.saturating_sub(last.rows) } else { now.rows };
    }

    /// Rows a second, and the time that the rest of all fits takes at that pace.
    fn rate_and_left(&self, fits: usize, epochs: usize, at: Instant) -> (f64, Duration) {
        let RowProgress { epoch, rows, of } = self.last;
        let rate = self.read as f64 / (at - self.since).as_secs_f64().max(1e-9);
        let done = self.fits * epochs + epoch.saturating_sub(1);
        let left = (fits * epochs).saturating_sub(done) as f64 * of as f64 - rows as f64;
        (rate, Duration::try_from_secs_f64(left / rate).unwrap_or_default())
    }
}

/// What a thread that panicked left is a picture of the past at worst.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    pub fn new(epochs: usize, quiet: bool) -> Self {
        let output = if quiet {
            Output::Quiet
        } else if std::io::stderr().is_terminal() {
            Output::Bar(
                ProgressBar::new(epochs as u64).with_style(style("{bar:24} epoch {pos}/{len}  {msg}  {eta} left")),
            )
        } else {
            Output::Lines { last: Mutex::new(Instant::now()) }
        };
        Self { output, plan: Mutex::new((1, epochs)), pace: Mutex::new(Pace::new(Instant::now())) }
    }

    /// Sets how many fits there are, of how many epochs, where that is known only once the data are; they begin now.
    pub fn set_epochs(&self, several: usize, each: usize) {
        *locked(&self.plan) = (several, each);
        // The pace of the statistics says nothing about that of the fit.
        *locked(&self.pace) = Pace::new(Instant::now());
        if let Output::Bar(bar) = &self.output {
            bar.set_length((several * each) as u64);
        }
    }

    /// Goes on where a checkpoint is: after so many complete fits, and so many epochs of the next.
    pub fn resume(&self, fits: usize, epochs: usize) {
        if let Ok(mut pace) = self.pace.lock() {
            pace.fits = fits;
        }
        if let Output::Bar(bar) = &self.output {
            bar.set_position((fits * locked(&self.plan).1 + epochs) as u64);
            bar.reset_eta();
        }
    }

    pub fn epoch(&self, record: &EpochRecord) {
        let (fits, epochs) = &*locked(&self.plan);
        match &self.output {
            Output::Bar(bar) => {
                bar.set_message(summary(record));
                bar.inc(1);
            }
            Output::Lines { .. } => {
                let step = epochs.div_ceil((PLAIN_LINES / fits).max(1));
                let first = *fits == 1 && record.epoch == 1;
                if first || record.epoch == *epochs || record.epoch.is_multiple_of(step) {
                    let which = if *fits == 1 { String::new() } else { format!("one of {fits} fits  ") };
                    note!("{which}epoch {}/{epochs}  {}", record.epoch, summary(record));
                }
            }
            Output::Quiet => {}
        }
    }

    /// How far a stream has come, how fast, and how long it will take.
    pub fn rows(&self, progress: RowProgress) {
        let now = Instant::now();
        let (fits, epochs) = *locked(&self.plan);
        let (rate, left) = match self.pace.lock() {
            Ok(mut pace) => {
                pace.advance(progress);
                pace.rate_and_left(fits, epochs, now)
            }
            Err(_) => return,
        };
        let RowProgress { epoch, rows, of } = progress;
        let text = || match epoch {
            0 => format!("statistics: {rows} rows, {rate:.0} a second"),
            _ => format!("{rows} of {of} rows, {rate:.0} a second, {} left", HumanDuration(left)),
        };
        match &self.output {
            Output::Bar(bar) => {
                // The bar counts epochs; rows know the time left better than it does.
                bar.set_style(style("{bar:24} epoch {pos}/{len}  {msg}"));
                bar.set_message(text());
            }
            Output::Lines { last } => {
                let Ok(mut last) = last.lock() else { return };
                if last.elapsed() >= PLAIN_PAUSE {
                    *last = now;
                    note!("epoch {epoch}/{epochs}  {}", text());
                }
            }
            Output::Quiet => {}
        }
    }

    pub fn finish(&self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constant and valid")
}

fn summary(record: &EpochRecord) -> String {
    let EpochRecord { beta, reconstruction_loss, kl, objective, .. } = record;
    let validation = record.validation_objective.map(|value| format!("  validation {value:.3}")).unwrap_or_default();
    format!("beta {beta:.2}  reconstruction {reconstruction_loss:.3}  kl {kl:.3}  objective {objective:.3}{validation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_counts_the_epochs_of_all_fits_at_the_pace_of_this_run() {
        let start = Instant::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let rows = |epoch, rows| RowProgress { epoch, rows, of: 100 };
        // On from a checkpoint with one complete fit and seven epochs of the second.
        let mut pace = Pace { fits: 1, ..Pace::new(start) };
        pace.advance(rows(8, 50));
        assert_eq!(pace.rate_and_left(3, 10, second(1)), (50.0, Duration::from_secs(25)));
        pace.advance(rows(8, 100));
        pace.advance(rows(9, 50));
        assert_eq!(pace.rate_and_left(3, 10, second(3)), (50.0, Duration::from_secs(23)));
        pace.advance(rows(9, 100));
        pace.advance(rows(10, 100));
        pace.advance(rows(1, 50));
        assert_eq!(pace.rate_and_left(3, 10, second(7)), (50.0, Duration::from_secs(19)));
    }
}
