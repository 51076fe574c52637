//! `--preset auto`: network and heads from the shape of the data and a budget of flash, never from labels.
//!
//! Which of them win was measured over many data sets (docs/QUALITY.md); what is chosen here is only how much of each fits.

use edgevae_core::format::{HeadKind, Missing};
use edgevae_core::head::Needs;

use crate::fit::vae::Shape;
use crate::options::{Contamination, HeadSizes, Options, Preset, Schedule, Score, Storage, TrainOn};
use crate::prepare::divide;
use crate::table::Dataset;

/// Networks that are joined to one: their mean misses less by chance than one as wide.
const MEMBERS: usize = 3;
/// Weight of the KL term: above 1 the latents keep what many rows share, and an anomaly among them has none of its own.
const BETA: f32 = 3.0;
/// Scaled features are held within so many standard deviations.
const CLIP: f32 = 32.0;
/// Share of the training rows left out before the second fit when nothing is known about anomalies among them.
const TRIM: f64 = 0.1;
/// Steps of the optimisation: small sets want a number of steps, large ones a number of passes.
const STEPS: std::ops::RangeInclusive<usize> = 600..=2000;
/// Passes over the training rows within those steps.
const PASSES: usize = 20;
/// Stored rows among which the nearest are sought where anomalies may be among them, and how many of the nearest count: a
/// small random sample rarely holds two of the same kind of anomaly, and 20 neighbours outvote those that it does.
const SAMPLE: usize = 256;
const NEAREST: usize = 20;
/// Stored rows that cover clean training rows, at most.
const COVERING: usize = 4096;
/// Numbers of a tail: step, rate and 17 knots.
const TAIL: usize = 19;

/// Bytes of a file that are no tensors, names apart: header, pad and checksum.
const FRAME: usize = 320;

/// The options of a run on these data: those of the preset `auto` completed, others as they are, with what was chosen and
/// why in one sentence.
///
/// Clean rows are covered by stored rows as densely as the budget allows, and the nearest one counts; rows with anomalies
/// among them are sampled, and the worst are left out before a second fit. Both add a histogram of each feature and the
/// Mahalanobis distance of residual and latents, in full where the covariance fits in three eighths of the budget.
///
/// `section`: bytes of the model's input section, 0 without one; it takes its share of the flash.
pub fn plan(options: &Options, dataset: &Dataset, missing: Missing, section: usize) -> (Options, Option<String>) {
    if options.preset != Preset::Auto {
        return (options.clone(), None);
    }
    let clean = options.contamination == Contamination::Share(0.0) || options.train_on == TrainOn::Normal;
    let given = |name| options.by_hand.contains(&name);
    let options = &Options {
        score: options.score_or_auto(),
        members: if given("members") { options.members } else { MEMBERS },
        ..options.clone()
    };
    // Where the rows cannot be divided, the run ends with the reason.
    let fitted = divide::fitted_rows(dataset, options).unwrap_or(2);
    // Wide rows: what costs least detection goes first.
    let members = if given("members") { options.members } else { 1 };
    let mut without = options.without.clone();
    if options.heads().len() > 1 && options.without.is_empty() && !given("score") {
        without.push(Score::Histogram);
    }
    let smaller =
        [options.clone(), Options { members, ..options.clone() }, Options { members, without, ..options.clone() }];
    let rooms = smaller.iter().map(|options| (options, Room::of(dataset, missing, section, options)));
    let (options, room) = rooms.reduce(|kept, next| if kept.1.fits { kept } else { next }).expect("there are three");
    let (stored, storage, nearest) = if clean {
        (room.stored.min(COVERING).min(fitted), Storage::Covering, 1)
    } else {
        let stored = room.stored.min(SAMPLE).min(fitted);
        (stored, Storage::Random, NEAREST.min(stored / 2))
    };
    let batches = fitted.div_ceil(options.batch_size);
    let epochs = match given("epochs") {
        true => options.epochs,
        false => (PASSES * batches).clamp(*STEPS.start(), *STEPS.end()).div_ceil(batches),
    };
    let trim = match options.contamination {
        _ if clean => 0.0,
        Contamination::Auto => TRIM,
        Contamination::Share(share) => share,
    };
    let planned = Options {
        clip: options.clip.or(Some(CLIP)),
        trim,
        hidden: room.hidden.clone(),
        latent: room.latent,
        epochs,
        beta: if given("beta") { options.beta } else { BETA },
        beta_schedule: if given("beta-schedule") { options.beta_schedule } else { Schedule::Linear },
        beta_warmup: if given("beta-warmup") { options.beta_warmup } else { (epochs / 2).max(1) },
        sizes: HeadSizes {
            stored_rows: stored.max(1) as u16,
            storage,
            nearest: nearest.max(1) as u8,
            bins: room.bins as u8,
            full_covariance: room.full_covariance,
            ..options.sizes
        },
        ..options.clone()
    };
    let sentence = said(&planned, &room, clean, dataset.names.len(), fitted);
    (planned, Some(sentence))
}

