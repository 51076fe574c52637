//! Build-script helper: puts a model file into a firmware image and tells the image how large its detector must be.
//!
//! A firmware of your own needs none of this: write `include_model!("model.evae")` and `Detector::<10, 64>` by hand.
//! Here it lets every board of the example take any model by `EDGEVAE_MODEL=FILE`.

mod reference_net;

use std::path::{Path, PathBuf};
use std::{env, fs};

use edgevae_core::format::TENSOR_ALIGN;
use edgevae_core::{LoadError, Model, QuantizedModel, RawModel};

/// What a detector is: its kind and its const parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Capacity {
    int8: bool,
    /// Of a model that takes raw rows.
    raw: Option<Raw>,
    inputs: usize,
    width: usize,
    memory: usize,
}

/// What stands before the network of a model that takes raw rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Raw {
    columns: usize,
    encoded: usize,
    rows: usize,
}

/// The detector of a model that cannot say what it needs, because it does not load.
const FALLBACK: Capacity = Capacity { int8: false, raw: None, inputs: 10, width: 64, memory: 0 };

/// Writes `OUT_DIR/model.rs` for `include!`: `MODEL: &[u8]` and the `IN`, `WIDTH` and `MEMORY` of its `Detector`.
///
/// For a board whose samples are numbers and whose verdicts are `f32`: a model of another kind fails the build, with the
/// reason. What is embedded, and how large the detector may become, is as for [`any_model`].
pub fn float_model(detector_bytes: usize) {
    let (source, capacity) = embed(detector_bytes);
    match capacity.refusal() {
        Some(refusal) => println!("cargo::error=this board takes float models of numbers; {source} {refusal}"),
        None => write(&constants(capacity)),
    }
}

/// Writes `OUT_DIR/model.rs` as [`float_model`] does, of a model of any kind, and beside its numbers the types
/// `EmbeddedModel`, `EmbeddedDetector` and `EmbeddedVerdict` that this file has, and `next`, which scores a sample.
///
/// The model is the file that `EDGEVAE_MODEL` names, else `model.evae` in `firmware-example`, else the reference net: random
/// weights that cost as much as real ones, of 8 bits where `EDGEVAE_NUMBERS` is `int8`, behind an encoder and a window where
/// it is `raw`, those that cost most without a floating-point unit where it is `subnormal`. A file that does not load is embedded all the same: refusing it is the firmware's work, and that can be
/// watched.
///
/// The numbers are what the model needs, but never more than fits `detector_bytes` of RAM: a model that is too
/// large for the board meets a detector that is too small for it, and is refused with the reason.
pub fn any_model(detector_bytes: usize) {
    let (_, capacity) = embed(detector_bytes);
    write(&(constants(capacity) + &types(capacity)));
}

/// Copies the model to `OUT_DIR/model.evae`; what it is called, and what its detector is.
fn embed(detector_bytes: usize) -> (String, Capacity) {
    println!("cargo::rerun-if-env-changed=EDGEVAE_MODEL");
    println!("cargo::rerun-if-env-changed=EDGEVAE_NUMBERS");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model.evae");
    let source = env::var_os("EDGEVAE_MODEL").map(PathBuf::from).or(beside.exists().then_some(beside));
    let (source, bytes) = match source {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            let bytes =
                fs::read(&path).unwrap_or_else(|error| panic!("cannot read the model {}: {error}", path.display()));
            (path.display().to_string(), bytes)
        }
        None => {
            let numbers = env::var("EDGEVAE_NUMBERS").unwrap_or_default();
            let bytes = match numbers.as_str() {
                "int8" => reference_net::int8_file(),
                "raw" => reference_net::raw_file(),
                "subnormal" => reference_net::subnormal_file(),
                _ => reference_net::file(),
            };
            ("the reference net".to_owned(), bytes)
        }
    };
    let capacity = needs(&bytes).unwrap_or(FALLBACK).cut_to(detector_bytes);
    fs::write(out_dir().join("model.evae"), bytes).expect("OUT_DIR is writable");
    (source, capacity)
}

fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"))
}

fn write(text: &str) {
    fs::write(out_dir().join("model.rs"), text).expect("OUT_DIR is writable");
}

fn constants(Capacity { raw, inputs, width, memory, .. }: Capacity) -> String {
    let inputs = raw.map_or(inputs, |raw| raw.columns);
    format!(
        "/// The model file, in flash.\n\
         pub static MODEL: &[u8] = edgevae_core::include_model!(concat!(env!(\"OUT_DIR\"), \"/model.evae\"));\n\
         /// Numbers of a sample.\n\
         pub const IN: usize = {inputs};\n\
         /// Widest layer that the detector has room for.\n\
         pub const WIDTH: usize = {width};\n\
         /// Numbers that it has room for beside the network: what the model's heads ask for.\n\
         #[allow(dead_code, reason = \"an int8 detector has none\")]\n\
         pub const MEMORY: usize = {memory};\n"
    )
}

