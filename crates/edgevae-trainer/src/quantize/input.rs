//! Standardization in integers.

use edgevae_core::quant::Input;

/// How a feature's readings become activations of unit `unit`: `a = round((raw - mean) * reciprocal / unit)`.
///
/// The binary exponent is the largest with which every reading in range stays below `2^30`: readings then have some 30
/// bits, more than `f32` has.
pub fn input(mean: f32, reciprocal: f32, unit: f64) -> Input {
    const MOST: f64 = (1 << 30) as f64;
    let (mean, gain) = (f64::from(mean), f64::from(reciprocal) / unit);
    let widest = mean.abs() + f64::from(1 << 15) / gain;
    let exponent = (MOST / widest).log2().floor().clamp(-128.0, 127.0);
    let two = exponent.exp2();
    // Activations for each unit of a scaled reading; the multiplier takes 15 bits of it, the shift the rest.
    let per_unit = gain / two;
    let shift = (f64::from(i16::MAX) / per_unit).log2().floor().clamp(0.0, f64::from(Input::SHIFT));
    let multiplier = (per_unit * shift.exp2()).round().clamp(f64::from(Input::MULTIPLIER), f64::from(i16::MAX));
    let half = (shift - 1.0).exp2() / multiplier;
    let offset = (half - mean * two).round().clamp(-MOST, MOST);
    Input { offset: offset as i32, multiplier: multiplier as i16, shift: shift as u8, exponent: exponent as i8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_reading_is_standardized_to_half_a_unit(
            mean in prop_oneof![Just(0.0_f32), -1e6_f32..1e6],
            power in -8_i32..8,
            sigmas in -7.9_f64..7.9,
        ) {
            // Readings as fine as f32 has them at the mean.
            let scale = (f64::from(mean.abs()) * 1e-4).max(10f64.powi(power));
            let unit = 8.0 / 32767.0;
            let input = input(mean, (1.0 / scale) as f32, unit);
            let raw = (f64::from(mean) + sigmas * scale) as f32;
            let (activation, in_range) = input.activation(raw).unwrap().unwrap();
            let exact = (f64::from(raw) - f64::from(mean)) / scale / unit;
            prop_assert!(in_range);
            // Half a unit of rounding, and the multiplier's 15 bits.
            prop_assert!((f64::from(activation) - exact).abs() <= 0.51 + exact.abs() / 32_000.0, "{activation} for {exact}");
        }
    }

    #[test]
    fn readings_of_every_type_give_the_same_activation() {
        let input = input(1013.25, 0.125, 0.001);
        for raw in [900_i16, 1000, 1013, 1014, 1100] {
            let float = input.activation(f32::from(raw)).unwrap();
            assert_eq!(input.activation(raw).unwrap(), float);
            assert_eq!(input.activation(i32::from(raw)).unwrap(), float);
        }
    }

    #[test]
    fn readings_far_outside_are_out_of_range_on_both_sides() {
        for (mean, scale) in [(0.0, 1.0), (1e6, 1.0), (-3e-5, 1e-7), (1e20, 1e18)] {
            let input = input(mean, 1.0 / scale, 8.0 / 32767.0);
            for sigmas in [9.0_f32, 100.0, 1e10] {
                for raw in [mean + sigmas * scale, mean - sigmas * scale] {
                    assert_eq!(input.activation(raw).unwrap().map(|(_, in_range)| in_range), Some(false), "{raw}");
                }
            }
            assert_eq!(input.activation(f32::MAX).unwrap().map(|(_, in_range)| in_range), Some(false));
            assert_eq!(input.activation(mean + scale).unwrap().map(|(_, in_range)| in_range), Some(true));
        }
    }
}
