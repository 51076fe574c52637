//! Where an epoch takes its rows from.

use ndarray::ArrayView2;

use super::FitError;

/// Training rows, handed to the fit window by window: one window of everything, or windows of what does not fit the
/// memory at once. The fit shuffles the rows of each window.
pub trait Windows: Send {
    /// Hands every window of an epoch (counted from 0) to `each`: `[ROWS, IN]`, scaled; together every row once.
    ///
    /// # Errors
    /// What `each` returns, or [`FitError::Source`] when rows cannot be read.
    fn epoch(
        &mut self,
        epoch: usize,
        each: &mut dyn FnMut(ArrayView2<'_, f32>) -> Result<(), FitError>,
    ) -> Result<(), FitError>;

    /// Rows of an epoch.
    fn rows(&self) -> usize;

    /// Rows that stand for all where one look is enough: all of them, or a random share.
    fn sample(&self) -> ArrayView2<'_, f32>;
}

/// All rows at once.
pub(crate) struct InMemory<'a>(pub ArrayView2<'a, f32>);

impl Windows for InMemory<'_> {
    fn epoch(
        &mut self,
        _: usize,
        each: &mut dyn FnMut(ArrayView2<'_, f32>) -> Result<(), FitError>,
    ) -> Result<(), FitError> {
        each(self.0)
    }

    fn rows(&self) -> usize {
        self.0.nrows()
    }

    fn sample(&self) -> ArrayView2<'_, f32> {
        self.0
    }
}
