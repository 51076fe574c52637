//! Which features made a score: the core's contributions, the largest first, for a number of them known at run time.

use edgevae_core::explain::{Contribution, largest};
use edgevae_core::{Model, SliceDetector};

/// Ranks the features of rows by what they contribute to the score.
#[derive(Debug)]
pub struct Explainer<'m> {
    model: &'m Model<'m>,
    scratch: Vec<f32>,
    contributions: Vec<f32>,
    ranked: Vec<Contribution>,
}

impl<'m> Explainer<'m> {
    /// An explainer for one model.
    pub fn new(model: &'m Model<'m>) -> Self {
        let inputs = model.inputs();
        Self { model, scratch: vec![0.0; model.scratch_len()], contributions: vec![0.0; inputs], ranked: Vec::new() }
    }

    /// The `count` features of the largest contributions, and these; equal ones in the order of the features. Empty for a
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
        detector.explain(&mut self.contributions);
        self.ranked.resize(count.min(self.contributions.len()), Contribution::default());
        largest(&self.contributions, &mut self.ranked)
    }
}
