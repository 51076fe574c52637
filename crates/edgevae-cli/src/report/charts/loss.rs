//! Loss curves over the epochs, with beta on a panel of its own under them.

use plotters::prelude::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREEN, INK, Marker, Panel, Plot, Point, Stroke, VERMILLION, caption, corners, line,
    marker, px, stroke, text, write,
};
use crate::report::ReportError;
use edgevae_trainer::base::numbers::significant;
use edgevae_trainer::fit::EpochRecord;

const SIZE: (f64, f64) = (860.0, 440.0);
const LOSSES: f64 = 290.0;
/// Room on the right for the name and the last value of each curve.
const LABELS: f64 = 216.0;
/// Markers on a curve, at most: more of them run together.
const MARKERS: usize = 20;
/// Losses that fall by more than this factor are drawn on a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 30.0;

/// One curve: its name, its look and its values by epoch.
struct Curve {
    name: &'static str,
    color: RGBColor,
    stroke: Stroke,
    marker: Marker,
    points: Vec<(f64, f64)>,
}

/// Reconstruction loss, KL and objective per epoch, and beta; `None` without a finite record.
pub(in crate::report) fn loss_curves(history: &[EpochRecord]) -> Result<Option<String>, ReportError> {
    let curves: Vec<Curve> = curves(history).into_iter().filter(|curve| !curve.points.is_empty()).collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let last = |curve: &Curve| curve.points.last().map_or(0.0, |point| point.1);
    let ends: Vec<String> = curves.iter().map(|c| format!("{} {}", c.name, significant(last(c), 4))).collect();
    let description = format!("Values after the last epoch, in nats: {}.", ends.join(", "));
    let figure = Figure { id: "loss-curves", title: "Losses and beta by epoch", description: &description, size: SIZE };
    figure.draw(|area| draw(area, history, &curves)).map(Some)
}

fn curves(history: &[EpochRecord]) -> Vec<Curve> {
    let values = |value: &dyn Fn(&EpochRecord) -> Option<f64>| {
        let finite = |record: &EpochRecord| Some((record.epoch as f64, value(record).filter(|v| v.is_finite())?));
        history.iter().filter_map(finite).collect::<Vec<_>>()
    };
    vec![
        Curve {
            name: "objective",
            color: INK,
            stroke: Stroke::Solid,
            marker: Marker::Disc,
            points: values(&|r| Some(r.objective)),
        },
        Curve {
            name: "validation objective",
            color: GREEN,
            stroke: Stroke::Solid,
            marker: Marker::Ring,
            points: values(&|r| r.validation_objective),
        },
        Curve {
            name: "reconstruction loss",
            color: BLUE,
            stroke: Stroke::Dashed,
            marker: Marker::Square,
            points: values(&|r| Some(r.reconstruction_loss)),
        },
        Curve {
            name: "KL",
            color: VERMILLION,
            stroke: Stroke::Dotted,
            marker: Marker::Triangle,
            points: values(&|r| Some(r.kl)),
        },
    ]
}

fn epoch_axis(history: &[EpochRecord]) -> Axis {
    let first = history.iter().map(|r| r.epoch).min().unwrap_or(1) as f64;
    let last = history.iter().map(|r| r.epoch).max().unwrap_or(1) as f64;
    // A single epoch stands in the middle of its axis.
    if first == last { Axis::whole_numbers(first - 0.5, last + 0.5, 1) } else { Axis::whole_numbers(first, last, 10) }
}

/// From 0 when all losses are positive and near each other; logarithmic when they fall far.
fn loss_axis(curves: &[Curve]) -> Axis {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.1));
    let least = all().fold(f64::INFINITY, f64::min);
    let greatest = all().fold(f64::NEG_INFINITY, f64::max);
    // The objective decides: KL alone may start near 0 and would ask for many decades of nothing.
    let end = curves[0].points.last().map_or(greatest, |point| point.1);
    if least >= 0.0 && end > 0.0 && greatest > LOGARITHMIC_FROM * end {
        // Down to where the curves end: a KL that starts at 1e-9 would flatten the rest, and runs along the bottom.
        let ends = curves.iter().filter_map(|curve| curve.points.last()).map(|point| point.1);
        let low = ends.filter(|value| *value > 0.0).fold(end, f64::min).max(1e-4 * end);
        return Axis::logarithmic(0.6 * low, 1.25 * greatest, 6);
    }
    let margin = 0.06 * (greatest - least.min(0.0));
    Axis::linear(if least < 0.0 { least - margin } else { 0.0 }, greatest + margin, 6)
}

