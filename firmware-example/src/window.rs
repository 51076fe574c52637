//! From single readings to samples.

/// Collects `IN` readings of one sensor into a sample: a window of a signal, the next one begins where it ends.
#[derive(Clone, Debug)]
pub struct Window<const IN: usize> {
    readings: [f32; IN],
    filled: usize,
}

impl<const IN: usize> Default for Window<IN> {
    fn default() -> Self {
        Self { readings: [0.0; IN], filled: 0 }
    }
}

impl<const IN: usize> Window<IN> {
    /// Takes a reading; `Some` with the sample that it completes.
    pub fn push(&mut self, reading: f32) -> Option<&[f32; IN]> {
        if let Some(slot) = self.readings.get_mut(self.filled) {
            *slot = reading;
        }
        self.filled += 1;
        if self.filled < IN {
            return None;
        }
        self.filled = 0;
        Some(&self.readings)
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn every_third_reading_completes_a_window_of_three() {
        let mut window = Window::<3>::default();
        let complete = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0].map(|reading| window.push(reading).copied());
        assert_eq!(complete, [None, None, Some([1.0, 2.0, 3.0]), None, None, Some([4.0, 5.0, 6.0]), None]);
    }
}
