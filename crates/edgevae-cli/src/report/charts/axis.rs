//! A linear or logarithmic axis whose ticks stay readable for any finite range.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter};

use edgevae_trainer::base::numbers::group;

/// Share of a mirrored axis below which a side has no room for a label beside that of 0.
const LEAST_SIDE: f64 = 0.1;

/// One axis of a chart: where a value lies between the two ends, and which values carry a label.
///
/// plotters brings axes of its own; this one exists because theirs label a logarithmic axis with less than a decade not
/// at all, never widen an empty range and print `1000000000.0` in full.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    logarithmic: bool,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
    minor: Vec<f64>,
}

impl Axis {
    /// A linear axis over `low..=high` with about `ticks` labels and at least two; an empty range is widened around its
    /// value.
    pub(super) fn linear(low: f64, high: f64, ticks: usize) -> Self {
        let (low, high) = widen(low, high);
        Self::with_step(low, high, step_for(low, high, ticks))
    }

    /// A linear axis for whole numbers: no label between two of them.
    pub(super) fn whole_numbers(low: f64, high: f64, ticks: usize) -> Self {
        let (low, high) = widen(low, high);
        Self::with_step(low, high, step_for(low, high, ticks).max(1.0))
    }

    /// Equally spaced places with a name each, at 0, 1, 2, …; half a place of room at either end. Every `stride`-th name
    /// is written.
    pub(super) fn categories(names: &[String], stride: usize) -> Self {
        let (mut ticks, mut minor) = (Vec::new(), Vec::new());
        for (at, name) in names.iter().enumerate() {
            if at.is_multiple_of(stride) { ticks.push((at as f64, name.clone())) } else { minor.push(at as f64) }
        }
        Self { logarithmic: false, low: -0.5, high: names.len().max(1) as f64 - 0.5, ticks, minor }
    }

    /// A linear axis from `-down` to `up` that labels both sides of 0 without a sign, each by a step of its own where it
    /// is high enough to hold a label.
    pub(super) fn mirrored(down: f64, up: f64, ticks: usize) -> Self {
        let (low, high) = widen(-down, up);
        let span = high - low;
        let side = |end: f64, sign: f64| {
            if end < LEAST_SIDE * span {
                return Vec::new();
            }
            let step = step_for(0.0, end, (ticks as f64 * end / span).round() as usize);
            let above = multiples(0.0, end, step).into_iter().filter(|tick| *tick > 0.0);
            above.map(|tick| (sign * tick, label(tick, step, end))).collect()
        };
        let mut below = side(-low, -1.0);
        below.reverse();
        let zero = (low <= 0.0 && 0.0 <= high).then(|| (0.0, label(0.0, span, span)));
        let ticks = below.into_iter().chain(zero).chain(side(high, 1.0)).collect();
        Self { logarithmic: false, low, high, ticks, minor: Vec::new() }
    }

    fn with_step(low: f64, high: f64, step: f64) -> Self {
        let largest = low.abs().max(high.abs());
        let ticks = multiples(low, high, step).into_iter().map(|tick| (tick, label(tick, step, largest))).collect();
        Self { logarithmic: false, low, high, ticks, minor: Vec::new() }
    }

    /// A logarithmic axis over `low..=high`, both positive, with about `ticks` labels.
    ///
    /// Labels are powers of ten, each n-th of them over many decades; over less than two decades 2 and 5 times a power of
    /// ten join in, and over less than half a decade the labels are those of a linear axis.
    pub(super) fn logarithmic(low: f64, high: f64, ticks: usize) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        let high = high.max(low * 1.001);
        let decades = (high / low).log10();
        if decades < 0.5 {
            let linear = Self::linear(low, high, ticks);
            return Self { logarithmic: true, low, high, ticks: linear.ticks, minor: Vec::new() };
        }
        let stride = (decades / ticks.max(1) as f64).ceil().max(1.0) as i32;
        let multipliers: &[f64] = if decades < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut labelled = Vec::new();
        let mut minor = Vec::new();
        for exponent in low.log10().floor() as i32..=high.log10().ceil() as i32 {
            for digit in 1..10 {
                // Through text, because `10f64.powi(-3)` is not the nearest double to 0.001 everywhere.
                let Ok(value) = format!("{digit}e{exponent}").parse::<f64>() else { continue };
                if !(low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(&value) {
                    continue;
                }
                if exponent.rem_euclid(stride) == 0 && multipliers.contains(&f64::from(digit)) {
                    labelled.push((value, label(value, value, value)));
                } else if stride == 1 {
                    minor.push(value);
                }
            }
        }
        Self { logarithmic: true, low, high, ticks: labelled, minor }
    }

