//! What a model file holds, for people and for scripts.

pub mod target;

use std::fmt::Write as _;

use edgevae_core::format::input::{Absent, Clock, Column, Kind, WindowFeatures, WindowSpec};
use edgevae_core::format::{self, Activation, CalibrationSet, DecoderVariance, HeadKind, Header, Missing};
use edgevae_core::signature::TRAILER_LEN;
use edgevae_core::{Model, QuantizedModel, RawModel};
use serde::Serialize;

use crate::base::numbers::count;
use crate::calibrate::threshold;
use crate::export::model_file::AnyModel;
use crate::prepare;
use target::{Core, Needs};

/// A model file's contents but for the weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Format version.
    pub format_version: u8,
    /// `float32` or `int8`.
    pub numbers: &'static str,
    /// Tool that wrote the file.
    pub tool: String,
    /// Seed of the run.
    pub seed: u64,
    /// CRC-32 at the end of the file, hexadecimal.
    pub checksum: String,
    /// Whether a signature follows the file; `edgevae verify` tells by whom.
    pub signed: bool,
    /// Number of features.
    pub inputs: usize,
    /// Number of latents.
    pub latent: usize,
    /// Layers on the scoring path.
    pub layers: Vec<LayerInfo>,
    /// Weights, biases and scaler values.
    pub parameters: usize,
    /// Multiply-adds of one score, network and heads.
    pub multiply_adds: usize,
    /// Those of one pass of the network alone.
    pub network_multiply_adds: usize,
    /// Where the decoder's variance comes from, where a head asks for it.
    pub decoder_variance: &'static str,
    /// What makes the score; several heads are averaged on one footing.
    pub heads: Vec<HeadInfo>,
    /// A score above it is an anomaly.
    pub threshold: f32,
    /// The same for the integer score of an int8 model.
    pub integer_threshold: Option<u64>,
    /// Where it comes from.
    pub calibration: CalibrationInfo,
    /// Policy for missing readings.
    pub missing: &'static str,
    /// What a raw row holds, where the model has an encoder for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnInfo>,
    /// The rows that are looked at together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowInfo>,
    /// Name, mean and scale of each feature, raw units.
    pub features: Vec<FeatureInfo>,
    /// Bytes of the file: what it takes in flash.
    pub file_bytes: usize,
    /// What it needs on the core that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Needs>,
    /// The type of the detector that the model asks for.
    pub detector: String,
    /// Bytes of that detector on a 32-bit core.
    pub detector_bytes: usize,
}

/// One head and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadInfo {
    /// Its name, and that of the cargo feature of edgevae-core that it needs.
    pub name: &'static str,
    /// Multiply-adds of one score beyond the network's pass.
    pub multiply_adds: usize,
    /// Bytes of its parameters in the file.
    pub bytes: usize,
    /// Draws of `z`, for a head that averages over them.
    pub draws: Option<u8>,
}

/// One dense layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerInfo {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// `relu` or `linear`.
    pub activation: &'static str,
}

/// Where a threshold comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationInfo {
    /// Which rows.
    pub rows_from: &'static str,
    /// How many.
    pub rows: u32,
    /// How many of them score above the threshold.
    pub exceedances: u32,
    /// Quantile of their scores; `None` for a threshold by hand.
    pub quantile: Option<f64>,
    /// Share of them above the threshold.
    pub false_alarm_rate: Option<f64>,
    /// Its 95 % confidence interval.
    pub false_alarm_rate_95: Option<(f64, f64)>,
}

/// One feature's name and standardization.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureInfo {
    /// Column name.
    pub name: String,
    /// Mean over the training rows.
    pub mean: f32,
    /// Standard deviation over the training rows; 1 for a constant column; `None` in an int8 model, which has only the
    /// range that follows from it.
    pub scale: Option<f32>,
    /// Readings that an int8 model takes; beyond, a sample is out of range.
    pub range: Option<(f32, f32)>,
}

/// A raw column: what the device hands over and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnInfo {
    /// Column name.
    pub name: String,
    /// `number`, `boolean`, `category` or `cyclic`.
    pub kind: &'static str,
    /// Levels of a category: the device hands over the place of one, from 0, and any other number for another level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// What the device hands over for a cyclic column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<&'static str>,
    /// Its period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<f32>,
    /// What a missing reading (NaN) is: `error`, `filled` or `indicated`.
    pub missing: &'static str,
    /// What stands in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<f32>,
    /// Features that it becomes in each row.
    pub features: usize,
}

/// Rows that are looked at together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowInfo {
    /// How many.
    pub rows: u16,
    /// Rows between the ends of two windows.
    pub stride: u16,
    /// `lags` or `summary`.
    pub features: &'static str,
}

