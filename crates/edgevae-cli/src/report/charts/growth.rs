//! Time and memory of a fit over its size, on logarithmic axes.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREY, Marker, Panel, Plot, Stroke, VERMILLION, caption, line, marker, stroke,
};
use crate::report::{GrowthCurve, ReportError};

const SIZE: (f64, f64) = (960.0, 620.0);
/// On the right there is room for half of a label at the end of the axis.
const MARGINS: [f64; 4] = [36.0, 30.0, 54.0, 74.0];

/// Two rows of panels: seconds above, memory below; a dashed line shows linear growth from the last point.
pub(in crate::report) fn growth(curves: &[GrowthCurve]) -> Result<String, ReportError> {
    let title = "Time of one epoch and peak memory of a fit against its size";
    let description = "Both axes are logarithmic; the dashed line is growth in proportion to the size.";
    Figure { id: "growth", title, description, size: SIZE }.draw(|area| draw(area, curves))
}

fn draw(area: &Area, curves: &[GrowthCurve]) -> Drawn {
    let panels = area.split_evenly((2, curves.len().max(1)));
    for (k, curve) in curves.iter().enumerate() {
        let seconds: Vec<(f64, f64)> = curve.points.iter().map(|&(size, seconds, _)| (size, seconds)).collect();
        let memory: Vec<(f64, f64)> =
            curve.points.iter().filter_map(|&(size, _, memory)| Some((size, memory?))).collect();
        let (upper, lower) = (&panels[k], &panels[curves.len() + k]);
        panel((area, upper), curve.name, "seconds an epoch", &seconds, (BLUE, Marker::Disc))?;
        panel((area, lower), curve.name, "peak memory, MiB", &memory, (VERMILLION, Marker::Square))?;
    }
    Ok(())
}

/// A plot tells places on the sheet, so that all but its frame is drawn there.
fn panel(
    (sheet, area): (&Area, &Area),
    name: &str,
    unit: &str,
    points: &[(f64, f64)],
    (color, shape): (RGBColor, Marker),
) -> Drawn {
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return Ok(()) };
    let low = points.iter().fold(f64::INFINITY, |low, point| low.min(point.1));
    let high = points.iter().fold(0.0, |high: f64, point| high.max(point.1));
    let plot: Plot = Panel {
        margins: MARGINS,
        x: Axis::logarithmic(first.0, last.0, 4),
        y: Axis::logarithmic(0.7 * low, 1.4 * high, 5),
        x_title: Some(name),
        y_title: unit,
        x_grid: true,
    }
    .draw(area)?;
    caption(sheet, &plot, &format!("{unit} against {name}"))?;
    // In proportion to the size, cut where it leaves the panel.
    let start = first.0.max(last.0 * 0.7 * low / last.1);
    let ends = [(start, last.1 * start / last.0), last].map(|point| plot.backend_coord(&point)).to_vec();
    stroke(sheet, ends, Stroke::Dashed, line(GREY, 1.2))?;
    let places: Vec<_> = points.iter().map(|point| plot.backend_coord(point)).collect();
    stroke(sheet, places.clone(), Stroke::Solid, line(color, 2.0))?;
    places.into_iter().try_for_each(|at| marker(sheet, at, shape, color))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_is_drawn_in_its_own_panel() {
        let points: Vec<_> = [10.0, 100.0, 1000.0].map(|size| (size, 0.01 * size, None)).to_vec();
        let curves = ["rows", "width"].map(|name| GrowthCurve { name, points: points.clone() });
        let svg = growth(&curves).unwrap();
        let places = svg.split("<circle cx=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap());
        let places: Vec<f64> = places.collect();
        let (left, right) = places.split_at(3);
        assert!(left.is_sorted_by(|a, b| a < b), "{left:?}");
        let shifts: Vec<f64> = left.iter().zip(right).map(|(left, right)| right - left).collect();
        assert!(shifts[0] > 0.0 && shifts.iter().all(|shift| *shift == shifts[0]), "half a sheet each: {shifts:?}");
    }
}
