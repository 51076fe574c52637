use super::*;
use crate::base::random;
use crate::fit::adam::Adam;
use crate::fit::engine::dfdx::graph;
use crate::fit::engine::simd::Step;
use crate::options::likelihood::Likelihood;
use ndarray::{Array2, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Rows of a mixture of three Gaussians with covariance 0.5·I and means of norm 2.5, standardized: the reference data
/// without its anomalies.
fn mixture(rows: usize, inputs: usize, seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
    let means: Vec<Vec<f32>> = (0..3)
        .map(|_| {
            let direction: Vec<f32> = (0..inputs).map(|_| normal()).collect();
            let norm = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
            direction.iter().map(|v| 2.5 * v / norm).collect()
        })
        .collect();
    let mut x = Array2::from_shape_fn((rows, inputs), |(i, j)| means[i % 3][j] + 0.5f32.sqrt() * normal());
    for mut column in x.columns_mut() {
        let mean = column.mean().unwrap();
        let deviation = column.std(0.0);
        column.mapv_inplace(|v| (v - mean) / deviation);
    }
    x
}

fn options(inputs: usize) -> FitOptions {
    FitOptions {
        engine: Engine::Simd,
        shape: Shape { inputs, hidden: vec![16, 8], latent: 3, likelihood: Likelihood::Mse },
        epochs: 3,
        batch_size: 32,
        learning_rate: 1e-3,
        beta: 1.0,
        schedule: BetaSchedule::Linear { warmup: 2 },
        input_noise: 0.0,
        members: 1,
        patience: None,
        seed: 0,
        threads: 1,
    }
}

fn run(train: &Array2<f32>, options: &FitOptions) -> Fit {
    fit(train.view(), None, options, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn weights(fit: &Fit) -> Vec<u32> {
    fit.vae.parameters().as_vec().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn the_objective_falls_and_latents_stay_active_at_beta_one() {
    let train = mixture(3000, 10, 1);
    let shape = Shape { inputs: 10, hidden: vec![64, 32], latent: 8, likelihood: Likelihood::Mse };
    let schedule = BetaSchedule::Linear { warmup: 15 };
    let fit = run(&train, &FitOptions { shape, schedule, epochs: 25, batch_size: 128, ..options(10) });
    let first = &fit.history[0];
    let last = &fit.history[24];
    assert_eq!((first.epoch, last.epoch, fit.best_epoch, fit.stopped), (1, 25, 25, None));
    // 10 standardized features: predicting the mean costs 5; the three clusters explain a good part of it.
    assert!(first.reconstruction_loss > 4.0, "{first:?}");
    assert!(last.objective < 4.6, "{last:?}");
    assert!(last.kl > 0.8, "{last:?}");
    assert!(fit.active_latents() >= 2, "{:?}", fit.kl_per_latent);
    assert_eq!(fit.kl_per_latent.len(), 8);
}

#[test]
fn a_huge_beta_collapses_every_latent() {
    let options = FitOptions { epochs: 40, learning_rate: 1e-2, schedule: BetaSchedule::Constant, ..options(6) };
    let fit = run(&mixture(600, 6, 2), &FitOptions { beta: 100.0, ..options });
    assert_eq!(fit.active_latents(), 0, "{:?}", fit.kl_per_latent);
}

#[test]
fn records_follow_the_schedule_and_add_up() {
    let train = mixture(100, 4, 3);
    let fit = run(&train, &FitOptions { beta: 0.5, ..options(4) });
    let beta: Vec<f32> = fit.history.iter().map(|r| r.beta).collect();
    assert_eq!(beta, [0.25, 0.5, 0.5]);
    for record in &fit.history {
        assert_eq!(record.objective, record.reconstruction_loss + f64::from(record.beta) * record.kl);
        assert_eq!(record.validation_objective, None);
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_with_any_number_of_threads() {
    let train = mixture(300, 40, 4);
    let shape = Shape { inputs: 40, hidden: vec![128, 128], latent: 5, likelihood: Likelihood::Mse };
    let options = FitOptions { shape, batch_size: 128, ..options(40) };
    let one = run(&train, &options);
    for threads in [2, 3] {
        let more = run(&train, &FitOptions { threads, ..options.clone() });
        assert!(weights(&one) == weights(&more), "{threads} threads");
        assert_eq!(one.kl_per_latent, more.kl_per_latent);
    }
    assert_ne!(weights(&one), weights(&run(&train, &FitOptions { seed: 1, ..options })));
}

#[test]
fn rows_are_reshuffled_every_epoch() {
    let orders: Vec<Vec<usize>> =
        (0..2).map(|epoch| epoch::order(100, &mut random::stream(0, random::Purpose::Shuffle, epoch))).collect();
    assert_ne!(orders[0], orders[1]);
    for order in orders {
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn the_last_partial_batch_is_used() {
    // One row more than a batch: were it dropped, the average over the epoch would be that of the full batch alone.
    let mut train = Array2::zeros((33, 2));
    train.row_mut(32).fill(100.0);
    let options = FitOptions { epochs: 1, learning_rate: 1e-30, ..options(2) };
    let fit = run(&train, &options);
    // Half of 2 * 100² for one row of 33, up to what the untrained network adds.
    assert!((fit.history[0].reconstruction_loss / (1e4 / 33.0) - 1.0).abs() < 0.3, "{:?}", fit.history[0]);
}

#[test]
fn any_shape_trains_from_one_feature_and_one_row_up() {
    for (rows, inputs, hidden, latent) in
        [(1, 1, vec![1], 1), (3, 2, vec![5], 4), (5, 7, vec![9, 3, 6, 2], 1), (70, 33, vec![17, 65], 19)]
    {
        let train = Array2::from_shape_fn((rows, inputs), |(i, j)| ((i * 5 + j * 3) % 7) as f32 * 0.4 - 1.0);
        let shape = Shape { inputs, hidden, latent, likelihood: Likelihood::Mse };
        let fit = run(&train, &FitOptions { shape: shape.clone(), ..options(inputs) });
        assert!(fit.history.iter().all(|r| r.objective.is_finite()));
        assert_eq!(fit.vae.reconstruct(train.view()).dim(), (rows, inputs));
        assert_eq!(fit.vae.parameters().as_vec().len(), shape.parameters());
    }
}

#[test]
fn two_thousand_features_train() {
    let train = mixture(40, 2000, 6);
    let shape = Shape { inputs: 2000, hidden: vec![32], latent: 4, likelihood: Likelihood::Mse };
    let fit = run(&train, &FitOptions { shape, epochs: 8, learning_rate: 1e-2, ..options(2000) });
    assert!(fit.history[7].reconstruction_loss < 0.95 * fit.history[0].reconstruction_loss);
}

#[test]
fn patience_keeps_the_weights_of_the_smallest_validation_objective() {
    let train = mixture(60, 6, 7);
    let validation = mixture(60, 6, 8);
    let options = FitOptions {
        patience: Some(4),
        epochs: 400,
        learning_rate: 1e-2,
        schedule: BetaSchedule::Constant,
        beta: 0.01,
        ..options(6)
    };
    let fit = fit(train.view(), Some(validation.view()), &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(fit.stopped, Some(Stopped::Patience));
    let objectives: Vec<f64> = fit.history.iter().map(|r| r.validation_objective.unwrap()).collect();
    let smallest = objectives.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(objectives[fit.best_epoch - 1], smallest);
    assert_eq!(fit.history.len(), fit.best_epoch + 4);
    assert_eq!(objective_at_mu(&fit.vae, validation.view(), 0.01), smallest);
}

#[test]
fn without_patience_the_last_weights_are_kept() {
    let train = mixture(60, 6, 7);
    let fit = fit(train.view(), Some(train.view()), &options(6), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((fit.best_epoch, fit.history.len(), fit.stopped), (3, 3, None));
    let last = fit.history[2].validation_objective.unwrap();
    assert_eq!(objective_at_mu(&fit.vae, train.view(), 1.0), last);
}

#[test]
fn validation_rows_do_not_change_the_weights() {
    let train = mixture(60, 6, 7);
    let with = fit(train.view(), Some(train.slice(s![..9, ..])), &options(6), &mut |_| ControlFlow::Continue(()));
    assert_eq!(weights(&with.unwrap()), weights(&run(&train, &options(6))));
}

#[test]
fn a_break_ends_the_fit_after_the_epoch_with_its_weights() {
    let train = mixture(60, 4, 9);
    let mut seen = Vec::new();
    let stopped = fit(train.view(), None, &FitOptions { epochs: 9, ..options(4) }, &mut |record| {
        seen.push(record.epoch);
        if record.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(seen, [1, 2]);
    assert_eq!((stopped.stopped, stopped.best_epoch, stopped.history.len()), (Some(Stopped::Interrupted), 2, 2));
    assert_eq!(weights(&stopped), weights(&run(&train, &FitOptions { epochs: 2, ..options(4) })));
}

#[test]
fn a_diverging_fit_names_epoch_and_batch() {
    let mut train = mixture(70, 4, 10);
    let refused = |train: &Array2<f32>, options: &FitOptions| {
        fit(train.view(), None, options, &mut |_| ControlFlow::Continue(())).unwrap_err()
    };
    train[[40, 1]] = f32::NAN;
    let position = epoch::order(70, &mut random::stream(0, random::Purpose::Shuffle, 0))
        .iter()
        .position(|&row| row == 40)
        .unwrap();
    assert_eq!(refused(&train, &options(4)), FitError::NonFinite { epoch: 1, batch: position / 32 + 1 });
    train[[40, 1]] = 0.0;
    let diverged = refused(&train, &FitOptions { learning_rate: 1e20, ..options(4) });
    assert!(matches!(diverged, FitError::NonFinite { epoch: 1, batch: 2 }), "{diverged}");
}

#[test]
fn refuses_options_and_rows_that_cannot_work() {
    let train = mixture(10, 4, 11);
    let refused = |validation: Option<ArrayView2<f32>>, options: FitOptions| {
        fit(train.view(), validation, &options, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string()
    };
    let base = options(4);
    let cases = [
        (FitOptions { epochs: 0, ..base.clone() }, "epochs must be at least 1, found 0"),
        (FitOptions { batch_size: 0, ..base.clone() }, "batch size must be at least 1, found 0"),
        (FitOptions { threads: 0, ..base.clone() }, "threads must be at least 1, found 0"),
        (FitOptions { learning_rate: 0.0, ..base.clone() }, "learning rate must be a positive number, found 0"),
        (FitOptions { learning_rate: f32::NAN, ..base.clone() }, "learning rate must be a positive number, found NaN"),
        (FitOptions { beta: -1.0, ..base.clone() }, "beta must be 0 or a positive number, found -1"),
        (FitOptions { patience: Some(3), ..base.clone() }, "patience needs a validation share, there is none"),
        (options(5), "training rows have 4 columns, the network has 5 inputs"),
    ];
    for (options, message) in cases {
        assert_eq!(refused(None, options), message);
    }
    let patience = FitOptions { patience: Some(0), ..base.clone() };
    assert_eq!(refused(Some(train.view()), patience), "patience must be at least 1, found 0");
    assert_eq!(refused(Some(train.slice(s![..0, ..])), base.clone()), "no validation rows, expected at least one");
    let shape = Shape { inputs: 4, hidden: vec![], latent: 2, likelihood: Likelihood::Mse };
    assert!(refused(None, FitOptions { shape, ..base.clone() }).contains("at least 1"));
    let schedule = BetaSchedule::Cyclical { cycles: 2 };
    assert!(refused(None, FitOptions { schedule, ..base }).contains("cyclical"));
}

/// Parameters that push some log variances, of latents and of features, beyond both of their bounds.
fn wild_parameters(shape: &Shape, seed: u64) -> Vec<f32> {
    let mut parameters = crate::fit::vae::initial_parameters(shape, &mut ChaCha8Rng::seed_from_u64(seed));
    let layers = shape.layers();
    let logvar_biases = |layer: &crate::fit::vae::Linear, skip: usize| layer.bias().skip(skip).step_by(3);
    let mut pushed: Vec<usize> = logvar_biases(&layers[shape.encoder_depth() - 1], shape.latent).collect();
    pushed.extend(logvar_biases(&layers[layers.len() - 1], shape.inputs));
    pushed.extend(shape.feature_logvar());
    for (k, at) in pushed.into_iter().enumerate() {
        parameters[at] = [12.0, -14.0, 0.7, -1.5][k % 4];
    }
    parameters
}

#[test]
fn averages_over_chunks_of_rows_have_the_bits_of_those_over_all_rows() {
    let train = mixture(2 * CHUNK + 33, 6, 15);
    let shape = Shape { inputs: 6, hidden: vec![16], latent: 3, likelihood: Likelihood::Gaussian };
    let vae = Vae::from_parameters(shape.clone(), &wild_parameters(&shape, 7));
    let forward = Forward::new(&vae);
    let (mu, logvar) = forward.encode(train.view());
    let kl = mu.columns().into_iter().zip(logvar.columns()).map(|(mu, logvar)| {
        mu.iter().zip(logvar).map(|(&mu, &logvar)| kl_term(mu, logvar)).sum::<f64>() / train.nrows() as f64
    });
    let kl: Vec<f64> = kl.collect();
    assert_eq!(kl_per_latent(&vae, train.view()), kl);
    let (x_hat, logvar) = forward.decode(mu.view());
    let terms = x_hat.iter().zip(&train).zip(&logvar);
    let loss: f64 = terms.map(|((&x_hat, &x), &logvar)| negative_log_likelihood(x_hat, x, logvar)).sum();
    let expected = loss / train.nrows() as f64 + 0.5 * kl.iter().sum::<f64>();
    assert_eq!(objective_at_mu(&vae, train.view(), 0.5), expected);
}

#[test]
fn the_gradient_of_each_likelihood_is_that_of_central_differences() {
    for likelihood in [Likelihood::Mse, Likelihood::Gaussian, Likelihood::GaussianPerFeature] {
        for (rows, inputs, hidden, latent) in [(1, 1, vec![1], 1), (7, 5, vec![6, 3], 4), (3, 9, vec![4], 2)] {
            let shape = Shape { inputs, hidden, latent, likelihood };
            let parameters = wild_parameters(&shape, 5);
            let x = mixture(rows.max(6), inputs, 12).slice(s![..rows, ..]).to_owned();
            let eps: Vec<f32> = (0..rows * latent).map(|k| ((k * 7) % 11) as f32 * 0.3 - 1.5).collect();
            let exact: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
            // What is reconstructed is not what is encoded, as under input noise.
            let target = x.mapv(|x| 0.8 * x - 0.1);
            let (terms, gradient) = graph::run(&shape, &parameters, x.view(), target.view(), eps.clone(), 0.7);
            let (loss, kl) = reference::terms(&shape, &exact, x.view(), target.view(), &eps);
            let close = |found: f64, expected: f64| (found - expected).abs() <= 2e-5 * (1.0 + expected.abs());
            assert!(close(terms.reconstruction_loss, loss), "{likelihood:?} {} {loss}", terms.reconstruction_loss);
            assert!(close(terms.kl, kl), "{likelihood:?} {} {kl}", terms.kl);
            let expected = reference::gradient(&shape, &exact, x.view(), target.view(), &eps, 0.7);
            // Relative to the largest: the wild variances make some gradients thousands of times larger than others.
            let scale = expected.iter().fold(1.0, |largest: f64, v| largest.max(v.abs()));
            for (k, (found, expected)) in gradient.iter().zip(expected).enumerate() {
                let difference = (f64::from(*found) - expected).abs();
                assert!(difference <= 2e-5 * scale, "{likelihood:?} {k}: {found} {expected}");
            }
        }
    }
}

/// A step over all rows of `x`, with its noise as the graph takes it: `[BATCH * LATENT]`, and with `input_noise` what was encoded.
fn step(
    shape: &Shape,
    parameters: &[f32],
    x: &Array2<f32>,
    input_noise: f32,
    threads: usize,
    level: Level,
) -> (Step, Averages, Vec<f32>, Array2<f32>) {
    let mut step = Step::new(shape, x.nrows(), threads, level);
    step.draw(&mut ChaCha8Rng::seed_from_u64(3), x.nrows());
    let eps = step.noise(x.nrows());
    let mut encoded = x.clone();
    if input_noise > 0.0 {
        step.draw_corruption(&mut ChaCha8Rng::seed_from_u64(8), x.nrows(), input_noise);
        encoded += &Array2::from_shape_vec(x.dim(), step.corruption(x.nrows())).unwrap();
    }
    let terms = step.run(parameters, x.view(), &(0..x.nrows()).collect::<Vec<_>>(), 0.7);
    // Task by task, as all at once.
    let [mut by_task, mut at_once] = [(); 2].map(|()| parameters.to_vec());
    step.descend(Adam::new(parameters.len()).begin(&mut by_task, 0.1));
    Adam::new(parameters.len()).step(&mut at_once, step.gradient(), 0.1, level);
    assert!(by_task == at_once && by_task != parameters, "{shape:?}");
    (step, terms, eps, encoded)
}

/// Shapes and batches that end within, at and beyond a tile, a block and a task.
const SHAPES: [(usize, usize, &[usize], usize); 8] = [
    (1, 1, &[1], 1),
    (5, 3, &[7], 2),
    (16, 16, &[16], 16),
    (17, 17, &[33, 5], 3),
    (128, 10, &[64, 32], 8),
    (100, 49, &[97, 13, 50], 7),
    (33, 130, &[20], 40),
    (256, 100, &[256, 64], 16),
];

#[test]
fn the_fast_step_agrees_with_the_graph_for_every_likelihood_and_shape() {
    for likelihood in [Likelihood::Mse, Likelihood::Gaussian, Likelihood::GaussianPerFeature] {
        for (rows, inputs, hidden, latent) in SHAPES {
            let shape = Shape { inputs, hidden: hidden.to_vec(), latent, likelihood };
            for parameters in [
                crate::fit::vae::initial_parameters(&shape, &mut ChaCha8Rng::seed_from_u64(4)),
                wild_parameters(&shape, 5),
            ] {
                let x = mixture(rows.max(6), inputs, 12).slice(s![..rows, ..]).to_owned();
                let noise = if rows % 2 == 0 { 0.5 } else { 0.0 };
                let (step, found, eps, encoded) = step(&shape, &parameters, &x, noise, 1, Level::best());
                // Blocks of 12, 6 and 2 outputs cut the same layers in different places.
                for level in Level::available() {
                    let (other, terms, ..) = self::step(&shape, &parameters, &x, noise, 1, level);
                    let bits = |step: &Step| step.gradient().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    let same = bits(&other) == bits(&step) && terms == found;
                    assert!(same, "{likelihood:?} {rows} rows of {inputs}: {}", level.name());
                }
                let (expected, gradient) = graph::run(&shape, &parameters, encoded.view(), x.view(), eps, 0.7);
                let close = |a: f64, b: f64| (a - b).abs() <= 2e-5 * (1.0 + b.abs());
                assert!(close(found.reconstruction_loss, expected.reconstruction_loss), "{found:?} {expected:?}");
                assert!(close(found.kl, expected.kl), "{found:?} {expected:?}");
                let mut parts: Vec<_> = shape.layers().iter().flat_map(|l| [l.weight(), l.bias()]).collect();
                parts.push(shape.feature_logvar());
                for part in parts {
                    let (found, expected) = (&step.gradient()[part.clone()], &gradient[part.clone()]);
                    let scale = expected.iter().fold(1e-3, |largest: f32, v| largest.max(v.abs()));
                    for (k, (a, b)) in found.iter().zip(expected).enumerate() {
                        let close = (a - b).abs() <= 2e-5 * scale;
                        assert!(close, "{likelihood:?} {rows} rows of {inputs}, {part:?} {k}: {a} {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_bits_of_a_step_depend_neither_on_threads_nor_on_vectors() {
    for (rows, inputs, hidden, latent) in [(40, 5, &[9][..], 3), (133, 49, &[97, 130], 7), (512, 200, &[128], 40)] {
        let likelihood = Likelihood::Gaussian;
        let shape = Shape { inputs, hidden: hidden.to_vec(), latent, likelihood };
        let parameters = wild_parameters(&shape, 6);
        let x = mixture(rows, inputs, 14);
        let bits = |(step, terms, eps, encoded): (Step, Averages, Vec<f32>, Array2<f32>)| {
            let gradient: Vec<u32> = step.gradient().iter().map(|v| v.to_bits()).collect();
            (gradient, terms, eps, encoded)
        };
        let step = |threads, level| step(&shape, &parameters, &x, 0.3, threads, level);
        let one = bits(step(1, Level::best()));
        let (two, three) = (step(2, Level::best()), step(3, Level::best()));
        assert_eq!(two.0.is_parallel(), rows > 40, "the larger ones are worth two threads, the smallest is not");
        assert!(bits(two) == one, "two threads");
        assert!(bits(three) == one, "three threads");
        for level in Level::available() {
            assert!(bits(step(1, level)) == one, "{}", level.name());
        }
    }
}

#[test]
fn a_learned_variance_finds_the_noise_of_each_feature() {
    // Feature j is noise of standard deviation 0.2, 0.5, 1, 2 that no latent explains at this beta.
    const DEVIATIONS: [f32; 4] = [0.2, 0.5, 1.0, 2.0];
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let train = Array2::from_shape_fn((2000, 4), |(_, j)| -> f32 {
        let normal: f32 = StandardNormal.sample(&mut rng);
        DEVIATIONS[j] * normal
    });
    for likelihood in [Likelihood::Gaussian, Likelihood::GaussianPerFeature] {
        let shape = Shape { inputs: 4, hidden: vec![8], latent: 2, likelihood };
        let options = FitOptions { epochs: 40, learning_rate: 1e-2, beta: 10.0, shape, ..options(4) };
        let fit = run(&train, &options);
        let (_, logvar) = fit.vae.reconstruct_with_logvar(train.view());
        for (j, deviation) in DEVIATIONS.iter().enumerate() {
            let found = (0.5 * logvar.column(j).mean().unwrap()).exp();
            assert!((found / deviation - 1.0).abs() < 0.15, "{likelihood:?} {j}: {found}, expected {deviation}");
        }
        assert_eq!(fit.vae.feature_logvar().is_some(), likelihood == Likelihood::GaussianPerFeature);
    }
}

/// Fits from a checkpoint and returns the fit and the checkpoints that it saved.
fn run_from(
    from: Option<Checkpoint>,
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    options: &FitOptions,
) -> Result<(Fit, Vec<Checkpoint>), FitError> {
    let mut saved = Vec::new();
    let mut checkpoints = Checkpoints::new(from, 1, |checkpoint| {
        saved.push(checkpoint.clone());
        Ok(())
    });
    let validation = validation.map(|rows| rows.view());
    let go_on = &mut |_: &EpochRecord| ControlFlow::Continue(());
    let fit = fit_from(&mut checkpoints, &mut InMemory(train.view()), validation, options, go_on)?;
    drop(checkpoints);
    Ok((fit, saved))
}

#[test]
fn a_fit_that_goes_on_from_any_checkpoint_gives_the_bits_of_the_uninterrupted_one() {
    let (train, validation) = (mixture(200, 4, 3), mixture(50, 4, 4));
    for patience in [None, Some(3)] {
        let options = FitOptions { patience, epochs: 9, learning_rate: 0.02, ..options(4) };
        let validation = patience.map(|_| &validation);
        let (whole, saved) = run_from(None, &train, validation, &options).unwrap();
        assert!(saved.len() >= 4);
        for checkpoint in saved {
            let bytes = postcard::to_stdvec(&checkpoint).unwrap();
            let read: Checkpoint = postcard::from_bytes(&bytes).unwrap();
            let threads = 2;
            let (fit, _) =
                run_from(Some(read), &train, validation, &FitOptions { threads, ..options.clone() }).unwrap();
            assert_eq!(weights(&fit), weights(&whole), "from epoch {}", checkpoint.epochs());
            let records =
                |fit: &Fit| fit.history.iter().map(|r| EpochRecord { seconds: 0.0, ..r.clone() }).collect::<Vec<_>>();
            assert_eq!(records(&fit), records(&whole));
            assert_eq!((fit.best_epoch, fit.stopped), (whole.best_epoch, whole.stopped));
        }
    }
}

#[test]
fn input_noise_is_new_in_every_epoch_and_leaves_what_is_to_be_reconstructed() {
    // Noise of 100 standard deviations drowns every row: the loss stays near that of predicting the mean, 2 of 4 features.
    let train = mixture(300, 4, 3);
    let clear = FitOptions { epochs: 60, learning_rate: 1e-2, beta: 0.0, ..options(4) };
    let last = |options: &FitOptions| run(&train, options).history.last().unwrap().reconstruction_loss;
    let (without, drowned) = (last(&clear), last(&FitOptions { input_noise: 100.0, ..clear.clone() }));
    assert!(without < 0.3 && (1.5..4.0).contains(&drowned), "{without} {drowned}");
}

#[test]
fn members_are_fitted_from_seeds_of_their_own_and_go_on_from_a_checkpoint_of_any_of_them() {
    let train = mixture(200, 4, 3);
    let options = FitOptions { members: 3, epochs: 4, input_noise: 0.2, ..options(4) };
    let (whole, saved) = run_from(None, &train, None, &options).unwrap();
    assert_eq!((whole.history.len(), whole.kl_per_latent.len(), saved.len()), (4, 9, 12));
    let alone = run(&train, &FitOptions { members: 1, ..options.clone() });
    assert_eq!(whole.kl_per_latent[..3], alone.kl_per_latent, "the first member has the seed of the run");
    assert_ne!(whole.kl_per_latent[3..6], whole.kl_per_latent[..3]);
    for checkpoint in [1, 5, 10].map(|at| saved[at].clone()) {
        let place = |checkpoint: &Checkpoint| (checkpoint.networks(), checkpoint.epochs());
        let (fit, more) = run_from(Some(checkpoint.clone()), &train, None, &options).unwrap();
        assert_eq!(weights(&fit), weights(&whole));
        assert_eq!((fit.kl_per_latent, fit.best_epoch), (whole.kl_per_latent.clone(), whole.best_epoch));
        // Nothing that the checkpoint had is fitted again, so that no checkpoint is ever behind one that was saved before.
        let later: Vec<_> = saved.iter().map(place).filter(|&one| one > place(&checkpoint)).collect();
        assert_eq!(more.iter().map(place).collect::<Vec<_>>(), later);
    }
    let error = run_from(Some(saved[5].clone()), &train, None, &FitOptions { members: 1, ..options }).unwrap_err();
    assert_eq!(error, FitError::OtherRun, "a checkpoint of a member that the run does not have");
}

#[test]
fn a_checkpoint_of_other_rows_or_options_is_refused() {
    let train = mixture(60, 4, 3);
    let (_, saved) = run_from(None, &train, None, &options(4)).unwrap();
    let refused = |train: &Array2<f32>, options: &FitOptions| {
        assert_eq!(run_from(Some(saved[0].clone()), train, None, options).unwrap_err(), FitError::OtherRun);
    };
    refused(&mixture(60, 4, 5), &options(4));
    refused(&mixture(61, 4, 3), &options(4));
    refused(&train, &FitOptions { seed: 1, ..options(4) });
    refused(&train, &FitOptions { epochs: 4, ..options(4) });
    refused(&train, &FitOptions { learning_rate: 2e-3, ..options(4) });
}

#[test]
fn the_dfdx_engine_follows_the_same_path_with_noise_members_patience_and_any_likelihood() {
    let train = mixture(300, 5, 21);
    for likelihood in [Likelihood::Mse, Likelihood::Gaussian, Likelihood::GaussianPerFeature] {
        let shape = Shape { inputs: 5, hidden: vec![12], latent: 3, likelihood };
        let options = FitOptions { shape, members: 2, epochs: 4, input_noise: 0.3, patience: Some(3), ..options(5) };
        let of = |engine| {
            let options = FitOptions { engine, ..options.clone() };
            fit(train.view(), Some(train.view()), &options, &mut |_| ControlFlow::Continue(())).unwrap()
        };
        let (simd, dfdx) = (of(Engine::Simd), of(Engine::Dfdx));
        for (simd, dfdx) in simd.history.iter().zip(&dfdx.history) {
            let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * a.abs().max(1.0);
            assert!(close(simd.objective, dfdx.objective), "{likelihood:?}: {simd:?} {dfdx:?}");
            let validation = simd.validation_objective.zip(dfdx.validation_objective);
            assert!(validation.is_some_and(|(a, b)| close(a, b)), "{likelihood:?}: {simd:?} {dfdx:?}");
        }
        assert_eq!(simd.history.len(), dfdx.history.len());
        assert_ne!(weights(&simd), weights(&dfdx), "two engines, not one under two names");
    }
}

#[test]
fn the_dfdx_engine_goes_on_from_a_checkpoint_to_the_same_bits_and_refuses_one_of_the_other_engine() {
    let train = mixture(90, 4, 22);
    let options = FitOptions { engine: Engine::Dfdx, ..options(4) };
    let (whole, saved) = run_from(None, &train, None, &options).unwrap();
    let (resumed, _) = run_from(Some(saved[0].clone()), &train, None, &options).unwrap();
    assert_eq!(weights(&resumed), weights(&whole));
    let other = FitOptions { engine: Engine::Simd, ..options };
    assert_eq!(run_from(Some(saved[0].clone()), &train, None, &other).unwrap_err(), FitError::OtherRun);
}