fn types(Capacity { int8, raw, inputs, .. }: Capacity) -> String {
    let (prefix, verdict, capacity, next) = match (int8, raw) {
        (true, _) => ("Quantized", "Quantized", "IN, WIDTH".to_owned(), "score(sample).map(Some)"),
        (false, None) => ("", "", "IN, WIDTH, MEMORY".to_owned(), "score(sample).map(Some)"),
        (false, Some(Raw { encoded, rows, .. })) => {
            ("Raw", "", format!("IN, {encoded}, {rows}, {inputs}, WIDTH, MEMORY"), "push(sample)")
        }
    };
    format!(
        "/// The view of the model file.\n\
         pub type EmbeddedModel<'a> = edgevae_core::{prefix}Model<'a>;\n\
         /// The detector that the model asks for.\n\
         pub type EmbeddedDetector<'m> = edgevae_core::{prefix}Detector<'m, {capacity}>;\n\
         /// Its verdict.\n\
         pub type EmbeddedVerdict = edgevae_core::{verdict}Verdict;\n\
         /// The verdict on the next sample, if one is due.\n\
         #[inline(always)]\n\
         pub fn next(detector: &mut EmbeddedDetector<'_>, sample: &[f32; IN]) \
         -> Result<Option<EmbeddedVerdict>, edgevae_core::ScoreError> {{ detector.{next} }}\n"
    )
}

/// The detector that a model file asks for; `None` when it does not load.
fn needs(bytes: &[u8]) -> Option<Capacity> {
    // `from_bytes` wants aligned bytes, a `Vec<u8>` promises none: start at the first aligned byte of a longer copy.
    let mut copy = vec![0; bytes.len() + TENSOR_ALIGN];
    let start = copy.as_ptr().align_offset(TENSOR_ALIGN);
    let aligned = &mut copy[start..start + bytes.len()];
    aligned.copy_from_slice(bytes);
    let float = Model::from_bytes(aligned).map(|model| Capacity {
        int8: false,
        raw: None,
        inputs: model.inputs(),
        width: model.width(),
        memory: model.memory_len(),
    });
    let any = match float {
        Err(LoadError::Quantized) => QuantizedModel::from_bytes(aligned).map(|model| Capacity {
            int8: true,
            raw: None,
            inputs: model.inputs(),
            width: model.width(),
            memory: 0,
        }),
        Err(LoadError::NeedsEncoder) => RawModel::from_bytes(aligned).map(|raw| {
            let (encoder, model) = (raw.encoder(), raw.model());
            let rows = raw.window().rows.into();
            Capacity {
                int8: false,
                raw: Some(Raw { columns: encoder.raw(), encoded: encoder.encoded(), rows }),
                inputs: model.inputs(),
                width: model.width(),
                memory: model.memory_len(),
            }
        }),
        float => float,
    };
    any.inspect_err(|error| println!("cargo::warning=the firmware will refuse this model: {error}")).ok()
}

impl Capacity {
    /// Why a board that takes float models of numbers does not take this one, and what to do.
    fn refusal(self) -> Option<&'static str> {
        match self {
            Self { int8: true, .. } => Some(
                "is an int8 model: embed the float model that it was made of, or run this one on an emulated board",
            ),
            Self { raw: Some(_), .. } => Some(
                "takes raw rows (categories, missing readings or windows): train with columns that are numbers, or give \
                 the board a sample of raw rows and a RawDetector",
            ),
            _ => None,
        }
    }

    /// Cuts it to what fits: 4 bytes a number, for an input a sample and a residual, for a unit of width two buffers. (A
    /// number of an int8 detector takes 2.)
    fn cut_to(self, detector_bytes: usize) -> Self {
        let window = self.raw.map_or(0, |raw| 4 * (raw.columns + raw.encoded * (raw.rows + 1) + self.inputs));
        let detector_bytes = detector_bytes.saturating_sub(window);
        let inputs = self.inputs.min(detector_bytes / 16).max(1);
        let memory = self.memory.min(detector_bytes / 8);
        let width = self.width.min(detector_bytes.saturating_sub(8 * inputs + 4 * memory) / 8).max(1);
        Self { inputs, width, memory, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Capacity, Raw, needs, reference_net};

    #[test]
    fn a_detector_is_as_large_as_its_model_where_the_ram_allows() {
        let cut = |inputs, width, memory| {
            let Capacity { inputs, width, memory, .. } =
                Capacity { int8: false, raw: None, inputs, width, memory }.cut_to(8192);
            (inputs, width, memory)
        };
        assert_eq!(cut(10, 64, 40), (10, 64, 40));
        assert_eq!(cut(10, 4096, 0), (10, 1014, 0));
        assert_eq!(cut(2000, 64, 9000), (512, 1, 1024));
    }

    #[test]
    fn the_reference_nets_load() {
        let capacity = Capacity { int8: false, raw: None, inputs: 10, width: 64, memory: 0 };
        assert_eq!(needs(&reference_net::file()), Some(capacity));
        assert_eq!(needs(&reference_net::int8_file()), Some(Capacity { int8: true, ..capacity }));
        let raw = Some(Raw { columns: 1, encoded: 2, rows: 4 });
        assert_eq!(needs(&reference_net::raw_file()), Some(Capacity { raw, ..capacity }));
    }

    #[test]
    fn a_board_of_numbers_takes_float_models_and_no_others() {
        let refusal = |file: &[u8]| needs(file).expect("it loads").refusal();
        assert_eq!(refusal(&reference_net::file()), None);
        assert!(refusal(&reference_net::int8_file()).is_some_and(|reason| reason.starts_with("is an int8 model")));
        assert!(refusal(&reference_net::raw_file()).is_some_and(|reason| reason.starts_with("takes raw rows")));
    }
}
