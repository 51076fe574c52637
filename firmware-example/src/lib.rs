//! The part of the firmware that is the same on every board: sample, score, show.
//!
//! A board implements [`Board`] in some twenty lines: where samples come from, and what a state does. `boards/` has
//! emulated ones, whose samples are rows of a file, and real ones, whose samples are readings of a converter.
#![no_std]
#![forbid(unsafe_code)]

mod window;

use edgevae_core::{ScoreError, Verdict};

pub use window::Window;

/// What a board has to offer: the driver of its sensor and of its lamp. `V` is the verdict of its detector:
/// `QuantizedVerdict` for an int8 model.
pub trait Board<const IN: usize, V = Verdict> {
    /// Why a driver failed.
    type Error;

    /// Fills in the next sample, raw sensor units; `false` when there is none any more.
    ///
    /// # Errors
    /// The driver's.
    fn sample(&mut self, sample: &mut [f32; IN]) -> Result<bool, Self::Error>;

    /// Shows what became of the sample.
    ///
    /// # Errors
    /// The driver's.
    fn show(&mut self, outcome: Result<V, ScoreError>) -> Result<(), Self::Error>;
}

/// What a lamp can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The sample is like those that the model was trained on.
    Normal,
    /// Its score lies above the threshold.
    Anomaly,
    /// It has no score: a sensor that yields NaN or nonsense. Never take it for normal.
    SensorFault,
}

impl From<Result<Verdict, ScoreError>> for State {
    fn from(outcome: Result<Verdict, ScoreError>) -> Self {
        match outcome {
            Ok(verdict) if verdict.is_anomaly => Self::Anomaly,
            Ok(_) => Self::Normal,
            Err(_) => Self::SensorFault,
        }
    }
}

#[cfg(feature = "int8")]
impl From<Result<edgevae_core::QuantizedVerdict, ScoreError>> for State {
    fn from(outcome: Result<edgevae_core::QuantizedVerdict, ScoreError>) -> Self {
        match outcome {
            Ok(verdict) if verdict.is_anomaly => Self::Anomaly,
            Ok(_) => Self::Normal,
            Err(_) => Self::SensorFault,
        }
    }
}

/// Scores samples until the board has none any more: on hardware, for ever. `score` is that of a detector of either kind.
///
/// # Errors
/// The first error of a driver.
pub fn watch<B: Board<IN, V>, V, const IN: usize>(
    mut score: impl FnMut(&[f32; IN]) -> Result<V, ScoreError>,
    board: &mut B,
) -> Result<(), B::Error> {
    watch_series(|sample| score(sample).map(Some), board)
}

/// Scores a series of samples until the board has none any more: `push` is that of a detector of raw rows, which has a
/// verdict only where a window ends.
///
/// # Errors
/// The first error of a driver.
pub fn watch_series<B: Board<IN, V>, V, const IN: usize>(
    mut push: impl FnMut(&[f32; IN]) -> Result<Option<V>, ScoreError>,
    board: &mut B,
) -> Result<(), B::Error> {
    let mut sample = [0.0; IN];
    while board.sample(&mut sample)? {
        if let Some(outcome) = push(&sample).transpose() {
            board.show(outcome)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::{Board, State, watch, watch_series};
    use edgevae_core::{ScoreError, Verdict};

    /// Readings to come, and what was shown of those that came; the lamp fails with the reading 9.
    struct Bench {
        readings: std::vec::IntoIter<f32>,
        shown: Vec<State>,
    }

    impl Board<1> for Bench {
        type Error = &'static str;

        fn sample(&mut self, [sample]: &mut [f32; 1]) -> Result<bool, &'static str> {
            let next = self.readings.next();
            *sample = next.unwrap_or(*sample);
            Ok(next.is_some())
        }

        fn show(&mut self, outcome: Result<Verdict, ScoreError>) -> Result<(), &'static str> {
            if outcome.is_ok_and(|verdict| verdict.score == 9.0) {
                return Err("the lamp does not answer");
            }
            self.shown.push(outcome.into());
            Ok(())
        }
    }

    fn bench<const N: usize>(readings: [f32; N]) -> Bench {
        Bench { readings: Vec::from(readings).into_iter(), shown: vec![] }
    }

    /// A score is the reading itself; what is not finite has none.
    fn score([reading]: &[f32; 1]) -> Result<Verdict, ScoreError> {
        let verdict = Verdict { score: *reading, is_anomaly: *reading > 1.0, out_of_range: false };
        if reading.is_finite() { Ok(verdict) } else { Err(ScoreError::NonFinite { index: 0 }) }
    }

    #[test]
    fn every_sample_is_scored_and_shown_until_there_is_none_any_more() {
        let mut board = bench([0.5, 2.0, f32::NAN, 0.25]);
        assert_eq!(watch(score, &mut board), Ok(()));
        assert_eq!(board.shown, [State::Normal, State::Anomaly, State::SensorFault, State::Normal]);
    }

    #[test]
    fn a_series_shows_what_is_due_and_every_fault() {
        let mut board = bench([2.0, 0.5, f32::NAN, 2.0, 2.0]);
        let mut rows = 0;
        let every_second = |sample: &[f32; 1]| {
            rows += 1;
            score(sample).map(|verdict| (rows % 2 == 0).then_some(verdict))
        };
        assert_eq!(watch_series(every_second, &mut board), Ok(()));
        assert_eq!(board.shown, [State::Normal, State::SensorFault, State::Anomaly]);
    }

    #[test]
    fn the_error_of_a_driver_ends_the_watch() {
        let mut board = bench([0.5, 9.0, 0.5]);
        assert_eq!(watch(score, &mut board), Err("the lamp does not answer"));
        assert_eq!(board.shown, [State::Normal]);
    }

    #[test]
    fn a_sample_without_a_score_is_a_fault_and_never_normal() {
        let verdict = |is_anomaly| Ok(Verdict { score: 1.0, is_anomaly, out_of_range: false });
        assert_eq!(State::from(verdict(false)), State::Normal);
        assert_eq!(State::from(verdict(true)), State::Anomaly);
        assert_eq!(State::from(Err(ScoreError::NonFinite { index: 0 })), State::SensorFault);
        assert_eq!(State::from(Err(ScoreError::Overflow)), State::SensorFault);
    }
}
