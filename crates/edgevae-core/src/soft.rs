//! Multiply-add for cores without a floating-point unit.
//!
//! There a sum of products is calls of the compiler's `__aeabi_fmul` and `__aeabi_fadd`, which unpack, round and pack a
//! number each time and look at every special case each time. Here the two steps are one function that knows normal
//! numbers only; anything else takes the operators. Both round to nearest, ties to even, after the product and again
//! after the sum: the bits are those of every other target.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "exponents have 8 bits and significands 32 at most; where a carry or a loss of bits can be, it is meant"
)]

/// The bit of a significand that stands for 1.
const ONE: u32 = 1 << 23;
const INFINITE_EXPONENT: u32 = 0xff;

/// `bias + Σ_i weight[i] * x[i]`, added in the order of `i`, each product rounded before it is added.
///
/// # Cost
/// About 110 instructions a product, 15 where an input is zero; three to four times as many where product or sum is below
/// `2^-126` in magnitude, a subnormal number.
///
/// # Panics
/// Never.
pub fn sum_in_order(bias: f32, weight: &[f32], x: &[f32]) -> f32 {
    // As integers from here on: where LLVM sees a number it turns `bits << 1 == 0` into a call that compares numbers.
    let (weight, x): (&[u32], &[u32]) = (bytemuck::must_cast_slice(weight), bytemuck::must_cast_slice(x));
    let sum = weight.iter().zip(x).fold(bias.to_bits(), |sum, (&w, &x)| multiply_add(sum, w, x));
    f32::from_bits(sum)
}

/// Bits of `sum + a * b`.
#[inline(always)]
fn multiply_add(sum: u32, a: u32, b: u32) -> u32 {
    normal_multiply_add(sum, a, b).unwrap_or_else(|| special_multiply_add(sum, a, b))
}

/// What adds nothing is not added: a zero to a sum, a product to zero.
#[cold]
#[inline(never)]
fn special_multiply_add(sum: u32, a: u32, b: u32) -> u32 {
    if sum << 1 != 0 && a << 1 == 0 && exponent(b) != INFINITE_EXPONENT {
        return sum;
    }
    let product = f32::from_bits(a) * f32::from_bits(b);
    if sum << 1 != 0 {
        return (f32::from_bits(sum) + product).to_bits();
    }
    // Zeros add up to -0 where both are, else to +0.
    if product.to_bits() << 1 == 0 { sum & product.to_bits() } else { product.to_bits() }
}

/// [`multiply_add`] where sum, product and result are normal numbers, or where `b` is zero and the sum is not; `None`
/// elsewhere.
#[inline(always)]
fn normal_multiply_add(sum: u32, a: u32, b: u32) -> Option<u32> {
    let (a_exponent, b_exponent) = (exponent(a), exponent(b));
    if !is_normal(exponent(sum)) {
        return None;
    }
    if b << 1 == 0 && a_exponent != INFINITE_EXPONENT {
        // A zero of either sign leaves a sum that is not zero as it is.
        return Some(sum);
    }
    if !is_normal(a_exponent) || !is_normal(b_exponent) {
        return None;
    }
    let product = product(a_exponent + b_exponent, significand(a), significand(b))?;
    add(sum, product | ((a ^ b) & SIGN))
}

fn is_normal(exponent: u32) -> bool {
    exponent != 0 && exponent != INFINITE_EXPONENT
}

const SIGN: u32 = 1 << 31;

fn exponent(bits: u32) -> u32 {
    bits >> 23 & 0xff
}

/// `[2^23, 2^24)`
fn significand(bits: u32) -> u32 {
    bits & (ONE - 1) | ONE
}

/// Bits of the rounded product of two positive numbers, from the sum of their exponents and their significands.
#[inline(always)]
fn product(exponents: u32, a: u32, b: u32) -> Option<u32> {
    // Scaled to [2^30, 2^32); bit 0 also stands for everything below it.
    let mut significand = scaled_product(a, b);
    // The exponent less one: adding the significand with its leading bit adds it back.
    let mut exponent = exponents.wrapping_sub(128);
    if significand < SIGN {
        significand <<= 1;
    } else {
        exponent = exponent.wrapping_add(1);
    }
    // Below zero it has wrapped to a large number; at the upper end one exponent is left for the carry of rounding.
    (exponent < INFINITE_EXPONENT - 2).then(|| (exponent << 23) + rounded::<8>(significand))
}

/// `a * b / 2^16`, with bit 0 set when bits were lost.
#[inline(always)]
fn scaled_product(a: u32, b: u32) -> u32 {
    // Armv6-M, told by its lack of atomics, has no long multiplication: halves are cheaper than a call.
    if cfg!(all(target_arch = "arm", not(target_has_atomic = "32"))) {
        product_of_halves(a, b)
    } else {
        long_product(a, b)
    }
}

#[inline(always)]
fn long_product(a: u32, b: u32) -> u32 {
    let product = u64::from(a << 8) * u64::from(b << 8);
    (product >> 32) as u32 | u32::from(product as u32 != 0)
}

