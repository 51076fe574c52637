//! Which features made a score: the core's contributions, the largest first, for a number of them known at run time.

use edgevae_core::explain::{Contribution, largest};
use edgevae_core::{Model, RawModel, SliceDetector};

use crate::export::model_file::AnyModel;

/// Ranks the features of rows by what they contribute to the score.
#[derive(Debug)]
pub struct Explainer<'m> {
    model: &'m Model<'m>,
    /// Adds up what features contribute for the columns that they come from.
    raw: Option<&'m RawModel<'m>>,
    /// What each feature contributes, and each column.
    features: Vec<f32>,
    scratch: Vec<f32>,
    contributions: Vec<f32>,
    ranked: Vec<Contribution>,
}

impl<'m> Explainer<'m> {
    /// An explainer for one model.
    pub fn new(model: &'m Model<'m>) -> Self {
        let inputs = model.inputs();
        Self {
            model,
            raw: None,
            features: vec![0.0; inputs],
            scratch: vec![0.0; model.scratch_len()],
            contributions: vec![0.0; inputs],
            ranked: Vec::with_capacity(inputs),
        }
    }

    /// An explainer for a float model; one with an encoder is explained by its raw columns. `None` for an int8 model.
    pub fn of(model: &'m AnyModel<'m>) -> Option<Self> {
        match model {
            AnyModel::Float(model) => Some(Self::new(model)),
            AnyModel::Raw(raw) => {
                let contributions = vec![0.0; raw.encoder().raw()];
                Some(Self { raw: Some(raw), contributions, ..Self::new(raw.model()) })
            }
            AnyModel::Int8(_) => None,
        }
    }

    /// The `count` features (columns, where there is an encoder) of the largest contributions, and these; equal ones in the order of the features. Empty for a
    /// row that has no score.
    ///
    /// What a contribution is depends on the heads of the model: see
    /// [`Model::explain`](edgevae_core::Model::explain).
    pub fn top(&mut self, sample: &[f32], count: usize) -> &[Contribution] {
        let mut detector = SliceDetector::new(self.model, &mut self.scratch)
            .expect("the scratch has the length that the model asks for");
        if detector.score(sample).is_err() {
            return &[];
        }
        match self.raw {
            None => detector.explain(&mut self.contributions),
            Some(raw) => {
                detector.explain(&mut self.features);
                raw.attribute(&self.features, &mut self.contributions);
            }
        }
        self.ranked.resize(count.min(self.contributions.len()), Contribution::default());
        largest(&self.contributions, &mut self.ranked)
    }
}
