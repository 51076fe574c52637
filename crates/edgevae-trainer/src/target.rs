//! What a model needs on a kind of core: measured code, and memory that follows from the model's shapes.

use edgevae_core::format::HeadKind;
use serde::Serialize;

use crate::model_file::AnyModel;

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
    model_ram: usize,
}

/// What depends on the kind of model and the heads that are compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Build {
    features: &'static str,
    code_flash: usize,
    /// Of loading or scoring, whichever is deeper.
    stack: usize,
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
        let named = |core: &Core| {
            let name = core.name.to_ascii_lowercase();
            // Cortex-M4F and Cortex-M4 are told apart by nobody who has one.
            name == wanted || name.strip_suffix('f') == Some(&wanted)
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
            let field = |name| fields[names.iter().position(|&column| column == name).expect("a column of budget.csv")];
            let number = |name| -> usize { field(name).parse().expect("numbers in budget.csv") };
            let build = |features, code_flash, load_stack, score_stack| Build {
                features,
                code_flash: number(code_flash),
                stack: number(score_stack).max(number(load_stack)),
            };
            Self {
                name: field("core"),
                base_flash: number("base_flash"),
                error_alone: build("mse", "code_flash", "load_stack", "score_stack"),
                all_heads: build("default", "code_flash_all", "load_stack", "score_stack_all"),
                int8: build("mse,asm", "code_flash_int8", "load_stack_int8", "score_stack_int8"),
                model_ram: number("model_ram"),
            }
        })
    }

    /// What a model needs on this core; `file_bytes` is the length of its file.
    pub fn needs(self, model: &AnyModel<'_>, file_bytes: usize) -> Needs {
        // A reference, 4 bytes on every core of the table, beside the numbers.
        let detector_bytes = 4 + 4 * match model {
            AnyModel::Float(model) => model.scratch_len(),
            AnyModel::Raw(model) => model.model().scratch_len(),
            AnyModel::Int8(model) => model.scratch_len(),
        };
        let error_alone = model.header().heads.iter().all(|head| head.kind == HeadKind::Mse);
        let Build { features, code_flash, stack } = match model {
            AnyModel::Int8(_) => self.int8,
            AnyModel::Float(_) | AnyModel::Raw(_) if error_alone => self.error_alone,
            AnyModel::Float(_) | AnyModel::Raw(_) => self.all_heads,
        };
        Needs {
            core: self.name,
            weights_bytes: file_bytes,
            features,
            code_bytes: code_flash,
            image_bytes: self.base_flash + code_flash + file_bytes,
            detector_bytes,
            model_view_bytes: self.model_ram,
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
        assert_eq!(Core::parse("rv32imac").unwrap().name, "RV32IMAC");
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
