//! Pictures of a sweep: numbers against an option, and the configurations side by side.

use std::ops::Range;

use plotters::coord::ranged1d::Ranged;
use plotters::element::PathElement;
use plotters::prelude::RGBColor;
use plotters::style::ShapeStyle;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREEN, GREY, INK, Marker, Panel, Plot, Point, Stroke, VERMILLION, bold, caption, line,
    marker, px, stroke, text, text_width, write,
};
use crate::report::ReportError;
use crate::sweep::Statistic;

const WIDTH: f64 = 860.0;
const PANEL: f64 = 170.0;
const X_AXIS: f64 = 48.0;
const LEGEND_LINE: f64 = 20.0;
/// Space left and right of the curves.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 18.0;
/// Lines that are told apart without colour.
pub(in crate::report) const MOST_SERIES: usize = 4;
/// Configurations that fit under each other on a page.
pub(in crate::report) const MOST_DOTS: usize = 40;
/// Space above the configurations for the options' names.
const HEADING: f64 = 12.0;
/// Characters of a configuration's name beside its dot: what four options of ordinary length take.
const LABEL: usize = 72;
/// Largest mean over smallest, above which a linear axis would show the largest alone.
const SPAN: f64 = 20.0;

/// One line: its name and for each panel a value at each position of the option.
pub(in crate::report) struct Series {
    pub name: String,
    /// `[PANELS][POSITIONS]`
    pub values: Vec<Vec<Option<Statistic>>>,
}

/// What a panel shows.
#[derive(Clone, Copy)]
pub(in crate::report) struct Titles {
    pub caption: &'static str,
    /// Title of its axis.
    pub axis: &'static str,
    /// Largest value that the number can have.
    pub most: f64,
    /// Where a logarithmic axis ends that spans more than [`SPAN`]; `None` for a number that keeps a linear one.
    pub least_shown: Option<f64>,
}

fn style(series: usize) -> (RGBColor, Stroke, Marker) {
    match series {
        0 => (BLUE, Stroke::Solid, Marker::Disc),
        1 => (VERMILLION, Stroke::Dashed, Marker::Square),
        2 => (GREEN, Stroke::Dotted, Marker::Triangle),
        _ => (INK, Stroke::Solid, Marker::Ring),
    }
}

/// Panels under each other over the values of one option, a line for each of the other options' combinations: those of
/// `shown`, on the axes of all.
pub(in crate::report) fn option_curves(
    id: &str,
    option: &str,
    positions: &[String],
    panels: &[Titles],
    all: &[Series],
    shown: Range<usize>,
) -> Result<String, ReportError> {
    let series = &all[shown];
    let title = format!("Sweep over {option}");
    let shown: Vec<&str> = panels.iter().map(|panel| panel.caption).collect();
    let description = format!("{} against {option}: {}.", shown.join(", "), positions.join(", "));
    let legend = if series.len() > 1 { LEGEND_LINE * series.len() as f64 + 8.0 } else { 0.0 };
    let height = PANEL * panels.len() as f64 + X_AXIS + legend;
    let x_title = format!("{option} (values in order, not to scale)");
    let widest = positions.iter().map(|name| text_width(name, 12.0) + 8.0).fold(0.0, f64::max);
    let stride = (widest * positions.len() as f64 / (WIDTH - LEFT - RIGHT)).ceil().max(1.0) as usize;
    Figure { id, title: &title, description: &description, size: (WIDTH, height) }.draw(|area| {
        let mut below = area.clone();
        for (at, titles) in panels.iter().enumerate() {
            let last = at + 1 == panels.len();
            let (upper, rest) = below.split_vertically(px(if last { PANEL + X_AXIS } else { PANEL }));
            below = rest;
            let logarithmic = titles.least_shown.and_then(|least| logarithmic_axis(all, at, least));
            let note = if logarithmic.is_some() { note(series, at, titles.least_shown) } else { String::new() };
            let y = logarithmic.unwrap_or_else(|| value_axis(all, at, titles.most, 4));
            let range = y.range();
            let panel = Panel {
                margins: [30.0, RIGHT, if last { X_AXIS } else { 8.0 }, LEFT],
                x: Axis::categories(positions, stride),
                y,
                x_title: last.then_some(&x_title),
                y_title: titles.axis,
                x_grid: true,
            };
            let plot = panel.draw(&upper)?;
            caption(area, &plot, &format!("{}{note}", titles.caption))?;
            for (index, values) in series.iter().enumerate() {
                draw_series(area, &plot, &range, (index, series.len()), &values.values[at])?;
            }
        }
        if series.len() > 1 {
            draw_legend(area, series, height - legend)?;
        }
        Ok(())
    })
}

