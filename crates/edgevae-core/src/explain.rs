//! The few features that made a score: which sensor is it?

/// A feature and what it contributes to a score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contribution {
    /// Index of the feature.
    pub feature: usize,
    /// What it contributes; see [`Model::explain`](crate::Model::explain).
    pub value: f32,
}

/// The features of the largest contributions, the largest first and equal ones in their order, as many as `largest` holds or as
/// there are.
///
/// # Shapes
/// `contributions`: `[IN]`.
///
/// # Cost
/// Comparisons alone, `IN` times the length of `largest` at most.
///
/// # Panics
/// Never.
///
/// # Examples
/// ```
/// use edgevae_core::explain::{Contribution, largest};
/// let mut slots = [Contribution::default(); 2];
/// let found = largest(&[0.5, 0.0, 2.0, 0.5], &mut slots);
/// assert_eq!(found, [Contribution { feature: 2, value: 2.0 }, Contribution { feature: 0, value: 0.5 }]);
/// ```
pub fn largest<'l>(contributions: &[f32], largest: &'l mut [Contribution]) -> &'l [Contribution] {
    let mut found = 0_usize;
    for (feature, &value) in contributions.iter().enumerate() {
        let mut next = Contribution { feature, value };
        let mut shifts = false;
        for slot in largest.iter_mut().take(found) {
            shifts |= next.value > slot.value;
            if shifts {
                core::mem::swap(slot, &mut next);
            }
        }
        if let Some(slot) = largest.get_mut(found) {
            *slot = next;
            found = found.saturating_add(1);
        }
    }
    largest.get(..found).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_equal_ones_in_their_order() {
        let contributions = [1.0, 3.0, 3.0, -1.0, 5.0, 1.0];
        let features = |slots: &mut [Contribution]| {
            largest(&contributions, slots).iter().map(|found| found.feature).collect::<std::vec::Vec<_>>()
        };
        assert_eq!(features(&mut [Contribution::default(); 10]), [4, 1, 2, 0, 5, 3]);
        assert_eq!(features(&mut [Contribution::default(); 3]), [4, 1, 2]);
        assert_eq!(features(&mut []), []);
        assert_eq!(largest(&[], &mut [Contribution::default(); 3]), []);
    }
}