impl WindowInfo {
    fn of(window: WindowSpec) -> Self {
        let WindowSpec { rows, stride, features } = window;
        let features = match features {
            WindowFeatures::Lags => "lags",
            WindowFeatures::Summary => "summary",
        };
        Self { rows, stride, features }
    }
}

impl ColumnInfo {
    fn of(column: &Column<'_>) -> Self {
        let (missing, fill) = match column.absent {
            Absent::Refused => ("error", None),
            Absent::Filled(fill) => ("filled", Some(fill)),
            Absent::Indicated(fill) => ("indicated", Some(fill)),
        };
        let (kind, reading, period) = match column.kind {
            Kind::Number => ("number", None, None),
            Kind::Boolean => ("boolean", None, None),
            Kind::Category { .. } => ("category", None, None),
            Kind::Cyclic { period, of } => {
                let reading = match of {
                    Clock::Value => "the value",
                    Clock::Day => "seconds since midnight",
                    Clock::Week => "seconds since Monday, midnight",
                    Clock::Year => "seconds since the year began",
                    Clock::Signed => "the value, of either sign",
                    Clock::Turns => "the value, any number of periods",
                };
                ("cyclic", Some(reading), Some(period))
            }
        };
        Self {
            name: column.name.to_owned(),
            kind,
            levels: prepare::levels(&column.kind).into_iter().map(str::to_owned).collect(),
            reading,
            period,
            missing,
            fill: fill.filter(|_| matches!(column.kind, Kind::Number | Kind::Boolean)),
            features: column.encoded_len(),
        }
    }
}

impl std::fmt::Display for ColumnInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, kind, levels, reading, period, missing, fill, features } = self;
        write!(f, "{name:<24} {kind}")?;
        for (place, level) in levels.iter().enumerate() {
            write!(f, "{} {place} {level}", if place == 0 { ":" } else { "," })?;
        }
        if let (Some(reading), Some(period)) = (reading, period) {
            write!(f, ": {reading}, period {period}")?;
        }
        match (missing, fill) {
            (&"error", _) => {}
            (missing, Some(fill)) => write!(f, "; missing (NaN) {missing}, as {fill}")?,
            (missing, None) => write!(f, "; missing (NaN) {missing}")?,
        }
        write!(f, "; {features} feature{}", if *features == 1 { "" } else { "s" })
    }
}

impl Inspection {
    /// Describes a loaded model of either kind; `bytes` are those it was loaded from, without the signature that it may
    /// have, `core` is one to tell the needs on.
    pub fn of(model: &AnyModel<'_>, bytes: &[u8], signed: bool, core: Option<Core>) -> Self {
        let inspection = match model {
            AnyModel::Float(model) => Self::of_float(model, bytes, signed),
            AnyModel::Raw(model) => Self::of_raw(model, bytes, signed),
            AnyModel::Int8(model) => Self::of_int8(model, bytes, signed),
        };
        Self {
            target: core.map(|core| core.needs(model, inspection.file_bytes, inspection.detector_bytes)),
            ..inspection
        }
    }

    fn of_raw(raw: &RawModel<'_>, bytes: &[u8], signed: bool) -> Self {
        let (encoder, window) = (raw.encoder(), raw.window());
        let inner = Self::of_float(raw.model(), bytes, signed);
        let (columns, encoded, inputs) = (encoder.raw(), encoder.encoded(), raw.model().inputs());
        let sizes = inner.detector.trim_start_matches("Detector::<");
        Self {
            columns: encoder.columns().map(|column| ColumnInfo::of(&column)).collect(),
            window: (window != WindowSpec::ROW).then(|| WindowInfo::of(window)),
            detector: format!("RawDetector::<{columns}, {encoded}, {}, {sizes}", window.rows),
            detector_bytes: target::raw_detector_bytes(
                inner.detector_bytes,
                encoded * (usize::from(window.rows) + 1) + inputs,
            ),
            ..inner
        }
    }

