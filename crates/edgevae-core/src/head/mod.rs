//! Heads: what makes a score of the network's representation of a sample.
//!
//! The network maps a row to a [`Representation`]; a [`Head`] turns that into one number, higher for more anomalous. A
//! model file holds one head, whose number is the score, or several, each of which is brought to one footing by its
//! [`tail`] before they are averaged. One file each, one cargo feature each; their parameters are read in place.

#[cfg(feature = "elbo")]
pub mod elbo;
pub mod gaussian;
#[cfg(feature = "histogram")]
pub mod histogram;
#[cfg(feature = "isolation")]
pub mod isolation;
#[cfg(feature = "joint-mahalanobis")]
pub mod joint_mahalanobis;
#[cfg(feature = "mahalanobis")]
pub mod mahalanobis;
#[cfg(feature = "mse")]
pub mod mse;
#[cfg(feature = "neighbours")]
pub mod neighbours;
#[cfg(feature = "nll")]
pub mod nll;
#[cfg(feature = "reconstruction-probability")]
pub mod reconstruction_probability;
pub mod steps;
pub mod tail;

use core::convert::Infallible;
use core::marker::PhantomData;

use crate::format::{HeadKind, HeadSpec};
use tail::Tail;

/// What the network makes of one sample; a head reads of it what it needs.
///
/// # Shapes
/// Slices are empty where no head of the model asks for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Representation<'r> {
    /// The scaled and clipped sample, `[IN]`, scaled units.
    pub x: &'r [f32],
    /// `x` rounded to whole steps of 1/64, `[IN]`.
    pub steps: &'r [i16],
    /// `x - x_hat` at `z = mu`, `[IN]`, scaled units.
    pub residual: &'r [f32],
    /// Mean of the approximate posterior, `[LATENT]`.
    pub mu: &'r [f32],
    /// Log variance of the approximate posterior, `[LATENT]`, clamped.
    pub logvar: &'r [f32],
    /// Log variance of the decoder's Gaussian, `[IN]`; empty means unit variance.
    pub x_logvar: &'r [f32],
    /// Negative log-likelihood of each feature, mean over draws of `z`, `[IN]`, nats.
    pub sampled: &'r [f32],
}

impl Representation<'_> {
    /// Squared error of one feature, scaled units squared.
    pub fn squared_error(&self, feature: usize) -> f32 {
        self.residual.get(feature).map_or(0.0, |residual| residual * residual)
    }
}

/// Whether a head that is compiled in, or its tail, has numbers among the tensors: code that looks for them is left out
/// where none has.
pub(crate) const HAVE_TENSORS: bool = cfg!(any(
    feature = "mahalanobis",
    feature = "reconstruction-probability",
    feature = "joint-mahalanobis",
    feature = "histogram",
    feature = "combination"
)) || HAVE_PACKED;

/// The same for words in the packed block.
pub(crate) const HAVE_PACKED: bool = cfg!(any(feature = "neighbours", feature = "isolation"));

/// Turns a representation into one number.
pub trait Head {
    /// The head's raw score: higher is more anomalous. NaN and infinity become an error of the detector.
    ///
    /// # Panics
    /// Never; a representation of another shape than the model's gives a number without meaning.
    fn score(&self, representation: &Representation<'_>) -> f32;

    /// What one feature contributes to the score; each head says what that is.
    ///
    /// # Panics
    /// Never; 0 for a feature that the model does not have.
    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32;

    /// Multiply-adds of one score beyond the network's own pass.
    fn multiply_adds(&self, sizes: Sizes) -> usize;

    /// Whether its parameters can score; they are finite already.
    fn is_sound(&self) -> bool {
        true
    }
}

/// Sizes of the network under a head.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Number of features.
    pub inputs: usize,
    /// Number of latents.
    pub latent: usize,
    /// Multiply-adds of one pass of the decoder.
    pub decode: usize,
}

/// What a head asks of the network beyond the residual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// [`Representation::x`] is kept.
    pub x: bool,
    /// [`Representation::steps`] is computed.
    pub steps: bool,
    /// [`Representation::mu`] is kept.
    pub mu: bool,
    /// [`Representation::logvar`] is computed.
    pub logvar: bool,
    /// [`Representation::x_logvar`] is computed, where the decoder has one.
    pub x_logvar: bool,
    /// [`Representation::sampled`] is computed.
    pub sampled: bool,
}

