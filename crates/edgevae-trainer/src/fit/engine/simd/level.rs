//! Which vector instructions a kernel is compiled for, chosen when the program runs.
//!
//! A kernel is safe code over arrays of [`LANES`] numbers. It is compiled once for each [`Level`], and the compiler turns
//! the arrays into the vectors of that level: 2 of AVX2, 1 of AVX-512, 4 of NEON. Where many of them have to stay in
//! registers, which compilers do for some shapes of a loop and not for others, a kernel holds them as [`Sums`]. What it
//! computes is the same everywhere, to the bit: every product is a fused multiply-add (rounded once, by IEEE 754), every
//! sum has an order that does not depend on the width of a vector. Without fused multiply-add in hardware (x86-64 before
//! 2013) the same bits come from software, slowly.

use std::sync::LazyLock;

/// Numbers that advance together.
pub const LANES: usize = 16;

/// The largest [`Sums::BLOCK`].
pub const MAX_BLOCK: usize = 12;

/// One value of [`LANES`] rows of a batch, or of [`LANES`] features.
pub type Lanes = [f32; LANES];

/// A computation that is compiled for every level.
///
/// Implementations and all that they call have to be `#[inline(always)]`: only what is inlined into the level's function
/// is compiled for it.
pub trait Kernel {
    type Output;

    /// Runs it, with sums held in `S`.
    fn run<S: Sums>(self) -> Self::Output;
}

/// [`Lanes`] of sums in the registers of a level.
pub trait Sums: Copy {
    /// How many of them fit in the registers, beside what is added to them.
    const BLOCK: usize;

    fn load(lanes: &Lanes) -> Self;

    /// `self + a * b` in every lane, rounded once.
    fn plus(self, a: f32, b: Self) -> Self;

    fn store(self) -> Lanes;
}

/// A set of vector instructions that this machine has: values come from [`Level::available`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Instructions);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instructions {
    /// What every machine of the target has.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The levels of this machine, the best one first.
    pub fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            if is_x86_feature_detected!("avx512f") {
                levels.push(Self(Instructions::Avx512));
            }
            levels.push(Self(Instructions::Avx2));
        }
        levels.push(Self(Instructions::Portable));
        levels
    }

    /// The best level of this machine.
    pub fn best() -> Self {
        static BEST: LazyLock<Level> = LazyLock::new(|| Level::available()[0]);
        *BEST
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self.0 {
            Instructions::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "AVX2 and FMA",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "AVX-512",
        }
    }

    /// Runs a kernel with the instructions of this level.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Instructions::Portable => kernel.run::<Lanes>(),
            // SAFETY: a value with `Avx2` is made in `available` alone, after AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2(kernel) },
            // SAFETY: a value with `Avx512` is made in `available` alone, after AVX-512F, AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512(kernel) },
        }
    }

    /// Turns rows into columns, block by block.
    ///
    /// # Shapes
    /// - `from`, `to`: as many
    pub fn transpose(self, from: &[[Lanes; LANES]], to: &mut [[Lanes; LANES]]) {
        for (from, to) in from.iter().zip(to) {
            match self.0 {
                Instructions::Portable => *to = std::array::from_fn(|f| std::array::from_fn(|r| from[r][f])),
                // SAFETY: values with `Avx2` or `Avx512` are made in `available` alone, after AVX2 and FMA were detected.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 | Instructions::Avx512 => unsafe { transpose_avx2(from, to) },
            }
        }
    }
}

impl Sums for Lanes {
    /// Of 16 registers of 4 numbers on x86-64, of 32 on AArch64.
    const BLOCK: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };

    #[inline(always)]
    fn load(lanes: &Lanes) -> Self {
        *lanes
    }

    #[inline(always)]
    fn plus(self, a: f32, b: Self) -> Self {
        std::array::from_fn(|l| a.mul_add(b[l], self[l]))
    }

    /// In memory from here on. Otherwise the compiler shapes the loop before it for what follows, and half of the sums live
    /// on the stack.
    #[inline(always)]
    fn store(self) -> Lanes {
        std::hint::black_box(self)
    }
}