/// What fits into the flash budget.
struct Room {
    hidden: Vec<usize>,
    latent: usize,
    full_covariance: bool,
    bins: usize,
    /// Stored rows that the rest of the budget holds.
    stored: usize,
    /// Whether one stored row and the smallest of everything else fit.
    fits: bool,
}

impl Room {
    /// The network gets at most a third, the covariance three eighths, the histogram a sixth; stored rows get the rest.
    fn of(dataset: &Dataset, missing: Missing, section: usize, options: &Options) -> Self {
        let heads = options.heads();
        let has = |wanted: fn(&HeadKind) -> bool| usize::from(heads.iter().any(wanted));
        let needs = heads.iter().fold(Needs::default(), |needs, head| needs.or(head.needs()));
        let inputs = dataset.names.len();
        let names: usize = dataset.names.iter().map(|name| name.len() + 2).sum();
        let scaler = 4 * inputs * if missing == Missing::Mean { 3 } else { 2 };
        let budget = options.flash_budget.0.saturating_sub(FRAME + names + scaler + section);

        let given = |name| options.by_hand.contains(&name);
        let latent = match given("latent") {
            true => options.latent,
            false if inputs > 6 => 8,
            false => inputs.max(2),
        };
        let network = |hidden: &[usize]| {
            let hidden = hidden.iter().map(|width| options.members * width).collect();
            let shape = Shape { inputs, hidden, latent: options.members * latent, likelihood: options.likelihood };
            // The posterior's log variance is in the file only where a head asks for it.
            let logvar = if needs.logvar { 0 } else { shape.latent * (shape.hidden.last().unwrap_or(&0) + 1) };
            4 * (shape.parameters() - logvar)
        };
        let hidden = match given("hidden") {
            true => options.hidden.clone(),
            false => {
                let fits = |width: &usize| 3 * network(&[*width]) <= budget;
                vec![[32, 16, 8, 4, 2].into_iter().find(fits).unwrap_or(1)]
            }
        };
        let joint = inputs + options.members * latent;
        let has_joint = has(|kind| matches!(kind, HeadKind::JointMahalanobis { .. }));
        let covariance = |full: bool| has_joint * 4 * joint * if full { joint.div_ceil(2) + 2 } else { 2 };
        let full_covariance = 8 * covariance(true) <= 3 * budget;
        let has_histogram = has(|kind| matches!(kind, HeadKind::Histogram { .. }));
        let histogram = |bins: usize| has_histogram * 4 * inputs * (bins + 3);
        let bins = [32, 16, 8].into_iter().find(|&bins| 6 * histogram(bins) <= budget).unwrap_or(4);
        let tails = 4 * TAIL * heads.len();
        let taken = network(&hidden) + covariance(full_covariance) + histogram(bins) + tails;
        let stored = budget.saturating_sub(taken) / inputs.max(1);
        Self { hidden, latent, full_covariance, bins, stored, fits: taken + inputs <= budget }
    }
}