fn draw(area: &Area, history: &[EpochRecord], curves: &[Curve]) -> Drawn {
    let (upper, lower) = area.split_vertically(px(LOSSES));
    let losses = Panel {
        margins: [30.0, LABELS, 8.0, 76.0],
        x: epoch_axis(history),
        y: loss_axis(curves),
        x_title: None,
        y_title: "nats per row",
        x_grid: true,
    };
    let plot = losses.draw(&upper)?;
    caption(area, &plot, "Training objective and its parts")?;
    for curve in curves {
        draw_curve(area, &plot, curve)?;
    }
    label_ends(area, &plot, curves)?;

    let betas: Vec<(f64, f64)> =
        history.iter().filter(|r| r.beta.is_finite()).map(|r| (r.epoch as f64, f64::from(r.beta))).collect();
    let greatest = betas.iter().map(|point| point.1).fold(0.0, f64::max);
    let panel = Panel {
        margins: [30.0, LABELS, 48.0, 76.0],
        x: epoch_axis(history),
        y: Axis::linear(0.0, if greatest > 0.0 { 1.1 * greatest } else { 1.0 }, 2),
        x_title: Some("epoch"),
        y_title: "beta",
        x_grid: true,
    };
    let plot = panel.draw(&lower)?;
    caption(area, &plot, "Weight of the KL term")?;
    let name = "beta";
    let curve = Curve { name, color: INK, stroke: Stroke::Solid, marker: Marker::Disc, points: betas };
    draw_curve(area, &plot, &curve)?;
    label_ends(area, &plot, &[curve])
}

fn draw_curve(area: &Area, plot: &Plot, curve: &Curve) -> Drawn {
    let points: Vec<Point> = curve.points.iter().map(|point| plot.backend_coord(point)).collect();
    stroke(area, points.clone(), curve.stroke, line(curve.color, 1.8))?;
    for at in points.iter().rev().step_by(points.len().div_ceil(MARKERS).max(1)) {
        marker(area, *at, curve.marker, curve.color)?;
    }
    Ok(())
}

/// Name and last value of each curve beside its end; where ends lie close, the labels move apart.
fn label_ends(area: &Area, plot: &Plot, curves: &[Curve]) -> Drawn {
    let ((_, top), (right, bottom)) = corners(plot);
    let mut ends: Vec<(i32, &Curve, f64)> = curves
        .iter()
        .filter_map(|curve| curve.points.last().map(|end| (plot.backend_coord(end).1, curve, end.1)))
        .collect();
    ends.sort_by_key(|end| end.0);
    let wanted: Vec<i32> = ends.iter().map(|end| end.0).collect();
    for (y, (from, curve, value)) in spread(&wanted, px(19.0), top, bottom).into_iter().zip(ends) {
        let start = right + px(6.0);
        if curve.points.len() > 1 {
            stroke(area, vec![(right + px(1.0), from), (start + px(6.0), y)], Stroke::Solid, line(curve.color, 0.7))?;
        }
        stroke(area, vec![(start + px(6.0), y), (start + px(34.0), y)], curve.stroke, line(curve.color, 1.8))?;
        marker(area, (start + px(20.0), y), curve.marker, curve.color)?;
        let label = format!("{} {}", curve.name, significant(value, 3));
        write(area, (start + px(38.0), y), &label, text(12.0, INK, HPos::Left, VPos::Center))?;
    }
    Ok(())
}

/// Positions near the `wanted` ones (rising), at least `gap` apart and, where they fit, within `low..=high`.
fn spread(wanted: &[i32], gap: i32, low: i32, high: i32) -> Vec<i32> {
    let mut placed: Vec<i32> = Vec::with_capacity(wanted.len());
    for y in wanted {
        placed.push(placed.last().map_or(*y, |above| (*y).max(above + gap)));
    }
    let mut limit = high;
    for y in placed.iter_mut().rev() {
        *y = (*y).min(limit);
        limit = *y - gap;
    }
    let overflow = placed.first().map_or(0, |first| (low - first).max(0));
    placed.into_iter().map(|y| y + overflow).collect()
}

#[cfg(test)]
mod tests {
    use plotters::coord::ranged1d::Ranged;

    use super::*;

    #[test]
    fn labels_that_would_overlap_move_apart_and_stay_inside() {
        assert_eq!(spread(&[10, 50, 90], 15, 0, 100), [10, 50, 90]);
        assert_eq!(spread(&[50, 50, 52], 15, 0, 100), [50, 65, 80]);
        assert_eq!(spread(&[95, 97, 100], 15, 0, 100), [70, 85, 100]);
        assert_eq!(spread(&[], 15, 0, 100), Vec::<i32>::new());
    }

    #[test]
    fn a_steep_fall_gets_a_logarithmic_axis_and_negative_losses_a_linear_one() {
        let record = |epoch, objective| EpochRecord {
            seconds: 0.0,
            epoch,
            beta: 1.0,
            reconstruction_loss: objective,
            kl: 0.5,
            objective,
            validation_objective: None,
        };
        let steep = loss_axis(&curves(&[record(1, 5e4), record(2, 10.0)]));
        assert!(steep.range().start > 0.0 && steep.range().end > 5e4, "{steep:?}");
        let gaussian = loss_axis(&curves(&[record(1, 12.0), record(2, -8.0)]));
        assert!(gaussian.range().start <= -8.0 && gaussian.range().end >= 12.0, "{gaussian:?}");
        let flat = loss_axis(&curves(&[record(1, 9.0), record(2, 7.0)]));
        assert_eq!(flat.range().start, 0.0);
    }
}
