//! The dense layer in integers.

use core::hint::black_box;

use super::kernel;
use crate::dense::keep_rolled;

/// Outputs that advance together: rows of a block.
pub const ROWS: usize = 4;
/// Inputs that a tile takes.
pub const COLUMNS: usize = 8;
/// Column of each byte of a tile's row. SXTB16 takes bytes 0 and 2 of a word, and bytes 1 and 3 after a rotation: in this
/// order the pairs that it makes are neighbours, as the pairs of activations in a word are.
pub const ORDER: [usize; COLUMNS] = [0, 2, 1, 3, 4, 6, 5, 7];
/// Words of a block before its tiles: a bias for each row, then the multipliers in pairs.
pub const BLOCK_HEAD: usize = ROWS + ROWS / 2;

/// Inputs that the tiles at the end of a block take, where fewer than [`COLUMNS`] are left.
pub const HALF: usize = COLUMNS / 2;

/// Weights of four rows and eight columns, a row after the other, columns in [`ORDER`].
pub(crate) type Tile = [i32; ROWS * COLUMNS / 4];
/// The same of four columns.
pub(crate) type HalfTile = [i32; ROWS * HALF / 4];

#[expect(clippy::arithmetic_side_effects, reason = "below twice the inputs, which are 16 bits, and 14")]
const fn block_words(inputs: usize) -> usize {
    let halves = (inputs % COLUMNS).div_ceil(HALF);
    BLOCK_HEAD + inputs / COLUMNS * (ROWS * COLUMNS / 4) + halves * (ROWS * HALF / 4)
}

/// Words of a layer in the file, its shift included; `None` when they are beyond any file.
pub fn layer_words(inputs: usize, outputs: usize) -> Option<usize> {
    outputs.div_ceil(ROWS).checked_mul(block_words(inputs))?.checked_add(1)
}

/// What becomes of a layer's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// `slot = y`
    Replace,
    /// `slot = slot - y`, saturated: the residual, when `slot` holds the target.
    Subtract,
}

/// A view of one dense layer of an int8 model; [`quant`](super) has its arithmetic.
#[derive(Clone, Copy)]
pub struct QuantizedDense<'a> {
    blocks: Blocks<'a>,
    outputs: usize,
}

/// Four rows of a layer.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    pub bias: &'a [i32; ROWS],
    pub multipliers: [i16; ROWS],
    /// For whole groups of inputs.
    pub tiles: &'a [Tile],
    /// For the rest, two at most.
    pub halves: &'a [HalfTile],
}

/// A layer's inputs as its tiles take them.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'x> {
    pub whole: &'x [[i16; COLUMNS]],
    /// What is left, zeros behind it.
    pub halves: &'x [[i16; HALF]],
}

impl Columns<'_> {
    /// Whether whole words can be taken of each group and half group.
    #[allow(dead_code, reason = "not every kernel takes words")]
    #[inline(always)]
    pub fn is_aligned(&self) -> bool {
        let places = [self.whole.as_ptr().addr(), self.halves.as_ptr().addr()];
        let is_aligned = places.iter().all(|place| place.is_multiple_of(size_of::<i32>()));
        debug_assert!(is_aligned, "activations lie at multiples of four bytes");
        is_aligned
    }
}

/// Room for the columns that are left after whole groups, at a multiple of four bytes.
#[derive(Default)]
#[repr(align(4))]
pub(crate) struct Halves(pub [[i16; HALF]; 2]);

/// Some blocks of a layer and how their sums become outputs.
#[derive(Clone, Copy)]
pub(crate) struct Blocks<'a> {
    pub words: &'a [i32],
    pub inputs: usize,
    /// Below 16.
    pub shift: u32,
    pub relu: bool,
}

impl<'a> Blocks<'a> {
    /// Words of one block.
    #[inline]
    pub fn stride(&self) -> usize {
        block_words(self.inputs)
    }

    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "no more than the inputs, which are 16 bits")]
    pub fn iter(&self) -> impl Iterator<Item = Block<'a>> + use<'a> {
        let tile_words = self.inputs / COLUMNS * (ROWS * COLUMNS / 4);
        self.words.chunks_exact(self.stride()).map_while(move |block| {
            let (bias, rest) = block.split_first_chunk()?;
            let (multipliers, rest) = rest.split_first_chunk::<{ ROWS / 2 }>()?;
            let (tiles, halves) = rest.split_at_checked(tile_words)?;
            let multipliers = bytemuck::cast(*multipliers);
            Some(Block { bias, multipliers, tiles: tiles.as_chunks().0, halves: halves.as_chunks().0 })
        })
    }

    /// `floor(sum * multiplier / 2^(16 + shift))`, saturated; `scaled` is `floor(sum * multiplier / 2^16)`.
    #[allow(dead_code, reason = "some kernels have their own")]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
    pub fn output(&self, scaled: i32) -> i16 {
        let y = (scaled >> (self.shift & 15)).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
        // The sign in every bit: all of a negative output goes, without a branch.
        let negative = if self.relu { y >> 31 } else { 0 };
        (y & !negative) as i16
    }
}