/// Room for every mean with its deviation, no higher than `most`.
fn value_axis(series: &[Series], panel: usize, most: f64, ticks: usize) -> Axis {
    let ends = series.iter().flat_map(|series| series.values[panel].iter().flatten()).flat_map(|statistic| {
        let deviation = statistic.deviation.unwrap_or(0.0);
        [statistic.mean - deviation, statistic.mean + deviation]
    });
    let (low, high) =
        ends.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return Axis::linear(0.0, 1.0, ticks);
    }
    // Equal values keep an axis around them that is neither empty nor beyond what can be.
    let room = (0.08 * (high - low)).max(0.002 * high.abs());
    let bottom = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
    Axis::linear(bottom, (high + room).min(most), ticks)
}

/// From `least` up; what is smaller lies on the axis. `None` where the means differ too little to ask for it.
fn logarithmic_axis(series: &[Series], panel: usize, least: f64) -> Option<Axis> {
    let known = series.iter().flat_map(|series| series.values[panel].iter().flatten());
    let known: Vec<&Statistic> = known.filter(|statistic| statistic.mean.is_finite()).collect();
    let greatest = known.iter().map(|statistic| statistic.mean).fold(0.0, f64::max);
    let smallest = known.iter().map(|statistic| statistic.mean).fold(f64::INFINITY, f64::min).max(least);
    let top =
        known.iter().map(|statistic| statistic.mean + statistic.deviation.unwrap_or(0.0)).fold(greatest, f64::max);
    (greatest > SPAN * smallest).then(|| Axis::logarithmic((0.7 * smallest).max(least), 1.3 * top, 5))
}

/// What the caption of a logarithmic panel adds.
fn note(series: &[Series], panel: usize, least: Option<f64>) -> String {
    let mut means = series.iter().flat_map(|series| series.values[panel].iter().flatten()).map(|value| value.mean);
    let cut = least.filter(|least| means.any(|mean| mean < *least));
    ", log scale".to_owned() + &cut.map_or(String::new(), |least| format!("; what is below {least} lies on the axis"))
}

/// Where a mean's bar ends on an axis, and whether it ends there or is cut.
fn ends(statistic: &Statistic, axis: &Range<f64>) -> Option<[(f64, bool); 2]> {
    let deviation = statistic.deviation.filter(|deviation| *deviation > 0.0)?;
    Some(
        [statistic.mean - deviation, statistic.mean + deviation].map(|end| (end, axis.start <= end && end <= axis.end)),
    )
}

/// A line from end to end, with a cap of half the length `cap` to either side of each end that is not cut.
fn bar(area: &Area, ends: [(Point, bool); 2], cap: Point, style: ShapeStyle) -> Drawn {
    area.draw(&PathElement::new(ends.map(|(place, _)| place).to_vec(), style))?;
    for ((x, y), _) in ends.into_iter().filter(|(_, on_axis)| *on_axis) {
        area.draw(&PathElement::new(vec![(x - cap.0, y - cap.1), (x + cap.0, y + cap.1)], style))?;
    }
    Ok(())
}

fn draw_series(
    area: &Area,
    plot: &Plot,
    axis: &Range<f64>,
    (index, of): (usize, usize),
    values: &[Option<Statistic>],
) -> Drawn {
    let (color, dash, shape) = style(index);
    let finite = |statistic: &&Statistic| statistic.mean.is_finite();
    let known = values.iter().enumerate().filter_map(|(at, value)| Some((at as f64, value.as_ref().filter(finite)?)));
    let known: Vec<(f64, &Statistic)> = known.collect();
    // Lines at the same place lie beside each other.
    let aside = px(7.0 * (index as f64 - 0.5 * (of as f64 - 1.0)));
    let place = |at: f64, value: f64| {
        let (x, y) = plot.backend_coord(&(at, value));
        (x + aside, y)
    };
    let points = known.iter().map(|(at, statistic)| place(*at, statistic.mean)).collect();
    stroke(area, points, dash, line(color, 1.8))?;
    for (at, statistic) in known {
        let centre = place(at, statistic.mean);
        if let Some(ends) = ends(statistic, axis) {
            bar(area, ends.map(|(end, on_axis)| (place(at, end), on_axis)), (px(4.0), 0), line(color, 1.2))?;
        }
        marker(area, centre, shape, color)?;
    }
    Ok(())
}

