//! A dense layer for a block of rows at once, one row in each SIMD lane, for every instruction set that we know.
//!
//! A lane does for its row what [`Dense::forward`](edgevae_core::Dense::forward) does: it starts with the bias, adds the
//! products in the order of the inputs, rounds each product before it is added, and applies ReLU as
//! `if y < 0 { 0 } else { y }` (the core makes +0 of -0 as well, which no score can tell). So the bits are the core's,
//! whatever the width of a vector. Several rows and outputs
//! advance together in registers: each weight is loaded once for all rows of the block, each input once for a strip of
//! outputs.

#[macro_use]
mod strips;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::network::Layer;

/// Buffers are aligned to this many bytes, the width of the widest vector, so that no load crosses a cache line.
pub const ALIGN: usize = 64;

/// An instruction set that has a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// 16 lanes, x86-64.
    Avx512,
    /// 8 lanes, x86-64.
    Avx2,
    /// 4 lanes, aarch64.
    Neon,
    /// Plain Rust over arrays of 4, for the baseline of any target.
    Portable,
}

/// What becomes of a layer's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `slot = y`
    Replace,
    /// `slot = slot - y`: the residual, when `slot` holds the target.
    Subtract,
}

/// A kernel that this machine can run.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Which one.
    pub set: InstructionSet,
    /// Rows of a block.
    pub rows: usize,
    /// Outputs that advance together, a power of two.
    pub strip: usize,
    forward: fn(&Layer, &[f32], &mut [f32], Write),
}

impl Kernel {
    /// The kernel of an instruction set; `None` where the machine lacks it.
    pub fn of(set: InstructionSet) -> Option<Self> {
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 if is_x86_feature_detected!("avx512f") => Some(Self {
                set,
                rows: x86::avx512::ROWS,
                strip: x86::avx512::STRIP,
                // SAFETY: the kernel needs nothing but its instruction set, which was detected in the line above; the
                // function is reachable only through the `Kernel` made here.
                forward: |layer, x, y, write| unsafe { x86::avx512::forward(layer, x, y, write) },
            }),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 if is_x86_feature_detected!("avx2") => Some(Self {
                set,
                rows: x86::avx2::ROWS,
                strip: x86::avx2::STRIP,
                // SAFETY: as above, with AVX2.
                forward: |layer, x, y, write| unsafe { x86::avx2::forward(layer, x, y, write) },
            }),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon if std::arch::is_aarch64_feature_detected!("neon") => Some(Self {
                set,
                rows: neon::ROWS,
                strip: neon::STRIP,
                // SAFETY: as above, with NEON.
                forward: |layer, x, y, write| unsafe { neon::forward(layer, x, y, write) },
            }),
            InstructionSet::Portable => {
                Some(Self { set, rows: portable::ROWS, strip: portable::STRIP, forward: portable::forward })
            }
            _ => None,
        }
    }

    /// Every kernel that this machine can run, fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        use InstructionSet::{Avx2, Avx512, Neon, Portable};
        [Avx512, Avx2, Neon, Portable].into_iter().filter_map(Self::of)
    }

    /// Computes a layer that was packed for this kernel's strip.
    ///
    /// # Shapes
    /// `x`: `[IN][ROWS]`, `y`: `[OUT][ROWS]`, feature by feature, both aligned to [`ALIGN`].
    ///
    /// # Panics
    /// When a slice has another length, or is not aligned to the kernel's vectors.
    #[inline]
    pub fn forward(&self, layer: &Layer, x: &[f32], y: &mut [f32], write: Write) {
        assert_eq!((x.len(), y.len()), (layer.inputs() * self.rows, layer.outputs() * self.rows), "one number a row");
        (self.forward)(layer, x, y, write);
    }
}
