//! From a raw reading to the first activation, in integers.

use crate::error::ScoreError;

/// A raw sensor reading: `f32`, `i16` or `i32`, in the unit of the training data.
pub trait Reading: Copy + sealed::Sealed {
    /// `trunc(self * 2^exponent)`, saturated to 32 bits; `None` for NaN.
    ///
    /// # Errors
    /// The reading is infinite.
    fn fixed(self, exponent: i32) -> Result<Option<i32>, Infinite>;
}

/// A reading is infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Infinite;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for i16 {}
    impl Sealed for i32 {}
}

impl Reading for f32 {
    /// Takes the number apart instead of multiplying: the same code with and without a floating-point unit.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "sums of exponents of 8 bits")]
    fn fixed(self, exponent: i32) -> Result<Option<i32>, Infinite> {
        const FRACTION: u32 = 23;
        const BIAS: i32 = 127 + FRACTION.cast_signed();
        let bits = self.to_bits();
        let (power, fraction) = ((bits >> FRACTION) & 0xff, bits & ((1 << FRACTION) - 1));
        let (magnitude, power) = match power {
            0xff if fraction == 0 => return Err(Infinite),
            0xff => return Ok(None),
            0 => (fraction, 1),
            _ => (fraction | 1 << FRACTION, power.cast_signed()),
        };
        Ok(Some(shifted(magnitude, power - BIAS + exponent, bits >> 31 != 0)))
    }
}

impl Reading for i32 {
    #[inline]
    fn fixed(self, exponent: i32) -> Result<Option<i32>, Infinite> {
        Ok(Some(shifted(self.unsigned_abs(), exponent, self < 0)))
    }
}

impl Reading for i16 {
    #[inline]
    fn fixed(self, exponent: i32) -> Result<Option<i32>, Infinite> {
        i32::from(self).fixed(exponent)
    }
}

/// `±trunc(magnitude * 2^shift)`, saturated to `±i32::MAX`.
#[expect(clippy::arithmetic_side_effects, reason = "no magnitude is beyond `i32::MAX`")]
fn shifted(magnitude: u32, shift: i32, negative: bool) -> i32 {
    const MOST: u32 = i32::MAX as u32;
    let value = match u32::try_from(shift) {
        Ok(left) if magnitude > MOST.checked_shr(left).unwrap_or(0) => MOST,
        Ok(left) => magnitude.checked_shl(left).unwrap_or(0),
        Err(_) => magnitude.checked_shr(shift.unsigned_abs()).unwrap_or(0).min(MOST),
    };
    if negative { -value.cast_signed() } else { value.cast_signed() }
}

/// How one feature's reading becomes an activation: `x = floor((fixed(raw) + offset) * multiplier / 2^shift)`.
///
/// `fixed(raw) = trunc(raw * 2^exponent)` has 30 bits over the range that the model takes; `offset` holds the mean, and
/// half a unit of `x` so that the floor rounds to nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Added to the reading; at most `2^30` in magnitude.
    pub offset: i32,
    /// 2^14 or more: together with the bounds of `offset` and `shift`, a reading that saturates is out of range.
    pub multiplier: i16,
    /// At most 29.
    pub shift: u8,
    /// Binary exponent that a reading is scaled by first.
    pub exponent: i8,
}

impl Input {
    /// The largest magnitude of [`Input::offset`].
    pub const OFFSET: i32 = 1 << 30;
    /// The least [`Input::multiplier`].
    pub const MULTIPLIER: i16 = 1 << 14;
    /// The largest [`Input::shift`].
    pub const SHIFT: u8 = 29;

    /// As two words of a model file.
    pub fn to_words(self) -> [i32; 2] {
        let [low, high] = self.multiplier.to_le_bytes();
        [self.offset, i32::from_le_bytes([low, high, self.shift, self.exponent.cast_unsigned()])]
    }

    /// From two words of a model file.
    pub fn from_words([offset, rest]: [i32; 2]) -> Self {
        let [low, high, shift, exponent] = rest.to_le_bytes();
        Self { offset, multiplier: i16::from_le_bytes([low, high]), shift, exponent: exponent.cast_signed() }
    }

    /// The reading that has an activation, to within one unit; for reports.
    #[expect(clippy::arithmetic_side_effects, reason = "powers of 8 bits beside a bias of 1023")]
    #[expect(clippy::cast_possible_truncation, reason = "rounds to f32")]
    pub fn reading(self, activation: i16) -> f32 {
        let two = |power: i32| f64::from_bits(u64::from((1023 + power).cast_unsigned()) << 52);
        let centred = (f64::from(activation) + 0.5) * two(i32::from(self.shift)) / f64::from(self.multiplier);
        ((centred - f64::from(self.offset)) * two(-i32::from(self.exponent))) as f32
    }

    pub(crate) fn is_sound(self) -> bool {
        self.offset.unsigned_abs() <= Self::OFFSET as u32
            && self.multiplier >= Self::MULTIPLIER
            && self.shift <= Self::SHIFT
    }

    /// The activation of a reading and whether it is in range; `None` for NaN.
    ///
    /// # Errors
    /// The reading is infinite.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "a product of 32 and 16 bits in 64")]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low word is checked against the high one, the rest clamped"
    )]
    pub fn activation<R: Reading>(self, raw: R) -> Result<Option<(i16, bool)>, Infinite> {
        Ok(raw.fixed(i32::from(self.exponent))?.map(|fixed| {
            let centred = fixed.saturating_add(self.offset);
            let x = (i64::from(centred) * i64::from(self.multiplier)) >> (self.shift & 31);
            // The low word says it all unless the high one is more than its sign.
            let low = x as i32;
            let x = if (x >> 32) as i32 == low >> 31 { low } else { widest_of_sign(centred) };
            let saturated = x.clamp(i16::MIN.into(), i16::MAX.into());
            (saturated as i16, saturated == x)
        }))
    }
}

/// The widest number of the sign that `x` has.
#[inline(always)]
fn widest_of_sign(x: i32) -> i32 {
    i32::MAX ^ (x >> 31)
}

/// Fills `x` from a sample and tells whether every reading was in range.
///
/// # Errors
/// [`ScoreError::NonFinite`]; NaN only where the model has no value for missing readings, else it becomes the mean: 0.
#[inline]
pub(crate) fn quantize<R: Reading>(
    sample: &[R],
    inputs: impl Iterator<Item = Input>,
    fill: bool,
    x: &mut [i16],
) -> Result<bool, ScoreError> {
    let mut in_range = true;
    for (index, ((x, &raw), input)) in x.iter_mut().zip(sample).zip(inputs).enumerate() {
        let (activation, is_in_range) = match input.activation(raw) {
            Ok(Some(activation)) => activation,
            Ok(None) if fill => (0, true),
            _ => return Err(ScoreError::NonFinite { index }),
        };
        *x = activation;
        in_range &= is_in_range;
    }
    Ok(in_range)
}