    /// Where `value` lies between the ends, in `0..=1`; values outside lie on the nearer end, NaN on the lower one.
    fn fraction(&self, value: f64) -> f64 {
        let fraction = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let span = f64::from(limit.1) - f64::from(limit.0);
        (f64::from(limit.0) + span * self.fraction(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.iter().map(|(value, _)| *value).collect(),
            KeyPointWeight::Any => self.minor.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == value).map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// A range that has a length: at least a thousandth of its larger end, so that four digits tell the labels apart.
fn widen(low: f64, high: f64) -> (f64, f64) {
    let (low, high) = if low <= high { (low, high) } else { (high, low) };
    let least = (1e-3 * low.abs().max(high.abs())).max(1e-12);
    if high - low >= least {
        return (low, high);
    }
    let middle = low + 0.5 * (high - low);
    let half = if middle == 0.0 { 1.0 } else { 0.1 * middle.abs() };
    (middle - half, middle + half)
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A step that gives about `ticks` multiples in `low..=high`, and at least two.
fn step_for(low: f64, high: f64, ticks: usize) -> f64 {
    let mut step = nice_step((high - low) / ticks.max(1) as f64);
    // The next smaller of these steps is 0.4 or 0.5 times this one; the third is a quarter of the range at most.
    for _ in 0..3 {
        if multiples(low, high, step).len() >= 2 {
            break;
        }
        step = nice_step(0.4 * step);
    }
    step
}

/// Multiples of `step` in `low..=high`.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    (0..=(last - first).clamp(0.0, 100.0) as usize).map(|i| (first + i as f64) * step).collect()
}

/// A tick's text with the decimals that `step` asks for; scientific when the axis reaches 1e6 or steps below 1e-4.
fn label(value: f64, step: f64, largest: f64) -> String {
    let step_exponent = (step.log10() + 1e-9).floor() as i32;
    if value == 0.0 {
        return "0".to_owned();
    }
    if largest >= 1e6 || step_exponent < -4 {
        let digits = ((value.abs().log10() + 1e-9).floor() as i32 - step_exponent).max(0) as usize;
        return format!("{value:.digits$e}");
    }
    let decimals = (-step_exponent).max(0) as usize;
    group(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn a_linear_axis_has_round_labels() {
        assert_eq!(labels(&Axis::linear(0.0, 1.0, 5)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear(0.0, 2300.0, 4)), ["0", "1,000", "2,000"]);
        assert_eq!(labels(&Axis::linear(0.0, 2e9, 4)), ["0", "5e8", "1.0e9", "1.5e9", "2.0e9"]);
        assert_eq!(labels(&Axis::linear(0.134, 0.989, 4)), ["0.2", "0.4", "0.6", "0.8"], "0.5 alone is no scale");
    }

    #[test]
    fn an_axis_of_whole_numbers_has_no_fractions() {
        assert_eq!(labels(&Axis::whole_numbers(0.0, 2.0, 8)), ["0", "1", "2"]);
    }

    #[test]
    fn a_logarithmic_axis_labels_decades_or_what_fits() {
        assert_eq!(labels(&Axis::logarithmic(0.05, 2000.0, 8)), ["0.1", "1", "10", "100", "1,000"]);
        assert_eq!(labels(&Axis::logarithmic(0.3, 12.0, 8)), ["0.5", "1", "2", "5", "10"]);
        assert_eq!(labels(&Axis::logarithmic(2.0, 2.9, 4)), ["2.0", "2.5"]);
        let wide = Axis::logarithmic(1e-9, 1e9, 6);
        assert!((4..=7).contains(&wide.ticks.len()), "{:?}", labels(&wide));
    }

    #[test]
    fn a_mirrored_axis_has_no_signs_and_categories_their_names() {
        assert_eq!(labels(&Axis::mirrored(10.0, 20.0, 3)), ["10", "0", "10", "20"]);
        assert_eq!(labels(&Axis::mirrored(55.0, 9.0, 4)), ["40", "20", "0", "5"], "either side has a step of its own");
        assert_eq!(labels(&Axis::mirrored(0.0, 30.0, 4)), ["0", "10", "20", "30"]);
        assert_eq!(labels(&Axis::mirrored(1.0, 30.0, 4)), ["0", "10", "20", "30"], "no room below 0");
        let names = ["0", "0.5", "4"].map(String::from);
        let axis = Axis::categories(&names, 1);
        assert_eq!(labels(&axis), names);
        assert_eq!(axis.map(&1.0, (0, 300)), 150);
        let thinned = Axis::categories(&names, 2);
        assert_eq!((labels(&thinned), &thinned.minor), (vec!["0", "4"], &vec![1.0]));
    }

    #[test]
    fn every_label_of_a_hard_range_is_distinct() {
        for (low, high) in [(1e9, 1e9 + 1.0), (0.0, 1e-30), (-5.0, -4.9999), (0.0, 0.0), (-1e30, 1e30), (3.0, 3.0)] {
            let axis = Axis::linear(low, high, 6);
            let mut seen = labels(&axis);
            assert!(seen.len() >= 2, "{low}..{high}: {seen:?}");
            seen.dedup();
            assert_eq!(seen.len(), axis.ticks.len(), "{low}..{high}");
        }
    }

    #[test]
    fn any_value_lands_between_the_ends() {
        for axis in [Axis::linear(0.0, 1.0, 5), Axis::logarithmic(0.1, 10.0, 5), Axis::linear(7.0, 7.0, 5)] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 0.5, 1e300] {
                assert!((10..=500).contains(&axis.map(&value, (10, 500))), "{value} on {axis:?}");
            }
        }
        assert_eq!(Axis::logarithmic(0.1, 10.0, 5).map(&1.0, (0, 100)), 50);
        assert_eq!(Axis::linear(0.0, 4.0, 5).map(&1.0, (100, 0)), 75);
    }
}