impl<'a> QuantizedDense<'a> {
    /// The layer at the front of `words`, and the words after it.
    pub(crate) fn split(words: &'a [i32], inputs: usize, outputs: usize, relu: bool) -> Option<(Self, &'a [i32])> {
        let (layer, rest) = words.split_at_checked(layer_words(inputs, outputs)?)?;
        let (&shift, words) = layer.split_first()?;
        Some((Self { blocks: Blocks { words, inputs, shift: shift.cast_unsigned(), relu }, outputs }, rest))
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.blocks.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Whether negative outputs become 0.
    pub fn relu(&self) -> bool {
        self.blocks.relu
    }

    /// Right shift of the scaled sums.
    pub fn shift(&self) -> u32 {
        self.blocks.shift
    }

    /// Bias, multiplier and weights `[IN]` of each output, as plain rows: for the desk, which packs them its own way.
    pub fn rows(&self) -> impl Iterator<Item = (i32, i16, impl Iterator<Item = i8>)> {
        let (inputs, outputs) = (self.inputs(), self.outputs);
        let rows = self.blocks.iter().flat_map(move |block| {
            (0..ROWS).map(move |row| {
                let weights = (0..inputs).map(move |column| block.weight(row, column));
                (block.bias.get(row).copied().unwrap_or(0), block.multipliers.get(row).copied().unwrap_or(0), weights)
            })
        });
        rows.take(outputs)
    }

    /// Whether no sum can overflow and every output is scaled as the format allows.
    pub(crate) fn is_sound(&self) -> bool {
        self.blocks.shift < 16 && self.blocks.iter().all(|block| block.is_sound())
    }

    /// Computes the layer for the inputs `x` and writes its outputs to `y`.
    ///
    /// # Shapes
    /// `x`: `[IN]`, at a multiple of four bytes; `y`: at least `[OUT]`, what lies beyond is left alone.
    ///
    /// # Cost
    /// `IN * OUT` multiply-adds, both rounded up to four.
    ///
    /// # Panics
    /// Never; slices of other lengths or places than stated leave outputs without meaning.
    #[inline(never)]
    #[expect(clippy::arithmetic_side_effects, reason = "words of a layer that is in memory")]
    pub(crate) fn forward(&self, x: &[i16], y: &mut [i16], write: Write) {
        let (whole, rest) = x.as_chunks();
        let mut last = Halves::default();
        for (to, from) in last.0.as_flattened_mut().iter_mut().zip(rest) {
            *to = *from;
            keep_rolled();
        }
        let x = Columns { whole, halves: last.0.get(..rest.len().div_ceil(HALF)).unwrap_or_default() };
        let y = y.get_mut(..self.outputs).unwrap_or_default();
        let (mut quads, mut rest) = match write {
            Write::Replace => y.as_chunks_mut(),
            Write::Subtract => (&mut [][..], y),
        };
        let (stride, mut words) = (self.blocks.stride(), self.blocks.words);
        let mut outputs = [[0; ROWS]; ASIDE];
        // What is not four outputs in their place goes through some of our own. One call for both: it is inlined.
        while !words.is_empty() {
            let is_aside = quads.is_empty();
            let y = if is_aside { &mut outputs[..] } else { core::mem::take(&mut quads) };
            let (blocks, others) = words.split_at(words.len().min(y.len() * stride));
            kernel::forward(Blocks { words: blocks, ..self.blocks }, x, y);
            words = others;
            if is_aside {
                let taken = rest.len().min(ASIDE * ROWS);
                let (slots, others) = core::mem::take(&mut rest).split_at_mut(taken);
                rest = others;
                // Not known before the loop: LLVM would make two of it, one for each, with a kernel in both.
                let write = black_box(write);
                for (slot, &y) in slots.iter_mut().zip(outputs.as_flattened()) {
                    *slot = match write {
                        Write::Replace => y,
                        Write::Subtract => slot.saturating_sub(y),
                    };
                    keep_rolled();
                }
            }
        }
    }
}

/// Blocks whose outputs are computed aside in one go.
const ASIDE: usize = 4;

impl Block<'_> {
    fn weight(&self, row: usize, column: usize) -> i8 {
        let at = ORDER.iter().position(|&place| place == column % COLUMNS).unwrap_or(0);
        let weight = match self.tiles.get(column / COLUMNS) {
            Some(tile) => bytemuck::cast_ref::<_, [[i8; COLUMNS]; ROWS]>(tile).get(row).and_then(|row| row.get(at)),
            None => {
                let half = self.halves.get(column % COLUMNS / HALF);
                let half = half.map(bytemuck::cast_ref::<_, [[i8; HALF]; ROWS]>);
                half.and_then(|tile| tile.get(row)?.get(at % HALF))
            }
        };
        weight.copied().unwrap_or(0)
    }

    #[inline(never)]
    #[expect(clippy::arithmetic_side_effects, reason = "at most 2^23 and 2^16")]
    fn is_sound(&self) -> bool {
        let mut widest = [0; ROWS];
        for tile in self.tiles {
            widen(&mut widest, bytemuck::cast_slice(tile));
        }
        for tile in self.halves {
            widen(&mut widest, bytemuck::cast_slice(tile));
        }
        let mut is_sound = true;
        for ((sum, bias), multiplier) in widest.iter().zip(self.bias).zip(self.multipliers) {
            // `sum` and the bias in units of 2^15, the bias rounded up.
            let bound = sum + (bias.unsigned_abs() >> ACTIVATION_BITS) + 1;
            is_sound &= bound <= 1 << (31 - ACTIVATION_BITS) && multiplier >= 0;
            keep_rolled();
        }
        is_sound
    }
}

/// The largest magnitude of an activation is 2^15.
const ACTIVATION_BITS: u32 = 15;

/// Adds the magnitudes of a tile's weights to the sums of their rows, which are as long in every tile.
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "at most 65,536 times 2^7")]
fn widen(widest: &mut [u32; ROWS], tile: &[i8]) {
    for (widest, row) in widest.iter_mut().zip(tile.chunks_exact(tile.len().div_ceil(ROWS).max(1))) {
        for weight in row {
            *widest += u32::from(weight.unsigned_abs());
            keep_rolled();
        }
    }
}
