//! The three matrix products of a dense layer, 16 rows of the batch at a time.
//!
//! A *tile* holds [`LANES`] rows of the batch, feature by feature: `[FEATURES]` of [`Lanes`]. In each product some index
//! runs along the lanes, up to [`Sums::BLOCK`] values of another are kept in registers, and the third is summed in its order,
//! so no sum depends on the width of a vector, on the number of tiles in a call or on threads. Sizes need not be
//! multiples of anything.

use super::level::{Kernel, LANES, Lanes, Level, MAX_BLOCK, Sums};

/// Something done to the indices `start..start + M` of a dimension at once.
trait Block {
    fn block<S: Sums, const M: usize>(&mut self, start: usize);
}

/// Cuts `0..len` into blocks of at most [`Sums::BLOCK`], as equal as can be: 32 by 6 is 6, 6, 5, 5, 5, 5 and not five times 6 and
/// a block of 2 that leaves most registers idle.
#[inline(always)]
fn in_blocks<S: Sums>(len: usize, work: &mut impl Block) {
    const { assert!(S::BLOCK <= MAX_BLOCK, "scratch is for blocks of `MAX_BLOCK`") };
    let count = len.div_ceil(S::BLOCK);
    let mut start = 0;
    for rest in (1..=count).rev() {
        let size = (len - start).div_ceil(rest);
        match size {
            1 => work.block::<S, 1>(start),
            2 => work.block::<S, 2>(start),
            3 if S::BLOCK >= 3 => work.block::<S, 3>(start),
            4 if S::BLOCK >= 4 => work.block::<S, 4>(start),
            5 if S::BLOCK >= 5 => work.block::<S, 5>(start),
            6 if S::BLOCK >= 6 => work.block::<S, 6>(start),
            7 if S::BLOCK >= 7 => work.block::<S, 7>(start),
            8 if S::BLOCK >= 8 => work.block::<S, 8>(start),
            9 if S::BLOCK >= 9 => work.block::<S, 9>(start),
            10 if S::BLOCK >= 10 => work.block::<S, 10>(start),
            11 if S::BLOCK >= 11 => work.block::<S, 11>(start),
            12 if S::BLOCK >= 12 => work.block::<S, 12>(start),
            _ => unreachable!("a block of {size} where at most {} fit", S::BLOCK),
        }
        start += size;
    }
}

/// `Σ_k a[k][m] * b[k]`, in the order of `k`.
#[inline(always)]
fn sums<S: Sums, const M: usize>(a: &[[f32; M]], b: &[Lanes]) -> [Lanes; M] {
    let mut sums = [S::load(&[0.0; LANES]); M];
    for (a, b) in a.iter().zip(b) {
        let b = S::load(b);
        for (sum, a) in sums.iter_mut().zip(a) {
            *sum = sum.plus(*a, b);
        }
    }
    sums.map(S::store)
}

/// `y = W x + b`, the bias added last, then `max(0, y)` where `relu`; NaN stays NaN.
///
/// # Shapes
/// - `weight`: `[OUT][IN]`; `bias`: `[OUT]`; `x`: `[TILES][IN]`; `y`: `[TILES][OUT]`
/// - `packed`: scratch, at least [`Sums::BLOCK`] times `IN`
pub struct Forward<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub relu: bool,
    pub x: &'a [Lanes],
    pub y: &'a mut [Lanes],
    pub packed: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(mut self) {
        in_blocks::<S>(self.bias.len(), &mut self);
    }
}

