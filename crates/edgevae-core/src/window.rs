//! The last rows of a series, looked at together.

use crate::format::input::{SUMMARY, WindowFeatures, WindowSpec};

/// The last `ROWS` rows of `ENCODED` values, and the sample that a model takes of them.
///
/// A sample is due when the window is full and then every `stride` rows. Owns `4 * ENCODED * ROWS` bytes. The desk does
/// the same with [`SliceWindow`], to the same bits.
///
/// # Examples
/// ```
/// use edgevae_core::Window;
/// use edgevae_core::format::input::{WindowFeatures, WindowSpec};
///
/// let spec = WindowSpec { rows: 3, stride: 2, features: WindowFeatures::Summary };
/// let mut window = Window::<1, 3>::new(spec).expect("three rows");
/// let mut sample = [0.0; 5];
/// let due = [1.0, 2.0, 6.0, 4.0, 5.0].map(|reading| window.push(&[reading], &mut sample));
/// assert_eq!(due, [false, false, true, false, true]);
/// // Mean, standard deviation, least, greatest, last minus first of 6, 4 and 5.
/// assert_eq!(sample, [5.0, 0.816_496_6, 4.0, 6.0, -1.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Window<const ENCODED: usize, const ROWS: usize> {
    ring: [[f32; ENCODED]; ROWS],
    place: Place,
}

impl<const ENCODED: usize, const ROWS: usize> Window<ENCODED, ROWS> {
    /// An empty window; `None` when it is for another number of rows than `ROWS`, or for none.
    pub fn new(spec: WindowSpec) -> Option<Self> {
        let fits = usize::from(spec.rows) == ROWS && ROWS > 0 && spec.stride > 0;
        fits.then_some(Self { ring: [[0.0; ENCODED]; ROWS], place: Place::new(spec) })
    }

    /// Takes the next row and writes the sample that is due with it; `false` when none is.
    ///
    /// # Shapes
    /// `sample`: [`WindowSpec::outputs`]; numbers beyond are left as they are.
    ///
    /// # Cost
    /// Summary: two passes over the window and a square root for each value.
    ///
    /// # Panics
    /// Never.
    pub fn push(&mut self, row: &[f32; ENCODED], sample: &mut [f32]) -> bool {
        self.place.push(self.ring.as_flattened_mut(), row, sample)
    }

    /// Forgets all rows: after a gap in the series, or a row without values.
    pub fn clear(&mut self) {
        self.place.clear();
    }
}

/// A [`Window`] in memory of the caller's, a slice or on the desk a vector, whose size is known only at run time.
#[derive(Clone, Debug)]
pub struct SliceWindow<R> {
    ring: R,
    place: Place,
    encoded: usize,
}

impl<R: AsMut<[f32]>> SliceWindow<R> {
    /// An empty window in `ring`; `None` when that does not hold exactly `spec.rows` rows of `encoded` values.
    pub fn new(spec: WindowSpec, encoded: usize, mut ring: R) -> Option<Self> {
        let len = encoded.checked_mul(usize::from(spec.rows))?;
        let fits = len == ring.as_mut().len() && len > 0 && spec.stride > 0;
        fits.then_some(Self { ring, place: Place::new(spec), encoded })
    }

    /// As [`Window::push`]; a row of another length than `encoded` is none.
    ///
    /// # Panics
    /// Never.
    pub fn push(&mut self, row: &[f32], sample: &mut [f32]) -> bool {
        row.len() == self.encoded && self.place.push(self.ring.as_mut(), row, sample)
    }

    /// As [`Window::clear`].
    pub fn clear(&mut self) {
        self.place.clear();
    }
}

/// Where the next row goes, and when the next sample is due.
#[derive(Clone, Copy, Debug)]
struct Place {
    spec: WindowSpec,
    next: u16,
    due: u16,
}

impl Place {
    fn new(spec: WindowSpec) -> Self {
        Self { spec, next: 0, due: spec.rows }
    }

    fn clear(&mut self) {
        (self.next, self.due) = (0, self.spec.rows);
    }

    /// One function for windows of every size.
    #[inline(never)]
    fn push(&mut self, ring: &mut [f32], row: &[f32], sample: &mut [f32]) -> bool {
        if !cfg!(feature = "window") {
            // Such a build loads no model with a window.
            row.iter().zip(sample).for_each(|(value, slot)| *slot = *value);
            return true;
        }
        let width = row.len().max(1);
        let slot = ring.chunks_exact_mut(width).nth(self.next.into());
        slot.into_iter().flatten().zip(row).for_each(|(slot, value)| *slot = *value);
        self.next = self.next.saturating_add(1);
        if self.next >= self.spec.rows {
            self.next = 0;
        }
        self.due = self.due.saturating_sub(1);
        if self.due > 0 {
            return false;
        }
        self.due = self.spec.stride;
        let (late, early) = ring.split_at_checked(usize::from(self.next).saturating_mul(width)).unwrap_or_default();
        match self.spec.features {
            WindowFeatures::Lags => {
                early.iter().chain(late).zip(sample).for_each(|(value, slot)| *slot = *value);
            }
            WindowFeatures::Summary => {
                let (samples, _) = sample.as_chunks_mut::<SUMMARY>();
                for (at, features) in samples.iter_mut().enumerate().take(width) {
                    let values = early.iter().skip(at).step_by(width).chain(late.iter().skip(at).step_by(width));
                    *features = summary(values.copied(), self.spec.rows.into());
                }
            }
        }
        true
    }
}

/// Mean, standard deviation (of the population), least, greatest, last minus first; sums in the order of the values.
fn summary(values: impl Iterator<Item = f32> + Clone, count: f32) -> [f32; SUMMARY] {
    let first = values.clone().next().unwrap_or_default();
    let (mut sum, mut least, mut greatest, mut last) = (0.0, first, first, first);
    for value in values.clone() {
        sum += value;
        least = if value < least { value } else { least };
        greatest = if value > greatest { value } else { greatest };
        last = value;
    }
    let mean = sum / count;
    let mut squares = 0.0;
    for value in values {
        squares += (value - mean) * (value - mean);
    }
    [mean, libm::sqrtf(squares / count), least, greatest, last - first]
}
