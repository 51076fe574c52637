//! What a user sees while a fit runs: a bar on a terminal, a few plain lines otherwise, nothing when quiet.

use std::io::IsTerminal as _;

use edgevae_trainer::fit::EpochRecord;
use indicatif::{ProgressBar, ProgressStyle};

/// Lines that a fit prints where there is no terminal.
const PLAIN_LINES: usize = 10;

pub enum Progress {
    Bar(ProgressBar),
    Lines { epochs: usize },
    Quiet,
}

impl Progress {
    pub fn new(epochs: usize, quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { epochs };
        }
        let style = ProgressStyle::with_template("{bar:24} epoch {pos}/{len}  {msg}  {eta} left");
        let bar = ProgressBar::new(epochs as u64);
        bar.set_style(style.expect("the template is constant and valid"));
        Self::Bar(bar)
    }

    pub fn epoch(&self, record: &EpochRecord) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(summary(record));
                bar.inc(1);
            }
            Self::Lines { epochs } => {
                let step = epochs.div_ceil(PLAIN_LINES);
                if record.epoch == 1 || record.epoch == *epochs || record.epoch.is_multiple_of(step) {
                    eprintln!("epoch {}/{epochs}  {}", record.epoch, summary(record));
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
