//! The forward pass for a block of rows at once, one row in each SIMD lane, for every instruction set that we know.
//!
//! A lane does for its row what [`Dense::forward`](edgevae_core::Dense::forward) does: it starts with the bias, adds the
//! products in the order of the inputs, rounds each product before it is added, and applies ReLU as
//! `if y < 0 { 0 } else { y }`. So the bits are the core's, whatever the width of a vector. Several rows and outputs
//! advance together in registers: each weight is loaded once for all rows of the block, each input once for a strip of
//! outputs.

#[macro_use]
mod strips;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::network::Network;

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

/// Activations of a block of rows, feature by feature: number `i * rows + r` is feature `i` of row `r`.
#[derive(Debug)]
pub struct Activations<'a> {
    /// The scaled input `x`, `[IN][ROWS]`; afterwards `x - x_hat`.
    pub x: &'a mut [f32],
    /// Room for any layer between, `[WIDTH][ROWS]`.
    pub front: &'a mut [f32],
    /// As much again.
    pub back: &'a mut [f32],
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
    subtract_reconstruction: fn(&Network, Activations<'_>),
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
                subtract_reconstruction: |network, block| unsafe {
                    x86::avx512::subtract_reconstruction(network, block)
                },
            }),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 if is_x86_feature_detected!("avx2") => Some(Self {
                set,
                rows: x86::avx2::ROWS,
                strip: x86::avx2::STRIP,
                // SAFETY: as above, with AVX2.
                subtract_reconstruction: |network, block| unsafe { x86::avx2::subtract_reconstruction(network, block) },
            }),
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon if std::arch::is_aarch64_feature_detected!("neon") => Some(Self {
                set,
                rows: neon::ROWS,
                strip: neon::STRIP,
                // SAFETY: as above, with NEON.
                subtract_reconstruction: |network, block| unsafe { neon::subtract_reconstruction(network, block) },
            }),
            InstructionSet::Portable => Some(Self {
                set,
                rows: portable::ROWS,
                strip: portable::STRIP,
                subtract_reconstruction: portable::subtract_reconstruction,
            }),
            _ => None,
        }
    }

    /// Every kernel that this machine can run, fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        use InstructionSet::{Avx2, Avx512, Neon, Portable};
        [Avx512, Avx2, Neon, Portable].into_iter().filter_map(Self::of)
    }

    /// `x -= x_hat`, with `x_hat = decoder(mu(encoder(x)))`, for each row of the block.
    ///
    /// # Panics
    /// When the network was packed for another strip, or a buffer is too short or not aligned to [`ALIGN`].
    pub fn subtract_reconstruction(&self, network: &Network, block: Activations<'_>) {
        assert_eq!(network.strip(), self.strip, "the network is packed for the kernel");
        (self.subtract_reconstruction)(network, block);
    }
}