fn draw_legend(area: &Area, series: &[Series], top: f64) -> Drawn {
    for (index, series) in series.iter().enumerate() {
        let (color, dash, shape) = style(index);
        let y = px(top + LEGEND_LINE * (index as f64 + 0.5));
        stroke(area, vec![(px(LEFT), y), (px(LEFT + 36.0), y)], dash, line(color, 1.8))?;
        marker(area, (px(LEFT + 18.0), y), shape, color)?;
        write(area, (px(LEFT + 44.0), y), &shortened(&series.name, 110), text(12.0, INK, HPos::Left, VPos::Center))?;
    }
    Ok(())
}

/// One line for each configuration: the values of its `options`, mean and standard deviation of a number; those of
/// `shown`, on the axis of all.
pub(in crate::report) fn configurations(
    id: &str,
    titles: Titles,
    options: &str,
    all: &[(String, Statistic)],
    shown: Range<usize>,
) -> Result<String, ReportError> {
    let rows = &all[shown];
    let title = titles.caption;
    let means: Vec<String> = rows.iter().map(|(name, statistic)| format!("{name}: {statistic:.4}")).collect();
    let description = format!("Mean ± standard deviation over seeds, by {options}. {}.", means.join("; "));
    let height = HEADING + 16.0 + 20.0 * rows.len() as f64 + X_AXIS;
    let names = all.iter().map(|(name, _)| name.as_str()).chain([options]);
    let longest = names.map(|name| text_width(&shortened(name, LABEL), 12.0)).fold(40.0, f64::max);
    let left = longest + 16.0;
    Figure { id, title, description: &description, size: (WIDTH, height) }.draw(|area| {
        let values: Vec<Option<Statistic>> = all.iter().map(|(_, statistic)| Some(*statistic)).collect();
        let x = value_axis(&[Series { name: String::new(), values: vec![values] }], 0, titles.most, 8);
        let range = x.range();
        let panel = Panel {
            margins: [HEADING + 12.0, 24.0, X_AXIS, left],
            x,
            y: Axis::categories(&vec![String::new(); rows.len()], 1),
            x_title: Some(title),
            y_title: "",
            x_grid: true,
        };
        let plot = panel.draw(area)?;
        let heading = bold(12.0, INK, HPos::Right, VPos::Center);
        write(area, (px(left - 10.0), px(HEADING)), &shortened(options, LABEL), heading)?;
        for (at, (name, statistic)) in rows.iter().enumerate() {
            // Downwards, in the order of the table.
            let row = (rows.len() - 1 - at) as f64;
            let (x, y) = plot.backend_coord(&(statistic.mean, row));
            if let Some(ends) = ends(statistic, &range) {
                let ends = ends.map(|(end, on_axis)| (plot.backend_coord(&(end, row)), on_axis));
                bar(area, ends, (0, px(4.0)), line(GREY, 1.4))?;
            }
            marker(area, (x, y), Marker::Disc, BLUE)?;
            write(area, (px(left - 10.0), y), &shortened(name, LABEL), text(12.0, INK, HPos::Right, VPos::Center))?;
        }
        Ok(())
    })
}

fn shortened(name: &str, characters: usize) -> String {
    if name.chars().count() <= characters {
        return name.to_owned();
    }
    name.chars().take(characters - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_that_is_cut_by_the_axis_has_no_cap_there() {
        let at = |mean, deviation| ends(&Statistic { mean, deviation }, &(0.5..1.0));
        let cut = |ends: [(f64, bool); 2]| ends.map(|(_, on_axis)| !on_axis);
        assert_eq!(at(0.75, Some(0.25)).map(cut), Some([false, false]));
        assert_eq!(at(0.99, Some(0.02)).map(cut), Some([false, true]));
        assert_eq!(at(0.5, Some(0.2)).map(cut), Some([true, false]));
        assert_eq!((at(0.75, None), at(0.75, Some(0.0))), (None, None), "no bar");
    }
}
