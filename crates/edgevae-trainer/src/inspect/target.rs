//! What a model needs on a kind of core: measured code, and memory that follows from the model's shapes.

use edgevae_core::format::HeadKind;
use serde::Serialize;

use crate::export::model_file::AnyModel;

/// Measured on emulated boards by `firmware-example/tools/budget.sh`, which fails when the code outgrows it.
const BUDGET: &str = include_str!("budget.csv");

/// Measurements of one core, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    name: &'static str,
    base_flash: usize,
    error_alone: Build,
    all_heads: Build,
    int8: Build,
    raw_error_alone: Build,
    raw_all_heads: Build,
}

/// What depends on the kind of model and the heads that are compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Build {
    features: &'static str,
    code_flash: usize,
    /// Of loading or scoring, whichever is deeper.
    stack: usize,
    /// The view of the model file.
    model_ram: usize,
}

/// Cores that run the code of a core that is measured: the same instructions.
const ALIASES: [(&str, &str); 2] = [("cortex-m0+", "cortex-m0"), ("cortex-m0plus", "cortex-m0")];

/// A detector of so many numbers: beside them it holds a reference, 4 bytes on every core of the table.
pub fn detector_bytes(numbers: usize) -> usize {
    4 + 4 * numbers
}

/// A detector of raw rows around another, with so many numbers of its own: beside them it holds a reference and the window's
/// place.
pub fn raw_detector_bytes(inner: usize, numbers: usize) -> usize {
    const PLACE: usize = 12;
    inner + detector_bytes(numbers) + PLACE
}

/// Flash and RAM that a model needs on a core, bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The core.
    pub core: &'static str,
    /// The model file, where it lies in flash.
    pub weights_bytes: usize,
    /// Features of edgevae-core that this model needs and these figures are for.
    pub features: &'static str,
    /// Code of the loader and the scorer, opt-level 3.
    pub code_bytes: usize,
    /// The smallest image that scores: vectors and runtime, code, model file.
    pub image_bytes: usize,
    /// A `Detector` as large as the model needs.
    pub detector_bytes: usize,
    /// The view of the model file.
    pub model_view_bytes: usize,
    /// Stack that loading or scoring reaches, whichever is deeper.
    pub stack_bytes: usize,
}

impl Core {
    /// Finds a core by its name, `cortex-m4` or `RV32IMAC`, in any case.
    ///
    /// # Errors
    /// The names that are known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = text.to_ascii_lowercase();
        let wanted = ALIASES.iter().find(|(alias, _)| *alias == wanted).map_or(wanted.as_str(), |(_, name)| name);
        let named = |core: &Core| {
            let name = core.name.to_ascii_lowercase();
            // Cortex-M4F and Cortex-M4 are told apart by nobody who has one.
            name == wanted || name.strip_suffix('f') == Some(wanted)
        };
        Self::all().find(named).ok_or_else(|| {
            let mut names: Vec<&str> = Self::all().map(|core| core.name).collect();
            names.dedup();
            format!("no such core; measured are {}", names.join(", ").to_lowercase())
        })
    }

    fn all() -> impl Iterator<Item = Self> {
        let mut lines = BUDGET.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let names = lines.next().expect("budget.csv has a header");
        lines.map(move |fields| {
            let field =
                |name: &str| fields[names.iter().position(|&column| column == name).expect("a column of budget.csv")];
            let number = |name: &str| -> usize { field(name).parse().expect("numbers in budget.csv") };
            // With every head the view is what it is with one.
            let build = |features, heads, kind| {
                let column = |name| number(&format!("{name}{kind}{heads}"));
                Build {
                    features,
                    code_flash: column("code_flash"),
                    stack: column("score_stack").max(column("load_stack")),
                    model_ram: number(&format!("model_ram{kind}")),
                }
            };
            Self {
                name: field("core"),
                base_flash: number("base_flash"),
                error_alone: build("mse", "", ""),
                all_heads: build("default", "_all", ""),
                int8: build("mse,asm", "", "_int8"),
                raw_error_alone: build("mse,encoding,window", "", "_raw"),
                raw_all_heads: build("default", "_all", "_raw"),
            }
        })
    }

    /// What a model needs on this core; `file_bytes` is the length of its file, `detector_bytes` of its detector.
    pub fn needs(self, model: &AnyModel<'_>, file_bytes: usize, detector_bytes: usize) -> Needs {
        let error_alone = model.header().heads.iter().all(|head| head.kind == HeadKind::Mse);
        let Build { features, code_flash, stack, model_ram } = match (model, error_alone) {
            (AnyModel::Int8(_), _) => self.int8,
            (AnyModel::Float(_), true) => self.error_alone,
            (AnyModel::Float(_), false) => self.all_heads,
            (AnyModel::Raw(_), true) => self.raw_error_alone,
            (AnyModel::Raw(_), false) => self.raw_all_heads,
        };
        Needs {
            core: self.name,
            weights_bytes: file_bytes,
            features,
            code_bytes: code_flash,
            image_bytes: self.base_flash + code_flash + file_bytes,
            detector_bytes,
            model_view_bytes: model_ram,
            stack_bytes: stack,
        }
    }
}

impl Needs {
    /// Flash that edgevae adds to a firmware.
    pub fn flash(&self) -> usize {
        self.code_bytes + self.weights_bytes
    }

    /// RAM that edgevae needs while it scores.
    pub fn ram(&self) -> usize {
        self.detector_bytes + self.model_view_bytes + self.stack_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_go_by_their_names_in_any_case() {
        assert_eq!(Core::parse("cortex-m4"), Core::parse("Cortex-M4F"));
        assert_eq!(Core::parse("cortex-m0").unwrap().name, "Cortex-M0");
        assert_eq!(Core::parse("Cortex-M0+"), Core::parse("cortex-m0"));
        assert_eq!(Core::parse("rv32imac").unwrap().name, "RV32IMAC");
        assert_eq!(Core::parse("rv32imc").unwrap().name, "RV32IMC");
        let error = Core::parse("z80").unwrap_err();
        assert!(error.contains("cortex-m0, cortex-m3, cortex-m4f"), "{error}");
    }

    #[test]
    fn every_core_keeps_the_promises_of_the_readme() {
        for core in Core::all() {
            assert!(core.error_alone.stack <= 1024 && core.all_heads.stack <= 1024, "{core:?}");
        }
        let m4f = Core::parse("cortex-m4f").unwrap();
        assert!(m4f.error_alone.code_flash <= 8192 && m4f.int8.code_flash <= m4f.error_alone.code_flash, "{m4f:?}");
    }
}
