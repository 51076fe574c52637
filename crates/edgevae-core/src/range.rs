//! Readings far outside the training data: an anomaly whatever the heads say of them.
//!
//! A head need not see them. An isolation tree ends in the same leaf beyond its last split, and a clip makes 1e15 out of
//! 1e3; so the reading itself decides.

/// A reading is out of range when it lies more than this many scales from the centre of the training rows, unless the
/// file has a limit of its own ([`RANGE`](crate::format::extras::RANGE)).
///
/// Of `n` training rows none lies further than `sqrt(n - 1)` standard deviations from their mean: 256 is beyond all of up to
/// 65,536 rows.
pub const LIMIT: f32 = 256.0;

/// The reading of a sample that is furthest out of range.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Furthest {
    feature: u16,
    /// In scales; 0 when all are in range.
    magnitude: f32,
}

impl Furthest {
    /// Takes a scaled reading that is beyond `clip`, `limit` or both, and returns it clipped.
    #[cold]
    #[inline(never)]
    pub fn meet(&mut self, feature: usize, x: f32, clip: f32, limit: f32) -> f32 {
        let magnitude = x.abs();
        if magnitude > limit && magnitude > self.magnitude {
            // A model has at most 65,535 features.
            *self = Self { feature: u16::try_from(feature).unwrap_or(u16::MAX), magnitude };
        }
        if magnitude > clip { clip.copysign(x) } else { x }
    }

    /// Keeps it for [`raise`], at the front of two buffers that scoring no longer needs; returns whether there is one.
    #[inline(always)]
    pub fn keep(self, front: &mut [f32], back: &mut [f32]) -> bool {
        if let ([front, ..], [back, ..]) = (front, back) {
            (*front, *back) = (self.magnitude, f32::from(self.feature));
        }
        self.magnitude > 0.0
    }
}

/// Raises the contribution of the feature that [`Furthest::keep`] has kept, if any, above those of all others together:
/// to the square of its distance in scales, or twice their sum.
pub(crate) fn raise(front: &[f32], back: &[f32], contributions: &mut [f32]) {
    let (Some(&magnitude), Some(&place)) = (front.first(), back.first()) else { return };
    // Before the first sample there may be anything.
    if magnitude.is_nan() || magnitude <= 0.0 {
        return;
    }
    let most = f32::MAX / 4.0 / contributions.len() as f32;
    let mut others = 0.0;
    let mut furthest = None;
    for (feature, contribution) in (0_u16..).zip(contributions) {
        if f32::from(feature) == place {
            furthest = Some(contribution);
        } else {
            *contribution = if *contribution < most { *contribution } else { most };
            others += if *contribution > 0.0 { *contribution } else { 0.0 };
        }
    }
    if let Some(contribution) = furthest {
        let (square, twice) = (magnitude * magnitude, 2.0 * others);
        let raised = if square > twice { square } else { twice };
        *contribution = if raised < f32::MAX { raised } else { f32::MAX };
    }
}
