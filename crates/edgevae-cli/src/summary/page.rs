//! A run as the report's page wants it.

use super::{FILES, QUANTIZED_FILES, Summary};
use crate::latent_map;
use crate::report::{self, Report, ReportError};
use edgevae_core::SliceDetector;
use edgevae_trainer::calibrate::metrics;
use edgevae_trainer::fit::ACTIVE_KL;
use edgevae_trainer::inspect::{Inspection, calibration_rows};
use edgevae_trainer::options::{Likelihood, Preset, Scaling, Schedule, Score, TrainOn};
use edgevae_trainer::run::{PARITY_LIMIT, Trained};

fn scored(score: Score, trained: &Trained) -> report::ScoredRows {
    report::ScoredRows {
        rows: "test rows".into(),
        score: score.title().into(),
        unit: score.unit().into(),
        scores: trained.test_scores.clone(),
        labels: trained.test_labels.clone(),
        threshold: trained.calibration.threshold,
    }
}

impl Summary<'_> {
    /// `report.html`.
    ///
    /// # Errors
    /// What the chart library says.
    pub fn report(&self) -> Result<String, ReportError> {
        report::render(&self.page())
    }

    /// `scores.svg`.
    ///
    /// # Errors
    /// What the chart library says.
    pub fn score_histogram(&self) -> Result<String, ReportError> {
        report::score_histogram_svg(&self.scored())
    }

    fn scored(&self) -> report::ScoredRows {
        let trained = self.trained;
        scored(self.options.score, trained)
    }

    fn compared(&self) -> Vec<report::ComparedScore> {
        let compared = self.compared.iter().map(|(score, trained)| {
            let file = self.source.model_file(trained);
            let model = file.any().expect("training has loaded this model");
            let inspection = Inspection::of(&model, file.bytes(), false, None);
            report::ComparedScore {
                name: score.name().into(),
                chosen: *score == self.options.score,
                scored: scored(*score, trained),
                metrics: trained.quality(),
                multiply_adds: inspection.multiply_adds,
                model_bytes: inspection.file_bytes,
                detector_bytes: inspection.detector_bytes,
            }
        });
        compared.collect()
    }

    /// Test rows in the latents.
    fn latent_map(&self) -> report::LatentMap {
        let Self { trained, options, .. } = self;
        let rows = latent_map::choose(trained.test_rows.len(), trained.test_labels.as_deref(), options.seed);
        if rows.is_empty() {
            return report::LatentMap::default();
        }
        let (pca, explained) = latent_map::pca(trained.test_mu.view());
        let tsne = latent_map::tsne(trained.test_mu.select(ndarray::Axis(0), &rows).view(), options.seed);
        let labels: Option<Vec<bool>> =
            trained.test_labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect());
        let anomalies = |labels: &Option<Vec<bool>>| labels.iter().flatten().filter(|anomaly| **anomaly).count();
        report::LatentMap {
            pca: rows.iter().map(|&row| pca[row]).collect(),
            explained,
            tsne,
            anomalies_left_out: anomalies(&trained.test_labels) - anomalies(&labels),
            labels,
            scores: rows.iter().map(|&row| trained.test_scores[row]).collect(),
            threshold: trained.calibration.threshold,
            left_out: trained.test_rows.len() - rows.len(),
        }
    }

    fn page(&self) -> Report {
        let Self { dataset, source, trained, .. } = self;
        let quality = self.quality();
        let labels = trained.test_labels.as_deref();
        let count =
            |rows: &[usize]| dataset.labels.as_ref().map(|labels| rows.iter().filter(|&&row| labels[row]).count());
        Report {
            title: format!("edgevae: {}", source.name()),
            tool_version: edgevae_trainer::export::TOOL.into(),
            dataset: report::DatasetSummary {
                source: source.description(),
                rows: source.rows(dataset),
                features: dataset.names.len(),
                anomalies: source.anomalies(dataset),
                train_rows: trained.n_fitted,
                // Of a stream the fit has more rows than the table.
                train_anomalies: count(&trained.fitted_rows).filter(|_| trained.n_fitted == trained.fitted_rows.len()),
                calibration_rows: trained.kept_out.calibration,
                validation_rows: trained.kept_out.validation,
                footing_rows: trained.kept_out.footing,
                trimmed_rows: trained.kept_out.trimmed,
                test_rows: trained.test_rows.len(),
                test_anomalies: count(&trained.test_rows),
                dropped_rows: source.dropped_rows() as usize,
                tested_on: self.tested_on(),
                notes: source.input().map_or(vec![], |input| input.notes.clone()),
                constant_columns: dataset.constant_columns(&trained.scaler.constant),
            },
            options: self.option_table(),
            history: trained.fit.history.clone(),
            scored: self.scored(),
            calibration: report::CalibrationNote {
                statement: trained.calibration.statement(calibration_rows(trained.calibration_set)),
                warning: trained.calibration.warning(),
            },
            roc: labels.map_or_else(Vec::new, |labels| metrics::roc_curve(&trained.test_scores, labels)),
            precision_recall: labels
                .map_or_else(Vec::new, |labels| metrics::precision_recall_curve(&trained.test_scores, labels)),
            metrics: quality,
            contribution: self.contribution(),
            worst_rows: self.worst_rows(),
            feature_names: dataset.names.clone(),
            latents: report::LatentSummary {
                kl: trained.fit.kl_per_latent.clone(),
                active: trained.fit.active_latents(),
                active_above: ACTIVE_KL,
            },
            latent_map: self.latent_map(),
            compared: self.compared(),
            baselines: self.baselines.to_vec(),
            quantized: self.quantized.map(|quantized| report::QuantizedForm {
                report: quantized.report.clone(),
                model_bytes: [&trained.model, &quantized.file].map(|file| file.bytes().len()),
            }),
            parity: self.parity_statement(),
            reproduce: self.reproduce(),
            warnings: {
                let beside = trained.calibration.warning();
                trained.warnings.iter().filter(|warning| Some(*warning) != beside.as_ref()).cloned().collect()
            },
            files: {
                let quantized = if self.quantized.is_some() { &QUANTIZED_FILES[..] } else { &[] };
                FILES.iter().chain(quantized).map(|&(name, what)| (name.into(), what.into())).collect()
            },
        }
    }

    /// The options of the run as the page lists them.
    fn option_table(&self) -> Vec<(String, String)> {
        let Self { options, dataset, trained, source, .. } = self;
        let model = trained.model.model().expect("training has loaded this model");
        let widths = options.hidden.iter().map(usize::to_string).collect::<Vec<_>>();
        let back = widths.iter().rev().cloned().collect::<Vec<_>>();
        let inputs = dataset.names.len();
        let beta = match options.beta_schedule {
            Schedule::Constant => format!("{}, constant", options.beta),
            Schedule::Linear => format!("0 to {} over {} epochs, linear", options.beta, options.beta_warmup),
            Schedule::Cyclical => format!("0 to {}, cyclical", options.beta),
        };
        let likelihood = match options.likelihood {
            Likelihood::Mse => "half the squared error",
            Likelihood::Gaussian => "negative log-likelihood (variance by the decoder)",
            Likelihood::GaussianPerFeature => "negative log-likelihood (variance learned for each feature)",
        };
        let stopped = match (options.patience, trained.fit.stopped) {
            (Some(patience), Some(_)) => {
                format!("after {patience} epochs without a better objective; epoch {} kept", trained.fit.best_epoch)
            }
            (Some(patience), None) => format!("patience {patience}, not used; epoch {} kept", trained.fit.best_epoch),
            (None, _) => "off".into(),
        };
        let chosen = match options.preset {
            Preset::Auto => format!("by the shape of the data, within {} bytes of flash", options.flash_budget),
            Preset::Reference => "by hand, or the reference system".into(),
        };
        let unit = match options.scaling {
            Scaling::Standard => "scaled by mean and standard deviation",
            Scaling::Robust => "scaled by median and quartile range",
        };
        let clip = options.clip.map_or("no limit".into(), |clip| format!("held within {clip} of these"));
        let noise = if options.input_noise > 0.0 { options.input_noise.to_string() } else { "none".into() };
        let fitted = match (options.train_on, options.trim) {
            (TrainOn::Normal, _) => "labelled normal".into(),
            (TrainOn::All, 0.0) => "all of the training split".into(),
            (TrainOn::All, trim) => {
                format!("the training split without the {} % of the highest scores of a first fit", 100.0 * trim)
            }
        };
        let rows = [
            ("chosen", chosen),
            (
                "network",
                format!(
                    "{inputs} - {} - {} - {} - {inputs}, ReLU{}",
                    widths.join(" - "),
                    options.latent,
                    back.join(" - "),
                    if options.members > 1 { format!(", {} of them joined", options.members) } else { String::new() }
                ),
            ),
            ("parameters", model.parameters().to_string()),
            ("multiply-adds per score", model.multiply_adds().to_string()),
            ("model file", format!("{} bytes", source.model_file(trained).bytes().len())),
            ("objective", format!("{likelihood} summed over features + beta x KL summed over latents")),
            ("beta", beta),
            ("epochs", format!("{} of {}", trained.fit.history.len(), options.epochs)),
            ("batch size", options.batch_size.to_string()),
            ("optimizer", format!("Adam, learning rate {}", options.lr)),
            ("early stopping", stopped),
            ("fitted rows", fitted),
            ("readings", format!("{unit}, {clip}")),
            ("input noise", noise),
            ("split", options.split.to_string()),
            ("seed", options.seed.to_string()),
            ("fit", format!("{:.2} s", trained.fit_seconds)),
        ];
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn parity_statement(&self) -> String {
        let (relative, rows) = self.trained.parity;
        format!(
            "model.evae was reloaded and scored by edgevae-core on {rows} rows; the largest difference from the dfdx network is \
             {relative:.1e} of the score or the threshold, whichever is larger (limit {PARITY_LIMIT:.0e})"
        )
    }

    /// What the score's contributions are, as [`edgevae_core::head`] documents them.
    fn contribution(&self) -> report::Contribution {
        let (name, unit, relation) = match self.options.score {
            Score::Mse => ("squared error", "scaled units²", "The score of a row is the mean over its features."),
            Score::Nll | Score::ReconstructionProbability => {
                ("negative log-likelihood", "nats", "The score of a row is the sum over its features.")
            }
            Score::Elbo => (
                "negative log-likelihood",
                "nats",
                "The score of a row is the sum over its features and the KL divergence of the row, which is in no feature.",
            ),
            Score::Mahalanobis => (
                "squared error",
                "scaled units²",
                "The score is a distance in the latents and has no features; the squared reconstruction errors tell what \
                 the network did not expect in the row.",
            ),
            Score::JointMahalanobis => (
                "share of the squared distance",
                "standard deviations²",
                "The squared score of a row is the sum over its features and latents.",
            ),
            Score::Neighbours => (
                "squared difference from the nearest stored row",
                "scaled units²",
                "The score of a row is a distance; its square is the sum over the features where one neighbour counts.",
            ),
            Score::Histogram => ("rarity", "nats", "The score of a row is the sum over its features."),
            Score::Isolation => (
                "splits saved by the feature, times its distance from its mean",
                "splits x scaled units",
                "How far the score falls when the feature is replaced by its mean, times how far it lies from there.",
            ),
            Score::Combined | Score::Density => {
                ("surprise", "nats", "The score of a row is the sum over its features.")
            }
        };
        report::Contribution { name: name.into(), unit: unit.into(), relation: relation.into() }
    }

    /// The test rows with the highest scores and what each of their features contributes.
    fn worst_rows(&self) -> Vec<report::WorstRow> {
        let Self { dataset, source, trained, .. } = self;
        let mut order: Vec<usize> = (0..trained.test_scores.len()).collect();
        order.sort_by(|&a, &b| trained.test_scores[b].total_cmp(&trained.test_scores[a]));
        order.truncate(report::MOST_WORST_ROWS);
        let model = trained.model.model().expect("training has loaded this model");
        let mut scratch = vec![0.0; model.scratch_len()];
        let mut detector = SliceDetector::new(&model, &mut scratch).expect("the scratch has the length asked for");
        let rows = order.into_iter().map(|at| {
            let row = trained.test_rows[at];
            let sample = dataset.features.row(row).to_vec();
            detector.score(&sample).expect("training has scored this row");
            report::WorstRow {
                row: source.row_number(row) as usize,
                score: trained.test_scores[at],
                label: trained.test_labels.as_ref().map(|labels| labels[at]),
                contributions: {
                    let mut contributions = vec![0.0; sample.len()];
                    detector.explain(&mut contributions);
                    contributions
                },
            }
        });
        rows.collect()
    }
}
