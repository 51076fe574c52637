//! Pictures of a sweep: numbers against an option, and the configurations side by side.

use plotters::element::PathElement;
use plotters::prelude::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREEN, GREY, INK, Marker, Panel, Plot, Stroke, VERMILLION, caption, line, marker, px,
    stroke, text, text_width, write,
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
/// Characters of a configuration's name beside its dot.
const LABEL: usize = 52;

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
            let panel = Panel {
                margins: [30.0, 18.0, if last { X_AXIS } else { 8.0 }, 84.0],
                x: Axis::categories(positions),
                y: value_axis(series, at, titles.most),
                x_title: last.then_some(option),
                y_title: titles.axis,
                x_grid: true,
            };
            let plot = panel.draw(&upper)?;
            caption(area, &plot, titles.caption)?;
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
fn value_axis(series: &[Series], panel: usize, most: f64) -> Axis {
    let ends = series.iter().flat_map(|series| series.values[panel].iter().flatten()).flat_map(|statistic| {
        let deviation = statistic.deviation.unwrap_or(0.0);
        [statistic.mean - deviation, statistic.mean + deviation]
    });
    let (low, high) =
        ends.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return Axis::linear(0.0, 1.0, 4);
    }
    // Equal values keep an axis around them that is neither empty nor beyond what can be.
    let room = (0.08 * (high - low)).max(0.002 * high.abs());
    let bottom = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
    Axis::linear(bottom, (high + room).min(most), 4)
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

/// One line for each configuration: its name, mean and standard deviation of a number.
pub(in crate::report) fn configurations(
    title: &str,
    most: f64,
    rows: &[(String, Statistic)],
) -> Result<String, ReportError> {
    let means: Vec<String> = rows.iter().map(|(name, statistic)| format!("{name}: {statistic:.4}")).collect();
    let description = format!("Mean ± standard deviation over seeds. {}.", means.join("; "));
    let height = 16.0 + 20.0 * rows.len() as f64 + X_AXIS;
    let longest = rows.iter().map(|(name, _)| text_width(&shortened(name, LABEL), 12.0)).fold(40.0, f64::max);
    let left = longest.min(380.0) + 16.0;
    Figure { id: "configurations", title, description: &description, size: (WIDTH, height) }.draw(|area| {
        let all: Vec<Option<Statistic>> = rows.iter().map(|(_, statistic)| Some(*statistic)).collect();
        let series = [Series { name: String::new(), values: vec![all] }];
        let panel = Panel {
            margins: [12.0, 24.0, X_AXIS, left],
            x: value_axis(&series, 0, most),
            y: Axis::categories(&vec![String::new(); rows.len()]),
            x_title: Some(title),
            y_title: "",
            x_grid: true,
        };
        let plot = panel.draw(area)?;
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
