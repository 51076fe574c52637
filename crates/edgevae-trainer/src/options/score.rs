//! What a row's score is: which heads make it, their sizes, its names and its unit.

use crate::base::value::choice;
use crate::options::likelihood::Likelihood;
use edgevae_core::format::HeadKind;

choice! {
    /// What a row's score is; each is one or several [`heads`](crate::heads).
    #[derive(Default)]
    pub enum Score {
        /// Reconstruction error: squared error averaged over features, scaled units
        #[default]
        Mse = "mse",
        /// Negative log-likelihood under the decoder's Gaussian
        Nll = "nll",
        /// Negative log-likelihood plus KL divergence: the negative evidence lower bound at z = mu
        Elbo = "elbo",
        /// Mahalanobis distance of mu from those of the training rows
        Mahalanobis = "mahalanobis",
        /// Negative log-likelihood, averaged over draws of z
        ReconstructionProbability = "reconstruction-probability",
        /// Reconstruction and Mahalanobis, each as the negative log of its tail probability, averaged
        Combined = "combined",
        /// Mahalanobis distance of residual and mu together from those of the training rows
        JointMahalanobis = "joint-mahalanobis",
        /// Distance to the nearest of the training rows that the model stores
        Neighbours = "neighbours",
        /// How rare each feature's value is by itself
        Histogram = "histogram",
        /// How soon random splits isolate the row
        Isolation = "isolation",
        /// Neighbours, joint Mahalanobis and histogram, averaged like `combined` with weights 3, 1 and 1
        Density = "density",
    }
}

impl Score {
    /// The scores that compare the parts of the reference system.
    pub const REFERENCE: [Self; 6] =
        [Self::Mse, Self::Nll, Self::Elbo, Self::Mahalanobis, Self::ReconstructionProbability, Self::Combined];

    /// The heads that make it.
    pub fn heads(self, likelihood: Likelihood, sizes: HeadSizes) -> Vec<HeadKind> {
        let HeadSizes { draws, stored_rows: rows, nearest, bins, trees, depth, full_covariance: full, .. } = sizes;
        let joint = HeadKind::JointMahalanobis { full };
        let neighbours = HeadKind::Neighbours { rows, nearest };
        match self {
            Self::Mse => vec![HeadKind::Mse],
            Self::Nll => vec![HeadKind::Nll],
            Self::Elbo => vec![HeadKind::Elbo],
            Self::Mahalanobis => vec![HeadKind::Mahalanobis],
            Self::ReconstructionProbability => vec![HeadKind::ReconstructionProbability { draws }],
            // The error that the training minimised: squared, or weighted by the variances that it learned.
            Self::Combined if likelihood == Likelihood::Mse => vec![HeadKind::Mse, HeadKind::Mahalanobis],
            Self::Combined => vec![HeadKind::Nll, HeadKind::Mahalanobis],
            Self::JointMahalanobis => vec![joint],
            Self::Neighbours => vec![neighbours],
            Self::Histogram => vec![HeadKind::Histogram { bins }],
            Self::Isolation => vec![HeadKind::Isolation { trees, depth }],
            Self::Density => vec![neighbours, joint, HeadKind::Histogram { bins }],
        }
    }

    /// What it is, in the words of a report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mse => "reconstruction error",
            Self::Nll => "negative log-likelihood",
            Self::Elbo => "negative ELBO",
            Self::Mahalanobis => "Mahalanobis distance of mu",
            Self::ReconstructionProbability => "negative log-likelihood over draws",
            Self::Combined => "mean surprise of reconstruction and Mahalanobis",
            Self::JointMahalanobis => "Mahalanobis distance of residual and mu",
            Self::Neighbours => "distance to the nearest stored rows",
            Self::Histogram => "rarity of each feature's value",
            Self::Isolation => "splits saved on the way to a leaf",
            Self::Density => "mean surprise of neighbours, joint Mahalanobis and histogram",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Mse => "scaled units²",
            Self::Mahalanobis | Self::JointMahalanobis => "standard deviations",
            Self::Neighbours => "scaled units",
            Self::Isolation => "splits",
            _ => "nats",
        }
    }
}

/// Which training rows a model stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Each next one the farthest from those chosen before: they cover all training rows, odd ones included.
    Covering,
    /// At random: they lie where most rows lie, and an anomaly is rarely among them.
    Random,
}

/// Sizes of the heads that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadSizes {
    /// Draws of `z` for a score that averages over them.
    pub draws: u8,
    /// Stored rows; fewer where there are no more.
    pub stored_rows: u16,
    /// Which rows.
    pub storage: Storage,
    /// How many of the nearest stored rows count.
    pub nearest: u8,
    /// Bins of each feature's histogram.
    pub bins: u8,
    /// Isolation trees.
    pub trees: u8,
    /// Splits from their root to a leaf; each is grown of `2^depth` rows.
    pub depth: u8,
    /// Whether the joint Mahalanobis distance takes the covariance in full, or variances only.
    pub full_covariance: bool,
}

impl Default for HeadSizes {
    fn default() -> Self {
        Self {
            draws: 16,
            stored_rows: 1000,
            storage: Storage::Covering,
            nearest: 1,
            bins: 32,
            trees: 64,
            depth: 6,
            full_covariance: true,
        }
    }
}