/// What was chosen and why.
fn said(planned: &Options, room: &Room, clean: bool, inputs: usize, fitted: usize) -> String {
    let HeadSizes { stored_rows, nearest, .. } = planned.sizes;
    let heads = planned.heads();
    let parts = heads.iter().map(|kind| match kind {
        HeadKind::Neighbours { .. } => format!("up to {stored_rows} stored rows, nearest {nearest}"),
        HeadKind::JointMahalanobis { full: true } => "covariance of residual and latents in full".into(),
        HeadKind::JointMahalanobis { full: false } => "variances of residual and latents".into(),
        HeadKind::Histogram { bins } => format!("{bins} bins"),
        kind => kind.name().into(),
    });
    let mut text = format!(
        "auto: {inputs} features and {fitted} rows to fit, {}: network {inputs}-{}-{}{}, {} epochs; score {} ({}) \
         within {}",
        if clean { "known to be clean" } else { "anomalies possible among them" },
        room.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join("-"),
        room.latent,
        if planned.members > 1 { format!(", {} of them joined", planned.members) } else { String::new() },
        planned.epochs,
        planned.score.name(),
        parts.collect::<Vec<_>>().join("; "),
        planned.flash_budget,
    );
    if planned.trim > 0.0 {
        text += &format!("; the worst {} % are left out before a second fit", 100.0 * planned.trim);
    }
    if !room.fits {
        text += "; even so it may be larger than --flash-budget";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Checkpoint, Checkpoints, EpochRecord};
    use crate::options::Bytes;
    use ndarray::Array2;
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use std::ops::ControlFlow;

    fn noise(rows: usize, inputs: usize) -> Dataset {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let features = Array2::from_shape_fn((rows, inputs), |_| random.gen_range(-1.0..1.0f32));
        Dataset {
            names: (0..inputs).map(|feature| format!("sensor {feature}")).collect(),
            features,
            ..Dataset::default()
        }
    }

    fn auto(contamination: Contamination, budget: usize) -> Options {
        Options { preset: Preset::Auto, contamination, flash_budget: Bytes(budget), ..Options::default() }
    }

    fn covers(options: &Options) -> bool {
        options.sizes.storage == Storage::Covering && options.heads().len() > 1
    }

    #[test]
    fn the_file_fits_the_budget_narrow_and_wide_whatever_the_score() {
        for (inputs, budget) in [(1, 8192), (3, 4096), (20, 16_384), (60, 32_768), (100, 65_536)] {
            let dataset = noise(3000, inputs);
            for (score, contamination) in [
                (None, Contamination::Share(0.0)),
                (None, Contamination::Auto),
                (Some(Score::Neighbours), Contamination::Share(0.0)),
            ] {
                let mut options = auto(contamination, budget);
                (options.score, options.by_hand) =
                    (score.unwrap_or(Score::Mse), score.map_or(vec![], |_| vec!["score"]));
                let (planned, said) = plan(&options, &dataset, Missing::Error, 0);
                let short = Options { epochs: 1, beta_warmup: 1, trim: 0.0, ..planned };
                let trained = crate::run::train(&dataset, Missing::Error, &short, &mut |_| ControlFlow::Continue(()));
                let bytes = trained.unwrap().model.bytes().len();
                assert!(bytes <= budget, "{inputs} features, {score:?}: {bytes} bytes; {said:?}");
                let stores_all_it_can = covers(&short) && inputs > 3;
                assert!(!stores_all_it_can || 10 * bytes > 9 * budget, "{inputs} features: only {bytes} bytes used");
            }
        }
    }

    #[test]
    fn what_cannot_fit_is_said() {
        let (_, said) = plan(&auto(Contamination::Auto, 4096), &noise(50, 300), Missing::Error, 0);
        assert!(said.unwrap().contains("larger than --flash-budget"));
        // Wide rows get one network, and no histogram, before that is said.
        let (planned, said) = plan(&auto(Contamination::Auto, 65_536), &noise(50, 1200), Missing::Error, 0);
        assert_eq!((planned.members, said.unwrap().contains("larger than --flash-budget")), (1, false));
    }

    #[test]
    fn small_sets_get_a_number_of_steps_and_large_ones_a_number_of_passes() {
        let epochs = |rows| plan(&auto(Contamination::Auto, 65_536), &noise(rows, 2), Missing::Error, 0).0.epochs;
        // 128 rows a batch; 0.8 * 0.8 of the rows are fitted: 1, 50 and 200 batches.
        assert_eq!([200, 10_000, 40_000].map(epochs), [600, 20, 10]);
    }

    #[test]
    fn a_run_that_leaves_rows_out_goes_on_from_a_checkpoint_to_the_same_bytes() {
        let dataset = noise(300, 3);
        let (planned, _) = plan(&auto(Contamination::Auto, 65_536), &dataset, Missing::Error, 0);
        let options = Options { epochs: 8, beta_warmup: 4, ..planned };
        let run = |from: Option<Checkpoint>| {
            let mut saved = Vec::new();
            let checkpoints = Checkpoints::new(from, 3, |checkpoint| {
                saved.push(checkpoint.clone());
                Ok(())
            });
            let go_on = &mut |_: &EpochRecord| ControlFlow::Continue(());
            let trained = crate::run::train_from(checkpoints, &dataset, Missing::Error, &options, go_on).unwrap();
            (trained.model.bytes().to_vec(), saved)
        };
        let (whole, saved) = run(None);
        let places = |saved: &[Checkpoint]| saved.iter().map(|one| (one.networks(), one.epochs())).collect::<Vec<_>>();
        let expected: Vec<_> = (0..6).flat_map(|network| [(network, 3), (network, 6)]).collect();
        assert_eq!(places(&saved), expected, "three members of the fit that rows are left out by, three of the other");
        for at in [0, 4, 5, 9] {
            let (bytes, more) = run(Some(saved[at].clone()));
            assert!(bytes == whole, "from checkpoint {at}");
            assert_eq!(places(&more), expected[at + 1..], "nothing is fitted again");
        }
    }

    #[test]
    fn another_preset_is_left_as_it_is() {
        let options = Options::default();
        assert_eq!(plan(&options, &noise(10, 2), Missing::Error, 0), (options, None));
    }
}