#[inline(always)]
fn product_of_halves(a: u32, b: u32) -> u32 {
    let (a_high, a_low, b_high, b_low) = (a >> 12, a & 0xfff, b >> 12, b & 0xfff);
    let low = a_low * b_low;
    let middle = a_high * b_low + a_low * b_high + (low >> 12);
    let high = ((a_high * b_high) << 8) + (middle >> 4);
    high | u32::from((middle & 0xf) | (low & 0xfff) != 0)
}

/// Sum of two normal numbers of either sign; `None` where it is not normal.
#[inline(always)]
fn add(x: u32, y: u32) -> Option<u32> {
    // Seven bits below the significand: enough to round right, since bit 0 also stands for everything below it.
    const GUARD: u32 = 7;
    let (large, small) = if x << 1 < y << 1 { (y, x) } else { (x, y) };
    let distance = exponent(large) - exponent(small);
    let (sign, mut exponent) = (large & SIGN, exponent(large) - 1);
    let mut sum = significand(large) << GUARD;
    let mut addend = significand(small) << GUARD;
    if distance > GUARD {
        // The last bit of a number that is far below the other only tells that it is there.
        addend = if distance < 31 { addend >> distance | u32::from(addend << (32 - distance) != 0) } else { 1 };
    } else {
        addend >>= distance;
    }
    if (x ^ y) & SIGN == 0 {
        sum += addend;
        if sum >= SIGN {
            sum = sum >> 1 | sum & 1;
            exponent += 1;
        }
    } else {
        sum -= addend;
        if sum < ONE << GUARD {
            if sum == 0 {
                return Some(0);
            }
            let shift = sum.leading_zeros() - 1;
            sum <<= shift;
            exponent = exponent.wrapping_sub(shift);
        }
    }
    (exponent < INFINITE_EXPONENT - 2).then(|| sign | ((exponent << 23) + rounded::<GUARD>(sum)))
}

/// `significand / 2^BITS`, rounded to nearest, ties to even.
#[inline(always)]
fn rounded<const BITS: u32>(significand: u32) -> u32 {
    let quotient = significand >> BITS;
    let (rest, half) = (significand & ((1 << BITS) - 1), 1 << (BITS - 1));
    quotient + ((rest + (quotient & 1) + half - 1) >> BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_equals_the_operators(sum: u32, a: u32, b: u32) {
        let found = f32::from_bits(multiply_add(sum, a, b));
        let [sum, a, b] = [sum, a, b].map(f32::from_bits);
        let expected = sum + a * b;
        assert!(
            found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
            "{sum:e} + {a:e} * {b:e}: {found:e} ({:08x}) instead of {expected:e} ({:08x})",
            found.to_bits(),
            expected.to_bits()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn equals_the_operators_on_any_bits([sum, a, b] in any::<[u32; 3]>()) {
            assert_equals_the_operators(sum, a, b);
        }
    }

    #[test]
    fn equals_the_operators_where_sums_cancel_and_round() {
        // Knuth's generator (TAOCP 2, 3.3.4); exponents of sum and product lie close together, low bits are often zero.
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        for _ in 0..2_000_000 {
            let choice = random();
            let masks = [!0, !0xff, !0xffff, 0xff80_0001];
            let mut number = |spread: u32, at: u32| {
                let exponent = 127 - spread + random() % (2 * spread + 1);
                (random() & (SIGN | (ONE - 1)) & masks[(choice >> at) as usize % 4]) | exponent << 23
            };
            let (a, b) = (number(3, 0), number(3, 2));
            let sum = match choice >> 4 & 3 {
                // One unit in the last place beside the exact opposite of the product.
                0 => (-(f32::from_bits(a) * f32::from_bits(b))).to_bits().wrapping_add(choice >> 8 & 3).wrapping_sub(1),
                1 => number(30, 6),
                _ => number(4, 6),
            };
            assert_equals_the_operators(sum, a, b);
        }
    }

    #[test]
    fn equals_the_operators_at_every_edge() {
        let positive = [0, 1, ONE - 1, ONE, ONE + 1, 2 * ONE, 0x3f7f_ffff, 0x3f80_0000, 0x3f80_0001, 0x7e7f_ffff];
        let large = [0x7f00_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7fc0_0000, 0x5f00_0000, 0x2000_0000, 0x1fff_ffff];
        let edges: std::vec::Vec<u32> =
            positive.into_iter().chain(large).flat_map(|bits| [bits, bits | SIGN]).collect();
        for &sum in &edges {
            for &a in &edges {
                edges.iter().for_each(|&b| assert_equals_the_operators(sum, a, b));
            }
        }
    }

    proptest! {
        #[test]
        fn halves_multiply_as_the_whole_does(a in ONE..2 * ONE, b in ONE..2 * ONE) {
            prop_assert_eq!(product_of_halves(a, b), long_product(a, b));
            prop_assert_eq!(product_of_halves(a, ONE), long_product(a, ONE));
        }
    }
}