    fn of_int8(model: &QuantizedModel<'_>, bytes: &[u8], signed: bool) -> Self {
        let header = model.header();
        let file_bytes = bytes.len() + if signed { TRAILER_LEN } else { 0 };
        let layers = model.layers().map(|layer| LayerInfo {
            inputs: layer.inputs(),
            outputs: layer.outputs(),
            activation: if layer.relu() { "relu" } else { "linear" },
        });
        let layers: Vec<LayerInfo> = layers.collect();
        let network: usize = layers.iter().map(|layer| layer.inputs * layer.outputs).sum();
        let features = model.feature_names().zip(model.inputs_of()).map(|(name, input)| {
            let range = (input.reading(-LARGEST), input.reading(LARGEST));
            FeatureInfo { name: name.to_owned(), mean: input.reading(0), scale: None, range: Some(range) }
        });
        let whitening = model.whitening().map_or(0, |layer| layer.inputs() * layer.outputs());
        Self {
            format_version: bytes[format::MAGIC.len()],
            numbers: "int8",
            tool: String::from_utf8_lossy(header.tool).into_owned(),
            seed: header.seed,
            checksum: checksum(bytes),
            signed,
            inputs: model.inputs(),
            latent: model.latent(),
            parameters: network + layers.iter().map(|layer| layer.outputs).sum::<usize>() + 2 * model.inputs(),
            layers,
            multiply_adds: model.multiply_adds(),
            network_multiply_adds: network,
            decoder_variance: "1",
            heads: vec![HeadInfo {
                name: model.head().name(),
                multiply_adds: model.multiply_adds() - network,
                bytes: whitening,
                draws: None,
            }],
            threshold: header.threshold,
            integer_threshold: Some(model.threshold()),
            calibration: CalibrationInfo::of(&header),
            missing: missing(header.missing),
            columns: vec![],
            window: None,
            features: features.collect(),
            file_bytes,
            target: None,
            detector: format!("QuantizedDetector::<{}, {}>", model.inputs(), model.width()),
            detector_bytes: target::detector_bytes(model.scratch_len()),
        }
    }

    fn of_float(model: &Model<'_>, bytes: &[u8], signed: bool) -> Self {
        let header = model.header();
        let file_bytes = bytes.len() + if signed { TRAILER_LEN } else { 0 };
        let layers = model.layers().map(|layer| LayerInfo {
            inputs: layer.inputs(),
            outputs: layer.outputs(),
            activation: match layer.activation {
                Activation::Linear => "linear",
                Activation::Relu => "relu",
            },
        });
        let features =
            model.feature_names().zip(model.means()).zip(model.reciprocals()).map(|((name, &mean), &reciprocal)| {
                FeatureInfo { name: name.to_owned(), mean, scale: Some(1.0 / reciprocal), range: None }
            });
        let heads = model.head_costs().map(|cost| HeadInfo {
            name: cost.kind.name(),
            multiply_adds: cost.multiply_adds,
            bytes: 4 * cost.parameters,
            draws: match cost.kind {
                HeadKind::ReconstructionProbability { draws } => Some(draws),
                _ => None,
            },
        });
        let memory = match model.memory_len() {
            0 => String::new(),
            memory => format!(", {memory}"),
        };
        Self {
            format_version: bytes[format::MAGIC.len()],
            numbers: "float32",
            tool: String::from_utf8_lossy(header.tool).into_owned(),
            seed: header.seed,
            checksum: checksum(bytes),
            signed,
            inputs: model.inputs(),
            latent: model.latent(),
            layers: layers.collect(),
            parameters: model.parameters(),
            multiply_adds: model.multiply_adds(),
            network_multiply_adds: model.network_multiply_adds(),
            decoder_variance: match header.decoder_variance {
                DecoderVariance::Unit => "1",
                DecoderVariance::PerFeature => "one for each feature",
                DecoderVariance::PerRow => "one for each feature and row",
            },
            heads: heads.collect(),
            threshold: model.threshold(),
            integer_threshold: None,
            calibration: CalibrationInfo::of(header),
            missing: missing(model.missing()),
            columns: vec![],
            window: None,
            features: features.collect(),
            file_bytes,
            target: None,
            detector: format!("Detector::<{}, {}{memory}>", model.inputs(), model.width()),
            detector_bytes: target::detector_bytes(model.scratch_len()),
        }
    }

