//! `XᵀX` in a fixed order: a general matrix product would have the bits of the machine's instructions.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::fit::{Kernel, Level, Sums};

/// Columns of the result that one task takes: with the rows that pass by they stay in the cache.
const BLOCK: usize = 8;

/// Products of all pairs of columns, each summed over the rows in their order; the same bits for any number of threads.
///
/// # Shapes
/// `x`: `[ROWS, COLUMNS]`; returns `[COLUMNS, COLUMNS]`, symmetric.
pub fn gram(x: ArrayView2<'_, f64>) -> Array2<f64> {
    let x = x.as_standard_layout();
    let (columns, rows) = (x.ncols(), x.as_slice().expect("the standard layout is a slice"));
    let mut lower = Array2::<f64>::zeros((columns, columns));
    let out = lower.as_slice_mut().expect("a new array is a slice");
    if columns > 0 {
        out.par_chunks_mut(BLOCK * columns).enumerate().for_each(|(block, out)| {
            Level::best().run(Block { rows, columns, first: block * BLOCK, out });
        });
    }
    for i in 0..columns {
        for j in 0..i {
            lower[[j, i]] = lower[[i, j]];
        }
    }
    lower
}

/// Rows `first..` of the lower triangle of the result.
struct Block<'a> {
    rows: &'a [f64],
    columns: usize,
    first: usize,
    out: &'a mut [f64],
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        let Self { rows, columns, first, out } = self;
        for row in rows.chunks_exact(columns) {
            for (at, out) in out.chunks_exact_mut(columns).enumerate() {
                let i = first + at;
                let value = row[i];
                out[..=i].iter_mut().zip(&row[..=i]).for_each(|(sum, &other)| *sum += value * other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_product_and_has_the_same_bits_at_every_level() {
        let x = Array2::from_shape_fn((300, 21), |(row, at)| ((row * 31 + at * 17) % 101) as f64 / 7.0 - 6.5);
        let (found, expected) = (gram(x.view()), x.t().dot(&x));
        assert!((&found - &expected).iter().all(|difference| difference.abs() < 1e-9), "{found}");
        let rows = x.as_slice().unwrap();
        for level in Level::available() {
            let mut out = vec![0.0; 21 * 21];
            level.run(Block { rows, columns: 21, first: 0, out: &mut out });
            for i in 0..21 {
                for j in 0..=i {
                    assert_eq!(out[i * 21 + j].to_bits(), found[[i, j]].to_bits(), "{}", level.name());
                }
            }
        }
    }
}
