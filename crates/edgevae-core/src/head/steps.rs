//! Samples in whole steps, for heads that compute in integers.

use crate::scaler::clip;

/// Steps in one scaled unit.
pub const STEPS: f32 = 64.0;

/// Rounds a scaled and clipped sample to steps.
///
/// Halves are rounded away from zero; beyond ±8 scaled units (where a file without clip may lie) the last step is kept.
#[expect(clippy::cast_possible_truncation, reason = "at most 8 * 64 and a half; of NaN the cast makes 0")]
pub fn round_to_steps(x: &[f32], steps: &mut [i16]) {
    for (step, &x) in steps.iter_mut().zip(x) {
        let scaled = x * STEPS;
        let limited = clip(scaled, 8.0 * STEPS);
        *step = (if limited < 0.0 { limited - 0.5 } else { limited + 0.5 }) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_step_and_never_wraps() {
        let mut steps = [1; 6];
        round_to_steps(&[0.0117, -0.0117, 1e30, -1e30, f32::NAN, 0.0], &mut steps);
        assert_eq!(steps, [1, -1, 512, -512, 0, 0]);
    }
}