    /// A page for a terminal; wide models show their first features only.
    pub fn text(&self) -> String {
        const SHOWN: usize = 20;
        let mut text = String::new();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "{name:<14} {value}").expect("a string takes all");
        };
        let Self { tool, format_version, seed, numbers, .. } = self;
        line("written by", &format_args!("{tool}, format version {format_version}, seed {seed}, numbers {numbers}"));
        line("checksum", &self.checksum);
        line("signed", &if self.signed { "yes; `edgevae verify` checks by whom" } else { "no" });
        let widths: Vec<String> =
            self.layers.iter().map(|layer| format!("{} {}", layer.outputs, layer.activation)).collect();
        line("layers", &format_args!("{} inputs -> {}", self.inputs, widths.join(" -> ")));
        line("latents", &self.latent);
        line("parameters", &self.parameters);
        line(
            "multiply-adds",
            &format_args!("{} a score, {} of them in the network", self.multiply_adds, self.network_multiply_adds),
        );
        for (at, head) in self.heads.iter().enumerate() {
            let name = match (at, self.heads.len()) {
                (0, 1) => "score",
                (0, _) => "score, mean of",
                _ => "",
            };
            line(name, head);
        }
        if self.decoder_variance != "1" {
            line("variance", &self.decoder_variance);
        }
        match self.integer_threshold {
            Some(integer) => line("threshold", &format_args!("{} ({integer} as an integer score)", self.threshold)),
            None => line("threshold", &self.threshold),
        }
        line("", &self.calibration.sentence());
        line("missing", &self.missing);
        line("flash", &format_args!("{} bytes (this file)", self.file_bytes));
        line("RAM", &format_args!("{} bytes ({})", self.detector_bytes, self.detector));
        if let Some(needs) = &self.target {
            let Needs {
                core, features, weights_bytes, code_bytes, detector_bytes, model_view_bytes, stack_bytes, ..
            } = needs;
            let (flash, ram) = (needs.flash(), needs.ram());
            let name = &format!("on {core}");
            line(
                name,
                &format_args!(
                    "flash {flash} bytes: code {code_bytes} (feature `{features}`), this file {weights_bytes}"
                ),
            );
            line(
                "",
                &format_args!(
                    "RAM {ram} bytes: detector {detector_bytes}, model {model_view_bytes}, stack {stack_bytes}"
                ),
            );
            line("", &format_args!("smallest image {} bytes", needs.image_bytes));
        }
        if let Some(WindowInfo { rows, stride, features }) = &self.window {
            line("window", &format_args!("{rows} rows, a sample every {stride}, {features}"));
        }
        for (place, column) in self.columns.iter().enumerate().take(SHOWN) {
            line(if place == 0 { "raw row" } else { "" }, &format_args!("{place:>3} {column}"));
        }
        if self.columns.len() > SHOWN {
            line("", &format_args!("... and {} more (--json shows all)", self.columns.len() - SHOWN));
        }
        let columns = if self.integer_threshold.is_some() { ["from", "to"] } else { ["mean", "scale"] };
        line("features", &format_args!("{:<24} {:>14} {:>14}", "name", columns[0], columns[1]));
        for FeatureInfo { name, mean, scale, range } in self.features.iter().take(SHOWN) {
            let (first, second) = range.unwrap_or((*mean, scale.unwrap_or(1.0)));
            line("", &format_args!("{name:<24} {first:>14} {second:>14}"));
        }
        if self.features.len() > SHOWN {
            line("", &format_args!("... and {} more (--json shows all)", self.features.len() - SHOWN));
        }
        text
    }
}

impl std::fmt::Display for HeadInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, multiply_adds, bytes, draws } = self;
        write!(f, "{name}: {multiply_adds} multiply-adds, {bytes} bytes")?;
        draws.map_or(Ok(()), |draws| write!(f, ", {draws} draws"))
    }
}

/// The largest activation in magnitude.
const LARGEST: i16 = i16::MAX;

/// CRC-32 at the end of a model file, hexadecimal.
pub fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", bytes.last_chunk().map_or(0, |field| u32::from_le_bytes(*field)))
}

fn missing(policy: Missing) -> &'static str {
    match policy {
        Missing::Error => "error",
        Missing::Drop => "drop",
        Missing::Mean => "mean",
    }
}

impl CalibrationInfo {
    fn of(header: &Header<'_>) -> Self {
        let format::Calibration { set, rows, exceedances, quantile } = header.calibration;
        Self {
            rows_from: calibration_rows(set),
            rows,
            exceedances,
            quantile,
            false_alarm_rate: (rows > 0).then(|| f64::from(exceedances) / f64::from(rows)),
            false_alarm_rate_95: threshold::binomial_interval(exceedances as usize, rows as usize),
        }
    }

    fn sentence(&self) -> String {
        let Self { rows_from, rows, exceedances, quantile, false_alarm_rate, false_alarm_rate_95 } = self;
        let method = match quantile {
            Some(quantile) => {
                format!("quantile {quantile} (linear) of the scores of {} {rows_from}", count(*rows as usize))
            }
            None => "set by hand".into(),
        };
        match (false_alarm_rate, false_alarm_rate_95) {
            (Some(rate), Some(interval)) => {
                let [rate, low, high] = threshold::percents(*rate, *interval);
                let (flagged, rows) = (count(*exceedances as usize), count(*rows as usize));
                format!(
                    "{method}; flags {flagged} of {rows}: false-alarm rate {rate} % (95 % interval {low} to {high} %)"
                )
            }
            _ => format!("{method}; false-alarm rate not known"),
        }
    }
}

/// The rows that a threshold was taken from, as a sentence names them.
pub fn calibration_rows(set: CalibrationSet) -> &'static str {
    match set {
        CalibrationSet::TestNormals => "normal test rows",
        CalibrationSet::Holdout => "rows kept out of the fit",
        CalibrationSet::TrainingRows => "training rows",
        CalibrationSet::File => "rows of a calibration file",
        CalibrationSet::ByHand => "rows, by hand",
    }
}