impl Block for Forward<'_> {
    #[inline(always)]
    fn block<S: Sums, const M: usize>(&mut self, start: usize) {
        let outputs = self.bias.len();
        let inputs = self.weight.len() / outputs;
        let packed = &mut self.packed.as_chunks_mut::<M>().0[..inputs];
        for m in 0..M {
            let row = &self.weight[(start + m) * inputs..][..inputs];
            packed.iter_mut().zip(row).for_each(|(to, from)| to[m] = *from);
        }
        let bias = &self.bias[start..start + M];
        for (x, y) in self.x.chunks_exact(inputs).zip(self.y.chunks_exact_mut(outputs)) {
            let sums = sums::<S, M>(packed, x);
            for ((y, sum), bias) in y[start..start + M].iter_mut().zip(&sums).zip(bias) {
                let plus = |l: usize| sum[l] + bias;
                *y = if self.relu {
                    std::array::from_fn(|l| if plus(l) < 0.0 { 0.0 } else { plus(l) })
                } else {
                    std::array::from_fn(plus)
                };
            }
        }
    }
}

/// `dx = Wᵀ dy`, and 0 where `mask` is given and not positive: the gradient of the ReLU that made `mask`.
///
/// # Shapes
/// - `weight`: `[OUT][IN]`; `dy`: `[TILES][OUT]`; `mask`, `dx`: `[TILES][IN]`
/// - `packed`: scratch, at least [`Sums::BLOCK`] times `OUT`
pub struct BackwardInput<'a> {
    pub weight: &'a [f32],
    pub dy: &'a [Lanes],
    pub mask: Option<&'a [Lanes]>,
    pub dx: &'a mut [Lanes],
    pub outputs: usize,
    pub packed: &'a mut [f32],
}

impl Kernel for BackwardInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(mut self) {
        in_blocks::<S>(self.weight.len() / self.outputs, &mut self);
    }
}

impl Block for BackwardInput<'_> {
    #[inline(always)]
    fn block<S: Sums, const M: usize>(&mut self, start: usize) {
        let inputs = self.weight.len() / self.outputs;
        let packed = &mut self.packed.as_chunks_mut::<M>().0[..self.outputs];
        for (to, row) in packed.iter_mut().zip(self.weight.chunks_exact(inputs)) {
            to.copy_from_slice(&row[start..start + M]);
        }
        for (t, (dy, dx)) in self.dy.chunks_exact(self.outputs).zip(self.dx.chunks_exact_mut(inputs)).enumerate() {
            let sums = sums::<S, M>(packed, dy);
            let dx = &mut dx[start..start + M];
            match self.mask {
                Some(mask) => {
                    let mask = &mask[t * inputs + start..][..M];
                    for ((dx, sum), mask) in dx.iter_mut().zip(sums).zip(mask) {
                        *dx = std::array::from_fn(|l| if mask[l] > 0.0 { sum[l] } else { 0.0 });
                    }
                }
                None => dx.copy_from_slice(&sums),
            }
        }
    }
}

/// Features of tiles turned into lanes: `[TILES][ceil(FEATURES / 16)]` blocks, each `[16 rows of the batch]` of
/// [`Lanes`] of features; lanes beyond the last feature are 0.
///
/// # Shapes
/// - `x`: `[TILES][FEATURES]`
pub fn turn(level: Level, x: &[Lanes], features: usize, blocks: &mut [[Lanes; LANES]]) {
    for (tile, blocks) in x.chunks_exact(features).zip(blocks.chunks_exact_mut(features.div_ceil(LANES))) {
        let (whole, rest) = tile.as_chunks();
        level.transpose(whole, &mut blocks[..whole.len()]);
        if let [.., last] = blocks
            && !rest.is_empty()
        {
            let mut filled = [[0.0; LANES]; LANES];
            filled[..rest.len()].copy_from_slice(rest);
            level.transpose(&[filled], std::slice::from_mut(last));
        }
    }
}

/// One part of a batch as [`BackwardWeight`] reads it: the narrow side of the product as tiles, the wide side turned.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub narrow: &'a [Lanes],
    pub wide: &'a [[Lanes; LANES]],
}

