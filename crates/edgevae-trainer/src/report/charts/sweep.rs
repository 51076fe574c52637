//! Pictures of a sweep: numbers against an option, and the configurations side by side.

use plotters::element::PathElement;
use plotters::prelude::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREEN, GREY, INK, Marker, Panel, Plot, Stroke, VERMILLION, bold, caption, line, marker,
    px, stroke, text, text_width, write,
};
use crate::report::ReportError;
use crate::sweep::Statistic;

const WIDTH: f64 = 860.0;
const PANEL: f64 = 170.0;
const X_AXIS: f64 = 48.0;
const LEGEND_LINE: f64 = 20.0;
/// Lines that are told apart without colour.
pub(in crate::report) const MOST_SERIES: usize = 4;
/// Configurations that fit under each other on a page.
pub(in crate::report) const MOST_DOTS: usize = 40;
/// Space above the configurations for the options' names.
const HEADING: f64 = 12.0;
/// Characters of a configuration's name beside its dot.
const LABEL: usize = 52;
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

/// Panels under each other over the values of one option, a line for each of the other options' combinations.
pub(in crate::report) fn option_curves(
    id: &'static str,
    option: &str,
    positions: &[String],
    panels: &[Titles],
    series: &[Series],
) -> Result<String, ReportError> {
    let title = format!("Sweep over {option}");
    let shown: Vec<&str> = panels.iter().map(|panel| panel.caption).collect();
    let description = format!("{} against {option}: {}.", shown.join(", "), positions.join(", "));
    let legend = if series.len() > 1 { LEGEND_LINE * series.len() as f64 + 8.0 } else { 0.0 };
    let height = PANEL * panels.len() as f64 + X_AXIS + legend;
    Figure { id, title: &title, description: &description, size: (WIDTH, height) }.draw(|area| {
        let mut below = area.clone();
        for (at, titles) in panels.iter().enumerate() {
            let last = at + 1 == panels.len();
            let (upper, rest) = below.split_vertically(px(if last { PANEL + X_AXIS } else { PANEL }));
            below = rest;
            let logarithmic = titles.least_shown.and_then(|least| logarithmic_axis(series, at, least));
            let note = if logarithmic.is_some() { note(series, at, titles.least_shown) } else { String::new() };
            let panel = Panel {
                margins: [30.0, 18.0, if last { X_AXIS } else { 8.0 }, 84.0],
                x: Axis::categories(positions),
                y: logarithmic.unwrap_or_else(|| value_axis(series, at, titles.most, 4)),
                x_title: last.then_some(option),
                y_title: titles.axis,
                x_grid: true,
            };
            let plot = panel.draw(&upper)?;
            caption(area, &plot, &format!("{}{note}", titles.caption))?;
            for (index, values) in series.iter().enumerate() {
                draw_series(area, &plot, index, &values.values[at], series.len())?;
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

fn draw_series(area: &Area, plot: &Plot, index: usize, values: &[Option<Statistic>], of: usize) -> Drawn {
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
        if let Some(deviation) = statistic.deviation.filter(|deviation| *deviation > 0.0) {
            let (x, top) = place(at, statistic.mean + deviation);
            let (_, bottom) = place(at, statistic.mean - deviation);
            area.draw(&PathElement::new(vec![(x, top), (x, bottom)], line(color, 1.2)))?;
            for y in [top, bottom] {
                area.draw(&PathElement::new(vec![(x - px(4.0), y), (x + px(4.0), y)], line(color, 1.2)))?;
            }
        }
        marker(area, centre, shape, color)?;
    }
    Ok(())
}

fn draw_legend(area: &Area, series: &[Series], top: f64) -> Drawn {
    for (index, series) in series.iter().enumerate() {
        let (color, dash, shape) = style(index);
        let y = px(top + LEGEND_LINE * (index as f64 + 0.5));
        stroke(area, vec![(px(84.0), y), (px(120.0), y)], dash, line(color, 1.8))?;
        marker(area, (px(102.0), y), shape, color)?;
        write(area, (px(128.0), y), &shortened(&series.name, 110), text(12.0, INK, HPos::Left, VPos::Center))?;
    }
    Ok(())
}

/// One line for each configuration: the values of its `options`, mean and standard deviation of a number.
pub(in crate::report) fn configurations(
    title: &str,
    most: f64,
    options: &str,
    rows: &[(String, Statistic)],
) -> Result<String, ReportError> {
    let means: Vec<String> = rows.iter().map(|(name, statistic)| format!("{name}: {statistic:.4}")).collect();
    let description = format!("Mean ± standard deviation over seeds, by {options}. {}.", means.join("; "));
    let height = HEADING + 16.0 + 20.0 * rows.len() as f64 + X_AXIS;
    let names = rows.iter().map(|(name, _)| name.as_str()).chain([options]);
    let longest = names.map(|name| text_width(&shortened(name, LABEL), 12.0)).fold(40.0, f64::max);
    let left = longest.min(380.0) + 16.0;
    Figure { id: "configurations", title, description: &description, size: (WIDTH, height) }.draw(|area| {
        let all: Vec<Option<Statistic>> = rows.iter().map(|(_, statistic)| Some(*statistic)).collect();
        let series = [Series { name: String::new(), values: vec![all] }];
        let panel = Panel {
            margins: [HEADING + 12.0, 24.0, X_AXIS, left],
            x: value_axis(&series, 0, most, 8),
            y: Axis::categories(&vec![String::new(); rows.len()]),
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
            if let Some(deviation) = statistic.deviation {
                let (from, _) = plot.backend_coord(&(statistic.mean - deviation, row));
                let (to, _) = plot.backend_coord(&(statistic.mean + deviation, row));
                area.draw(&PathElement::new(vec![(from, y), (to, y)], line(GREY, 1.4)))?;
                for x in [from, to] {
                    area.draw(&PathElement::new(vec![(x, y - px(4.0)), (x, y + px(4.0))], line(GREY, 1.4)))?;
                }
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
