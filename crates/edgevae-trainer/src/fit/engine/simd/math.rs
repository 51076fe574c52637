//! Exponential, logarithm and circle functions that a compiler can vectorise: polynomials without branches or tables.
//!
//! Only training uses them; scores take libm. Bits are the same on every machine, because every step is one IEEE operation.

/// `exp(x)` for `x` in [-87, 88], held there beyond; NaN stays NaN. Relative error below 2e-7.
///
/// # Source
/// Cody and Waite's reduction `x = n ln 2 + r`, the Taylor polynomial of degree 7 on `|r| <= ln 2 / 2`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// `1.5 * 2^23`: adding it leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_HIGH, x);
    let r = n.mul_add(-LN_2_LOW, r);
    let p = r.mul_add(1.0 / 5040.0, 1.0 / 720.0);
    let p = p.mul_add(r, 1.0 / 120.0);
    let p = p.mul_add(r, 1.0 / 24.0);
    let p = p.mul_add(r, 1.0 / 6.0);
    let p = p.mul_add(r, 0.5);
    let p = p.mul_add(r, 1.0);
    let p = p.mul_add(r, 1.0);
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(power)
}

/// `ln(x)` for normal positive `x`. Error below 2e-7, relative to the larger of 1 and the result.
///
/// # Source
/// `x = 2^e m` with `m` in [2/3, 4/3]; `ln m = 2 artanh s`, `s = (m - 1) / (m + 1)`, by its odd series up to `s^11`.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    const TWO_THIRDS: u32 = 0x3f2a_aaab;
    let offset = x.to_bits().wrapping_sub(TWO_THIRDS);
    let e = (offset as i32 >> 23) as f32;
    let m = f32::from_bits((offset & 0x007f_ffff).wrapping_add(TWO_THIRDS));
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let p = s2.mul_add(2.0 / 11.0, 2.0 / 9.0);
    let p = p.mul_add(s2, 2.0 / 7.0);
    let p = p.mul_add(s2, 2.0 / 5.0);
    let p = p.mul_add(s2, 2.0 / 3.0);
    let p = p.mul_add(s2, 2.0);
    e.mul_add(std::f32::consts::LN_2, p * s)
}

/// `(cos(a), sin(a))` for `|a| <= π/4`. Error below 1.2e-7.
///
/// # Source
/// Taylor polynomials of degree 8 and 9.
#[inline(always)]
pub fn cos_sin(a: f32) -> (f32, f32) {
    let a2 = a * a;
    let c = a2.mul_add(1.0 / 40_320.0, -1.0 / 720.0);
    let c = c.mul_add(a2, 1.0 / 24.0);
    let c = c.mul_add(a2, -0.5);
    let c = c.mul_add(a2, 1.0);
    let s = a2.mul_add(1.0 / 362_880.0, -1.0 / 5040.0);
    let s = s.mul_add(a2, 1.0 / 120.0);
    let s = s.mul_add(a2, -1.0 / 6.0);
    let s = s.mul_add(a2, 1.0);
    (c, s * a)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error of `f` against float64 on 200,001 points of a range.
    fn worst(range: (f32, f32), f: impl Fn(f32) -> f64) -> f64 {
        let point = |k: i32| range.0 + (range.1 - range.0) * k as f32 / 200_000.0;
        (0..=200_000).map(|k| f(point(k))).fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_within_two_parts_in_ten_million() {
        let error = worst((-80.0, 80.0), |x| (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs());
        assert!(error < 2e-7, "{error:e}");
        assert_eq!((exp(0.0), exp(1000.0).is_finite(), exp(-1000.0) > 0.0), (1.0, true, true));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn ln_is_within_two_parts_in_ten_million() {
        let ln_error = |x: f32| (f64::from(ln(x)) - f64::from(x).ln()).abs() / f64::from(x).ln().abs().max(1.0);
        assert!(worst((1e-6, 1.0), ln_error) < 2e-7, "{:e}", worst((1e-6, 1.0), ln_error));
        assert!(worst((-25.0, 25.0), |e| ln_error(e.exp2())) < 2e-7);
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn cos_and_sin_are_within_an_ulp_of_one() {
        let quarter = std::f32::consts::FRAC_PI_4;
        let error = worst((-quarter, quarter), |a| {
            let ((c, s), (sin, cos)) = (cos_sin(a), f64::from(a).sin_cos());
            (f64::from(c) - cos).abs().max((f64::from(s) - sin).abs())
        });
        assert!(error < 1.2e-7, "{error:e}");
    }
}