/// Rows of `dW = Σ_rows dy xᵀ`, summed over the rows of the batch in their order.
///
/// The wider of `dy` and `x` runs along the lanes, which wastes the fewest of them.
///
/// # Shapes
/// - `parts`: `narrow`: `[TILES][NARROW]`; `wide`: `[TILES][ceil(WIDE / 16)]` blocks by [`turn`]
/// - `gradient`: rows of `[OUT][IN]`, from the output `first` on; a multiple of 16 where `dy` is the wide side
pub struct BackwardWeight<'a> {
    pub parts: &'a [Sides<'a>],
    pub inputs: usize,
    pub outputs: usize,
    pub first: usize,
    pub gradient: &'a mut [f32],
}

/// Whether the inputs of a layer are the wide side of its weights' gradient.
pub fn wide_is_input(inputs: usize, outputs: usize) -> bool {
    inputs >= outputs
}

impl Kernel for BackwardWeight<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(mut self) {
        let rows = self.gradient.len() / self.inputs;
        let narrow = if wide_is_input(self.inputs, self.outputs) { rows } else { self.inputs };
        in_blocks::<S>(narrow, &mut self);
    }
}

impl Block for BackwardWeight<'_> {
    #[inline(always)]
    fn block<S: Sums, const M: usize>(&mut self, start: usize) {
        let rows = self.gradient.len() / self.inputs;
        let by_input = wide_is_input(self.inputs, self.outputs);
        let (narrow_len, wide_len) = if by_input { (self.outputs, self.inputs) } else { (self.inputs, self.outputs) };
        let blocks = wide_len.div_ceil(LANES);
        let (from, count) = if by_input { (self.first + start, blocks) } else { (start, rows.div_ceil(LANES)) };
        let skip = if by_input { 0 } else { self.first / LANES };
        for block in 0..count {
            let mut sums = [S::load(&[0.0; LANES]); M];
            for part in self.parts {
                let tiles = part.narrow.chunks_exact(narrow_len).zip(part.wide.chunks_exact(blocks));
                for (narrow, wide) in tiles {
                    let narrow: &[Lanes; M] = narrow[from..].first_chunk().expect("a block ends within the tile");
                    sums = add_turned(sums, narrow, &wide[skip + block]);
                }
            }
            let sums = sums.map(S::store);
            let at = block * LANES;
            if by_input {
                let lanes = LANES.min(self.inputs - at);
                for (m, sum) in sums.iter().enumerate() {
                    self.gradient[(start + m) * self.inputs + at..][..lanes].copy_from_slice(&sum[..lanes]);
                }
            } else {
                for l in 0..LANES.min(rows - at) {
                    let row = &mut self.gradient[(at + l) * self.inputs + start..][..M];
                    row.iter_mut().zip(&sums).for_each(|(to, sum)| *to = sum[l]);
                }
            }
        }
    }
}

/// `sums[m] + Σ_r narrow[m][r] * wide[r]`, in the order of the rows `r`.
#[inline(always)]
fn add_turned<S: Sums, const M: usize>(mut sums: [S; M], narrow: &[Lanes; M], wide: &[Lanes; LANES]) -> [S; M] {
    for (r, wide) in wide.iter().enumerate() {
        let wide = S::load(wide);
        for (sum, narrow) in sums.iter_mut().zip(narrow) {
            *sum = sum.plus(narrow[r], wide);
        }
    }
    sums
}

/// `Σ_rows dy`: lanes are summed tile by tile in their order, then halves of them.
///
/// # Shapes
/// - `parts`: `[TILES][OUT]`; `gradient`: outputs from `first` on
pub struct BackwardBias<'a> {
    pub parts: &'a [&'a [Lanes]],
    pub outputs: usize,
    pub first: usize,
    pub gradient: &'a mut [f32],
}

impl Kernel for BackwardBias<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        for (o, gradient) in self.gradient.iter_mut().enumerate() {
            let mut sum = [0.0; LANES];
            for tile in self.parts.iter().flat_map(|part| part.chunks_exact(self.outputs)) {
                for l in 0..LANES {
                    sum[l] += tile[self.first + o][l];
                }
            }
            for half in [8, 4, 2, 1] {
                for l in 0..half {
                    sum[l] += sum[l + half];
                }
            }
            *gradient = sum[0];
        }
    }
}
