//! What a change made slower: two runs of `edgevae bench` on machines of a kind, ratio by ratio.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::Context as _;

use super::{Figure, Results};
use crate::fit::step::Level;

/// A median that is worse by less than this is no regression, however little the turns spread.
const TOLERANCE: f64 = 0.1;

/// Two runs beside each other.
pub struct Comparison(Vec<Change>);

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
    let text = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!("{}: expected what this edgevae's `bench --json` writes; measure it again", path.display())
    })
}

/// Whether a run on this machine can be compared with one from before; to be asked before the work.
///
/// # Errors
/// What differs, and what to do.
pub fn check(before: &Results, quick: bool) -> anyhow::Result<()> {
    let [was, is] = [before.quick, quick].map(|quick| if quick { "with" } else { "without" });
    anyhow::ensure!(
        was == is,
        "the run to compare with was made {was} --quick, this one is {is} it; run both in one way"
    );
    let instructions = Level::best().name();
    anyhow::ensure!(
        before.instructions == instructions,
        "the run to compare with was made with {}, this machine has {instructions}: their ratios differ without a regression; \
         compare on a machine of the same kind",
        before.instructions
    );
    Ok(())
}

impl Comparison {
    /// Ratios that both runs have.
    pub fn new(before: &Results, now: &Results) -> Self {
        let before = before.ratios();
        let change = |(name, now): (String, Figure)| {
            let (_, before) = *before.iter().find(|(other, _)| *other == name)?;
            Some(Change { name, before, now })
        };
        Self(now.ratios().into_iter().filter_map(change).collect())
    }

    /// Whether anything became slower.
    pub fn is_slower(&self) -> bool {
        self.0.iter().any(|change| change.verdict() == "slower")
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
            ratios.push((format!("scoring of {}, over {}", times.format, times.reader), times.over_reading));
        }
        ratios
    }
}

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        writeln!(out, "| Ratio: median (least to most) | before | now | |\n|---|---|---|---|")?;
        for (index, change) in self.0.iter().enumerate() {
            let [before, now] = [change.before, change.now]
                .map(|Figure { median, least, most }| format!("{median:.2} ({least:.2} to {most:.2})"));
            let end = if index + 1 < self.0.len() { "\n" } else { "" };
            write!(out, "| {} | {before} | {now} | {} |{end}", change.name, change.verdict())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
