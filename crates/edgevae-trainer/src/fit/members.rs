//! Several networks, fitted from different seeds, as one that the core runs like any other.

use super::{EpochRecord, Fit, Stopped};
use crate::fit::vae::{Shape, Vae};

/// The seed of one of several members; that of the first is the run's own.
pub(super) fn seed(run: u64, member: usize) -> u64 {
    run.wrapping_add((member as u64) << 32)
}

/// One network of several: `mu` holds the latents of all side by side, `x_hat` and the decoder's log variances are the
/// means of theirs.
///
/// Layers within are block-diagonal, the first one stacks the members' weights, the last one sets them side by side, divided by
/// their number. What the blocks leave empty is zeros: a few hundred numbers at the widths of a microcontroller, and
/// neither the file nor the core has to know of members.
pub(super) fn join(shape: &Shape, members: &[Vec<f32>]) -> Vae {
    let count = members.len();
    let hidden = shape.hidden.iter().map(|width| count * width).collect();
    let whole = Shape { hidden, latent: count * shape.latent, ..shape.clone() };
    let mut parameters = vec![0.0; whole.parameters()];
    let share = 1.0 / count as f32;
    let (heads, last) = (shape.encoder_depth() - 1, shape.layers().len() - 1);
    for (k, (one, all)) in shape.layers().iter().zip(whole.layers()).enumerate() {
        let factor = if k == last { share } else { 1.0 };
        for (number, member) in members.iter().enumerate() {
            let first = if k == 0 { 0 } else { number * one.inputs };
            for output in 0..one.outputs {
                let row = match k {
                    k if k == last => output,
                    // All mu before all log variances.
                    k if k == heads => (output / shape.latent * count + number) * shape.latent + output % shape.latent,
                    _ => number * one.outputs + output,
                };
                let from = &member[one.weight()][output * one.inputs..][..one.inputs];
                let to = &mut parameters[all.weight()][row * all.inputs + first..][..one.inputs];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
                parameters[all.bias()][row] += factor * member[one.bias()][output];
            }
        }
    }
    for member in members {
        let learned = parameters[whole.feature_logvar()].iter_mut().zip(&member[shape.feature_logvar()]);
        learned.for_each(|(to, from)| *to += share * from);
    }
    Vae::from_parameters(whole, &parameters)
}

impl Fit {
    /// The fit of all members as one: the records of an epoch are the mean over the members that came so far.
    ///
    /// # Panics
    /// Without members.
    pub(super) fn join(shape: &Shape, mut members: Vec<Self>) -> Self {
        if members.len() == 1 {
            return members.remove(0);
        }
        let parameters: Vec<Vec<f32>> = members.iter().map(|fit| fit.vae.parameters().as_vec()).collect();
        let epochs = members.iter().map(|fit| fit.history.len()).max().expect("there are members");
        let history = (0..epochs).map(|epoch| mean(members.iter().filter_map(|fit| fit.history.get(epoch))));
        let stopped = |why| members.iter().any(|fit| fit.stopped == Some(why)).then_some(why);
        Self {
            vae: join(shape, &parameters),
            history: history.collect(),
            kl_per_latent: members.iter().flat_map(|fit| fit.kl_per_latent.iter().copied()).collect(),
            best_epoch: members.iter().map(|fit| fit.best_epoch).max().expect("there are members"),
            stopped: stopped(Stopped::Interrupted).or(stopped(Stopped::Patience)),
        }
    }
}

/// The mean of the records of one epoch; their seconds add up.
fn mean<'r>(records: impl Iterator<Item = &'r EpochRecord>) -> EpochRecord {
    let records: Vec<_> = records.collect();
    let count = records.len() as f64;
    let average = |of: fn(&EpochRecord) -> f64| records.iter().map(|record| of(record)).sum::<f64>() / count;
    let validation: Option<Vec<f64>> = records.iter().map(|record| record.validation_objective).collect();
    EpochRecord {
        epoch: records[0].epoch,
        beta: records[0].beta,
        reconstruction_loss: average(|record| record.reconstruction_loss),
        kl: average(|record| record.kl),
        objective: average(|record| record.objective),
        validation_objective: validation.map(|all| all.iter().sum::<f64>() / count),
        seconds: records.iter().map(|record| record.seconds).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::vae::initial_parameters;
    use crate::options::likelihood::Likelihood;
    use ndarray::{Array2, Axis, concatenate, stack};
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_joined_network_has_the_latents_of_all_and_the_mean_of_their_reconstructions() {
        for likelihood in [Likelihood::Mse, Likelihood::Gaussian, Likelihood::GaussianPerFeature] {
            let shape = Shape { inputs: 5, hidden: vec![7, 4], latent: 3, likelihood };
            let members: Vec<Vec<f32>> = (0..3)
                .map(|seed| {
                    let mut parameters = initial_parameters(&shape, &mut ChaCha8Rng::seed_from_u64(seed));
                    parameters[shape.feature_logvar()].fill(seed as f32);
                    parameters
                })
                .collect();
            let x = Array2::from_shape_fn((6, 5), |(i, j)| ((i * 7 + j * 3) % 11) as f32 * 0.3 - 1.5);
            let alone: Vec<Vae> = members.iter().map(|numbers| Vae::from_parameters(shape.clone(), numbers)).collect();
            let joined = join(&shape, &members);
            assert_eq!((joined.shape().hidden.clone(), joined.shape().latent), (vec![21, 12], 9));
            let close = |found: Array2<f32>, expected: Array2<f32>| {
                assert_eq!(found.dim(), expected.dim());
                found.iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{likelihood:?}: {a} {b}"));
            };
            let side_by_side = |of: &dyn Fn(&Vae) -> Array2<f32>| {
                let all: Vec<_> = alone.iter().map(of).collect();
                concatenate(Axis(1), &all.iter().map(|rows| rows.view()).collect::<Vec<_>>()).unwrap()
            };
            close(joined.encode(x.view()).0, side_by_side(&|vae| vae.encode(x.view()).0));
            close(joined.encode(x.view()).1, side_by_side(&|vae| vae.encode(x.view()).1));
            let average = |of: &dyn Fn(&Vae) -> Array2<f32>| {
                let all: Vec<_> = alone.iter().map(of).collect();
                let all = stack(Axis(0), &all.iter().map(|rows| rows.view()).collect::<Vec<_>>()).unwrap();
                all.mean_axis(Axis(0)).unwrap()
            };
            close(joined.reconstruct(x.view()), average(&|vae| vae.reconstruct(x.view())));
            close(joined.reconstruct_with_logvar(x.view()).1, average(&|vae| vae.reconstruct_with_logvar(x.view()).1));
        }
    }
}