impl Needs {
    /// What either of two heads needs.
    pub fn or(self, other: Self) -> Self {
        Self {
            x: self.x || other.x,
            steps: self.steps || other.steps,
            mu: self.mu || other.mu,
            logvar: self.logvar || other.logvar,
            x_logvar: self.x_logvar || other.x_logvar,
            sampled: self.sampled || other.sampled,
        }
    }
}

impl HeadKind {
    /// What this head asks of the network: nothing where it is not compiled in, so that the compiler sees what no model
    /// can ask for and leaves it out.
    pub fn needs(self) -> Needs {
        let none = Needs::default();
        match self {
            #[cfg(feature = "nll")]
            Self::Nll => Needs { x_logvar: true, ..none },
            #[cfg(feature = "elbo")]
            Self::Elbo => Needs { mu: true, logvar: true, x_logvar: true, ..none },
            #[cfg(feature = "mahalanobis")]
            Self::Mahalanobis => Needs { mu: true, ..none },
            #[cfg(feature = "reconstruction-probability")]
            Self::ReconstructionProbability { .. } => {
                Needs { mu: true, logvar: true, x_logvar: true, sampled: true, ..none }
            }
            #[cfg(feature = "joint-mahalanobis")]
            Self::JointMahalanobis { .. } => Needs { mu: true, ..none },
            #[cfg(feature = "neighbours")]
            Self::Neighbours { .. } => Needs { x: true, steps: true, ..none },
            #[cfg(feature = "histogram")]
            Self::Histogram { .. } => Needs { x: true, ..none },
            #[cfg(feature = "isolation")]
            Self::Isolation { .. } => Needs { x: true, ..none },
            _ => none,
        }
    }

    /// Whether this build has the head.
    pub(crate) fn is_compiled(self) -> bool {
        match self {
            Self::Mse => cfg!(feature = "mse"),
            Self::Nll => cfg!(feature = "nll"),
            Self::Elbo => cfg!(feature = "elbo"),
            Self::Mahalanobis => cfg!(feature = "mahalanobis"),
            Self::ReconstructionProbability { .. } => cfg!(feature = "reconstruction-probability"),
            Self::JointMahalanobis { .. } => cfg!(feature = "joint-mahalanobis"),
            Self::Neighbours { .. } => cfg!(feature = "neighbours"),
            Self::Histogram { .. } => cfg!(feature = "histogram"),
            Self::Isolation { .. } => cfg!(feature = "isolation"),
        }
    }

    /// Numbers in the tensors that this head takes, 0 where it is not compiled in; `None` when the sizes are beyond any
    /// file.
    pub(crate) fn parameters(self, inputs: usize, latent: usize) -> Option<usize> {
        // Which of them are used depends on the features.
        let _ = (inputs, latent);
        match self {
            #[cfg(feature = "mahalanobis")]
            Self::Mahalanobis => whitening(latent),
            #[cfg(feature = "reconstruction-probability")]
            Self::ReconstructionProbability { draws } => latent.checked_mul(usize::from(draws)),
            #[cfg(feature = "joint-mahalanobis")]
            Self::JointMahalanobis { full: true } => whitening(inputs.checked_add(latent)?),
            // mean and diagonal
            #[cfg(feature = "joint-mahalanobis")]
            Self::JointMahalanobis { full: false } => inputs.checked_add(latent)?.checked_mul(2),
            // lower edge, bins per unit, and what lies outside; then the bins
            #[cfg(feature = "histogram")]
            Self::Histogram { bins } => inputs.checked_mul(usize::from(bins).checked_add(3)?),
            _ => Some(0),
        }
    }

    /// Words of four bytes in the packed block at the end of the tensors that this head takes; as above.
    pub(crate) fn packed(self, inputs: usize) -> Option<usize> {
        let _ = inputs;
        match self {
            #[cfg(feature = "neighbours")]
            Self::Neighbours { rows, .. } => Some(inputs.checked_mul(usize::from(rows))?.div_ceil(4)),
            #[cfg(feature = "isolation")]
            Self::Isolation { trees, depth } => usize::from(trees).checked_mul(isolation_words(depth)?),
            _ => Some(0),
        }
    }
}

