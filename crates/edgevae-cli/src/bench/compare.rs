//! What a change made slower: two runs of `edgevae bench` on machines of a kind, ratio by ratio.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

use super::{Figure, Results, cores};
use edgevae_trainer::fit::measure;

/// A median that is worse by less than this is no regression, however little the turns spread.
const TOLERANCE: f64 = 0.1;

/// Bytes of a file that are looked at: far more than a run takes.
const LARGEST: u64 = 16 << 20;

/// Turns below which a spread says nothing.
const LEAST_TURNS: usize = 3;

/// Two runs beside each other.
pub struct Comparison {
    changes: Vec<Change>,
    /// Ratios that one of the runs has not.
    alone: Vec<String>,
}

struct Change {
    name: String,
    before: Figure,
    now: Figure,
}

/// Reads what `edgevae bench --json` wrote.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn read(path: &Path) -> anyhow::Result<Results> {
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text).with_context(|| format!("{}: cannot be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!("{}: expected what this edgevae's `bench --json` writes; measure it again", path.display())
    })
}

/// Whether a run on this machine can be compared with one from before; to be asked before the work.
///
/// # Errors
/// What differs, and what to do.
pub fn check(before: &Results, quick: bool, repeats: usize) -> anyhow::Result<()> {
    let turns = before.repeats.min(repeats);
    anyhow::ensure!(
        turns >= LEAST_TURNS,
        "found a run of {turns} turns; expected {LEAST_TURNS} or more in both that are compared: raise --repeats"
    );
    let cores = cores();
    anyhow::ensure!(
        before.cores == cores,
        "the run to compare with was made on {} cores, this machine has {cores}; compare on a machine of the same kind",
        before.cores
    );
    let [was, is] = [before.quick, quick].map(|quick| if quick { "with" } else { "without" });
    anyhow::ensure!(
        was == is,
        "the run to compare with was made {was} --quick, this one is {is} it; run both in one way"
    );
    let instructions = measure::instructions();
    anyhow::ensure!(
        before.instructions == instructions,
        "the run to compare with was made with {}, this machine has {instructions}: their ratios differ without a regression; \
         compare on a machine of the same kind",
        before.instructions
    );
    Ok(())
}

impl Comparison {
    /// Every ratio of both runs.
    pub fn new(before: &Results, now: &Results) -> Self {
        let (mut before, mut changes, mut alone) = (before.ratios(), Vec::new(), Vec::new());
        for (name, now) in now.ratios() {
            match before.iter().position(|(other, _)| *other == name) {
                Some(at) => changes.push(Change { name, before: before.remove(at).1, now }),
                None => alone.push(name),
            }
        }
        alone.extend(before.into_iter().map(|(name, _)| name));
        Self { changes, alone }
    }

    /// Whether anything became slower.
    pub fn is_slower(&self) -> bool {
        self.changes.iter().any(|change| change.verdict() == "slower")
    }
}

impl Change {
    /// A ratio has moved when no turn of one run is within the turns of the other, and the medians differ by more than the
    /// tolerance.
    fn verdict(&self) -> &'static str {
        let Self { before, now, .. } = self;
        if now.most < before.least && now.median < (1.0 - TOLERANCE) * before.median {
            "slower"
        } else if now.least > before.most && now.median > (1.0 + TOLERANCE) * before.median {
            "faster"
        } else {
            "within the spread"
        }
    }
}

impl Results {
    /// All ratios; larger is better.
    fn ratios(&self) -> Vec<(String, Figure)> {
        let mut ratios = Vec::new();
        for times in &self.training {
            let shape = &times.shape;
            ratios.push((format!("fit {shape}, share of the sgemm limit"), times.fit_share_of_limit));
            ratios.push((format!("step {shape}, over a dfdx graph"), times.faster_than_graph));
            ratios.push((format!("fit {shape}, two threads over one"), times.two_threads));
            if let Some(ratio) = times.faster_than_torch {
                ratios.push((format!("fit {shape}, over PyTorch"), ratio));
            }
        }
        ratios.push(("scoring in memory, share of the sgemm limit".into(), self.scoring.share_of_limit));
        ratios.push(("scoring in memory, two threads over one".into(), self.scoring.two_threads));
        for times in &self.files {
            ratios.push((format!("scoring of {} over reading alone", times.format), times.over_reading));
        }
        ratios
    }
}

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        write!(out, "| Ratio: median (least to most) | before | now | |\n|---|---|---|---|")?;
        for change in &self.changes {
            let [before, now] = [change.before, change.now]
                .map(|Figure { median, least, most }| format!("{median:.2} ({least:.2} to {most:.2})"));
            write!(out, "\n| {} | {before} | {now} | {} |", change.name, change.verdict())?;
        }
        for name in &self.alone {
            write!(out, "\n| {name} | | | in one run only |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_in_the_docs_can_be_compared_with() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks/avx512.json");
        let run = read(&path).unwrap();
        let same = Comparison::new(&run, &run);
        assert!(same.changes.len() > 15 && same.alone.is_empty() && !same.is_slower(), "{same}");
    }

    #[test]
    fn only_a_move_beyond_spread_and_tolerance_counts() {
        let figure = |least, median, most| Figure { median, least, most };
        let verdict = |now| Change { name: "x".into(), before: figure(0.9, 1.0, 1.2), now }.verdict();
        assert_eq!(verdict(figure(0.7, 0.8, 0.89)), "slower");
        assert_eq!(verdict(figure(0.7, 0.8, 0.9)), "within the spread");
        assert_eq!(verdict(figure(1.3, 1.4, 1.5)), "faster");
        let narrow = Change { name: "x".into(), before: figure(1.0, 1.0, 1.0), now: figure(0.91, 0.92, 0.93) };
        assert_eq!(narrow.verdict(), "within the spread");
    }
}