/// Registers that only functions with AVX2 and FMA may use: nothing but [`avx2`] names this type.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx2Sums([std::arch::x86_64::__m256; 2]);

#[cfg(target_arch = "x86_64")]
impl Sums for Avx2Sums {
    /// 12 of 16 registers, one for `a` and two for `b`.
    const BLOCK: usize = 6;

    #[inline(always)]
    fn load(lanes: &Lanes) -> Self {
        Self(bytemuck::cast(*lanes))
    }

    #[inline(always)]
    fn plus(self, a: f32, b: Self) -> Self {
        use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
        // SAFETY: `avx2` alone runs kernels with this type, and its features are those that these need.
        unsafe {
            let a = _mm256_set1_ps(a);
            Self([_mm256_fmadd_ps(a, b.0[0], self.0[0]), _mm256_fmadd_ps(a, b.0[1], self.0[1])])
        }
    }

    #[inline(always)]
    fn store(self) -> Lanes {
        bytemuck::cast(self.0)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2Sums>()
}

/// Registers that only functions with AVX-512F may use: nothing but [`avx512`] names this type.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx512Sums(std::arch::x86_64::__m512);

#[cfg(target_arch = "x86_64")]
impl Sums for Avx512Sums {
    /// 12 of 32 registers: enough to hide the latency of a multiply-add.
    const BLOCK: usize = 12;

    #[inline(always)]
    fn load(lanes: &Lanes) -> Self {
        Self(bytemuck::cast(*lanes))
    }

    #[inline(always)]
    fn plus(self, a: f32, b: Self) -> Self {
        use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
        // SAFETY: `avx512` alone runs kernels with this type, and its features are those that these need.
        unsafe { Self(_mm512_fmadd_ps(_mm512_set1_ps(a), b.0, self.0)) }
    }

    #[inline(always)]
    fn store(self) -> Lanes {
        bytemuck::cast(self.0)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512Sums>()
}

/// A transpose by shuffles within registers; compilers make a load and a store of each number, seven times slower.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn transpose_avx2(from: &[Lanes; LANES], to: &mut [Lanes; LANES]) {
    use std::arch::x86_64::*;
    for (top, left) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
        // Names tell what the low half holds: columns of rows 0 to 3; the high half holds the columns 4 further.
        let [r0, r1, r2, r3, r4, r5, r6, r7]: [__m256; 8] = std::array::from_fn(|r| {
            let row: [f32; 8] = std::array::from_fn(|f| from[top + r][left + f]);
            bytemuck::cast(row)
        });
        let quarter = |a, b, c, d| {
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
            ]
        };
        let (upper, lower) = (quarter(r0, r1, r2, r3), quarter(r4, r5, r6, r7));
        for f in 0..4 {
            let near: [f32; 8] = bytemuck::cast(_mm256_permute2f128_ps::<0x20>(upper[f], lower[f]));
            let far: [f32; 8] = bytemuck::cast(_mm256_permute2f128_ps::<0x31>(upper[f], lower[f]));
            to[left + f][top..top + 8].copy_from_slice(&near);
            to[left + 4 + f][top..top + 8].copy_from_slice(&far);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_transposes() {
        let from: [Lanes; LANES] = std::array::from_fn(|r| std::array::from_fn(|f| (r * LANES + f) as f32));
        for level in Level::available() {
            let mut to = [[[0.0; LANES]; LANES]; 2];
            level.transpose(&[from, from], &mut to);
            for (r, f) in (0..LANES).flat_map(|r| (0..LANES).map(move |f| (r, f))) {
                assert_eq!((to[0][f][r], to[1][f][r]), (from[r][f], from[r][f]), "{}", level.name());
            }
        }
    }
}