/// Numbers of a mean and the packed lower triangle of a whitening matrix.
#[cfg(any(feature = "mahalanobis", feature = "joint-mahalanobis"))]
fn whitening(columns: usize) -> Option<usize> {
    columns.checked_mul(columns.checked_add(1)?)?.checked_div(2)?.checked_add(columns)
}

/// Words of one isolation tree: a word for each split, a byte for each leaf.
#[cfg(feature = "isolation")]
pub(crate) fn isolation_words(depth: u8) -> Option<usize> {
    let leaves = 1_usize.checked_shl(u32::from(depth))?;
    leaves.checked_sub(1)?.checked_add(leaves.div_ceil(4))
}

impl HeadSpec {
    /// Words of the tensors that this head and its tail take, those of the packed block included.
    pub(crate) fn words(self, inputs: usize, latent: usize) -> Option<usize> {
        let numbers = self.kind.parameters(inputs, latent)?.checked_add(self.tail_len())?;
        numbers.checked_add(self.kind.packed(inputs)?)
    }

    fn tail_len(self) -> usize {
        if self.knots == 0 { 0 } else { tail::STEP_AND_RATE + usize::from(self.knots) }
    }
}

/// A head that is compiled in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AnyHead<'a> {
    /// Squared error averaged over features.
    #[cfg(feature = "mse")]
    Mse(mse::Mse),
    /// Negative log-likelihood.
    #[cfg(feature = "nll")]
    Nll(nll::Nll),
    /// Negative evidence lower bound.
    #[cfg(feature = "elbo")]
    Elbo(elbo::Elbo),
    /// Mahalanobis distance of `mu`.
    #[cfg(feature = "mahalanobis")]
    Mahalanobis(mahalanobis::Mahalanobis<'a>),
    /// Negative log-likelihood over draws.
    #[cfg(feature = "reconstruction-probability")]
    ReconstructionProbability(reconstruction_probability::ReconstructionProbability<'a>),
    /// Mahalanobis distance of residual and `mu`.
    #[cfg(feature = "joint-mahalanobis")]
    JointMahalanobis(joint_mahalanobis::JointMahalanobis<'a>),
    /// Distance to the nearest stored rows.
    #[cfg(feature = "neighbours")]
    Neighbours(neighbours::Neighbours<'a>),
    /// Rarity of each feature's value.
    #[cfg(feature = "histogram")]
    Histogram(histogram::Histogram<'a>),
    /// How soon random splits isolate the row.
    #[cfg(feature = "isolation")]
    Isolation(isolation::Isolation<'a>),
    /// None: gives the lifetime a use in a build whose heads have no parameters.
    #[doc(hidden)]
    Never(Infallible, PhantomData<&'a [f32]>),
}

/// Calls a method of whichever head it is.
macro_rules! each {
    ($any:expr, $head:ident => $call:expr) => {
        match $any {
            #[cfg(feature = "mse")]
            AnyHead::Mse($head) => $call,
            #[cfg(feature = "nll")]
            AnyHead::Nll($head) => $call,
            #[cfg(feature = "elbo")]
            AnyHead::Elbo($head) => $call,
            #[cfg(feature = "mahalanobis")]
            AnyHead::Mahalanobis($head) => $call,
            #[cfg(feature = "reconstruction-probability")]
            AnyHead::ReconstructionProbability($head) => $call,
            #[cfg(feature = "joint-mahalanobis")]
            AnyHead::JointMahalanobis($head) => $call,
            #[cfg(feature = "neighbours")]
            AnyHead::Neighbours($head) => $call,
            #[cfg(feature = "histogram")]
            AnyHead::Histogram($head) => $call,
            #[cfg(feature = "isolation")]
            AnyHead::Isolation($head) => $call,
            AnyHead::Never(never, _) => match *never {},
        }
    };
}

impl<'a> AnyHead<'a> {
    /// The head of a kind with its parameters and its words of the packed block; `None` when it is not compiled in.
    pub fn new(kind: HeadKind, inputs: usize, latent: usize, parameters: &'a [f32], packed: &'a [f32]) -> Option<Self> {
        // Which of them are used depends on the features.
        let _ = (inputs, latent, parameters, packed);
        match kind {
            #[cfg(feature = "mse")]
            HeadKind::Mse => Some(Self::Mse(mse::Mse)),
            #[cfg(feature = "nll")]
            HeadKind::Nll => Some(Self::Nll(nll::Nll)),
            #[cfg(feature = "elbo")]
            HeadKind::Elbo => Some(Self::Elbo(elbo::Elbo)),
            #[cfg(feature = "mahalanobis")]
            HeadKind::Mahalanobis => Some(Self::Mahalanobis(mahalanobis::Mahalanobis::new(parameters, latent))),
            #[cfg(feature = "reconstruction-probability")]
            HeadKind::ReconstructionProbability { .. } => Some(Self::ReconstructionProbability(
                reconstruction_probability::ReconstructionProbability::new(parameters, latent),
            )),
            #[cfg(feature = "joint-mahalanobis")]
            HeadKind::JointMahalanobis { .. } => Some(Self::JointMahalanobis(
                joint_mahalanobis::JointMahalanobis::new(parameters, inputs.saturating_add(latent)),
            )),
            #[cfg(feature = "neighbours")]
            HeadKind::Neighbours { rows, nearest } => {
                Some(Self::Neighbours(neighbours::Neighbours::new(packed, inputs, rows, nearest)))
            }
            #[cfg(feature = "histogram")]
            HeadKind::Histogram { bins } => Some(Self::Histogram(histogram::Histogram::new(parameters, bins))),
            #[cfg(feature = "isolation")]
            HeadKind::Isolation { depth, .. } => {
                Some(Self::Isolation(isolation::Isolation::new(packed, inputs, depth)))
            }
            #[allow(unreachable_patterns, reason = "reachable when a feature is off")]
            _ => None,
        }
    }
}

impl Head for AnyHead<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        each!(self, head => head.score(representation))
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        each!(self, head => head.contribution(representation, feature))
    }

    fn multiply_adds(&self, sizes: Sizes) -> usize {
        each!(self, head => head.multiply_adds(sizes))
    }

    fn is_sound(&self) -> bool {
        each!(self, head => head.is_sound())
    }
}

/// What a head costs, beside the network's own pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadCost {
    /// Which head.
    pub kind: HeadKind,
    /// Multiply-adds of one score.
    pub multiply_adds: usize,
    /// Numbers in the model file, tail and packed block included; four bytes each.
    pub parameters: usize,
}

/// Iterator over a model's heads, each with its tail where it has one.
#[derive(Clone, Debug)]
pub struct Heads<'a> {
    specs: core::slice::Iter<'a, HeadSpec>,
    tensors: &'a [f32],
    packed: &'a [f32],
    inputs: usize,
    latent: usize,
}

impl<'a> Heads<'a> {
    pub(crate) fn new(
        specs: &'a [HeadSpec],
        tensors: &'a [f32],
        packed: &'a [f32],
        inputs: usize,
        latent: usize,
    ) -> Self {
        Self { specs: specs.iter(), tensors, packed, inputs, latent }
    }
}

impl<'a> Iterator for Heads<'a> {
    /// `None` in place of a head that is not compiled in.
    type Item = (Option<AnyHead<'a>>, Option<Tail<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        let spec = self.specs.next()?;
        let (inputs, latent) = (self.inputs, self.latent);
        if !HAVE_TENSORS {
            return Some((AnyHead::new(spec.kind, inputs, latent, &[], &[]), None));
        }
        let (parameters, rest) = self.tensors.split_at_checked(spec.kind.parameters(inputs, latent)?)?;
        let (tail, rest) = rest.split_at_checked(spec.tail_len())?;
        let (packed, packed_rest) = self.packed.split_at_checked(spec.kind.packed(inputs)?)?;
        (self.tensors, self.packed) = (rest, packed_rest);
        Some((AnyHead::new(spec.kind, inputs, latent, parameters, packed), Tail::new(tail)))
    }
}

#[cfg(not(any(
    feature = "mse",
    feature = "nll",
    feature = "elbo",
    feature = "mahalanobis",
    feature = "reconstruction-probability",
    feature = "joint-mahalanobis",
    feature = "neighbours",
    feature = "histogram",
    feature = "isolation"
)))]
compile_error!("edgevae-core needs at least one head: enable one of its features, for instance `mse`");
