//! Score histograms of normal rows and anomalies, one above the other, with the threshold through both.

use plotters::element::{PathElement, Rectangle};
use plotters::prelude::{Color, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::bins::{Bins, Tally};
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREY, INK, Panel, Plot, Point, SKY_BLUE, Stroke, VERMILLION, VERMILLION_TINT, bold,
    caption, corners, filled, line, outline, px, stroke, text, text_width, write,
};
use crate::report::{ReportError, ScoredRows};
use edgevae_trainer::base::numbers::{plural, share, significant};

const WIDTH: f64 = 860.0;
const HEADER: f64 = 30.0;
const PANEL: f64 = 180.0;
const X_AXIS: f64 = 48.0;

/// One row of bars.
struct Group<'b> {
    caption: String,
    tally: &'b Tally,
    fill: RGBColor,
    outline: RGBColor,
    hatched: bool,
}

/// The histogram and the sentences that belong under it; `None` when there is no finite score to show.
///
/// Normal rows and anomalies have a panel and a count axis each, so that 40 anomalies beside 1,960 normal rows are seen.
pub(in crate::report) fn score_histogram(rows: &ScoredRows) -> Result<Option<(String, String)>, ReportError> {
    let Some(bins) = Bins::new(rows) else { return Ok(None) };
    let groups = groups(rows, &bins);
    let note = note(rows, &bins);
    let title = format!("Histogram of the scores of {}", plural(rows.scores.len(), "row"));
    let description = groups.iter().map(|g| g.caption.as_str()).collect::<Vec<_>>().join("; ");
    let description = format!("Threshold {}. {description}.", significant(f64::from(rows.threshold), 4));
    let height = HEADER + PANEL * groups.len() as f64 + X_AXIS;
    let figure = Figure { id: "score-histogram", title: &title, description: &description, size: (WIDTH, height) };
    let svg = figure.draw(|area| draw(area, rows, &bins, &groups))?;
    Ok(Some((svg, note)))
}

fn groups<'b>(rows: &ScoredRows, bins: &'b Bins) -> Vec<Group<'b>> {
    let flagged = |wanted: Option<bool>| {
        let of_group = |i: usize| rows.labels.as_ref().and_then(|labels| labels.get(i)).copied() == wanted;
        let group: Vec<f32> = rows.scores.iter().enumerate().filter(|(i, _)| of_group(*i)).map(|(_, s)| *s).collect();
        (group.iter().filter(|score| **score > rows.threshold).count(), group.len())
    };
    let bars = |caption: String, tally: &'b Tally, anomaly: bool| Group {
        caption,
        tally,
        fill: if anomaly { VERMILLION_TINT } else { SKY_BLUE },
        outline: if anomaly { VERMILLION } else { BLUE },
        hatched: anomaly,
    };
    if rows.labels.is_none() {
        let (above, all) = flagged(None);
        return vec![bars(format!("All {}: {} flagged", rows.rows, share(above, all)), &bins.normal, false)];
    }
    let mut groups = Vec::new();
    let (above, normal) = flagged(Some(false));
    if normal > 0 {
        let caption = format!("Normal: {} flagged (false alarms)", share(above, normal));
        groups.push(bars(caption, &bins.normal, false));
    }
    let (above, anomalies) = flagged(Some(true));
    if anomalies > 0 {
        let caption = format!("Anomalies: {} flagged (detected)", share(above, anomalies));
        groups.push(bars(caption, &bins.anomalies, true));
    }
    groups
}

/// What the picture leaves out or gathers, in words.
fn note(rows: &ScoredRows, bins: &Bins) -> String {
    let below = bins.normal.below + bins.anomalies.below;
    let above = bins.normal.above + bins.anomalies.above;
    let mut note = format!("Bars count rows per bin; {} bins", bins.edges.len() - 1);
    if bins.logarithmic {
        note += " of equal width on a logarithmic score axis";
    }
    note += ", one edge of which is the threshold.";
    if rows.labels.is_some() {
        note += " Each panel has a count axis of its own.";
    }
    for (rows_out, edge, bin) in [(below, bins.edges.first(), "first"), (above, bins.edges.last(), "last")] {
        if let (1.., Some(edge)) = (rows_out, edge) {
            let side = if bin == "first" { "below" } else { "above" };
            let edge = significant(*edge, 3);
            note += &format!(" The {bin} bin includes {} {side} the axis (beyond {edge}).", plural(rows_out, "row"));
        }
    }
    let greatest = rows.scores.iter().copied().filter(|s| s.is_finite()).fold(f32::NEG_INFINITY, f32::max);
    if above > 0 {
        note += &format!(" The highest score is {}.", significant(f64::from(greatest), 3));
    }
    if bins.not_finite > 0 {
        note += &format!(" Left out: {} whose score is not a finite number.", plural(bins.not_finite, "row"));
    }
    note
}

fn draw(area: &Area, rows: &ScoredRows, bins: &Bins, groups: &[Group]) -> Drawn {
    let x_title = format!("score: {} ({}){}", rows.score, rows.unit, if bins.logarithmic { ", log scale" } else { "" });
    let (_, mut below) = area.split_vertically(px(HEADER));
    let mut lines = Vec::new();
    let mut ends = (0, 0);
    for (i, group) in groups.iter().enumerate() {
        let last = i + 1 == groups.len();
        let (panel, rest) = below.split_vertically(px(if last { PANEL + X_AXIS } else { PANEL }));
        below = rest;
        let (low, high) = bins.range();
        let x = if bins.logarithmic { Axis::logarithmic(low, high, 9) } else { Axis::linear(low, high, 9) };
        let most = group.tally.counts.iter().copied().max().unwrap_or(0).max(1);
        let frame = Panel {
            margins: [32.0, 18.0, if last { X_AXIS } else { 8.0 }, 70.0],
            x,
            y: Axis::whole_numbers(0.0, 1.08 * most as f64, 4),
            x_title: last.then_some(x_title.as_str()),
            y_title: "rows per bin",
            x_grid: false,
        };
        let plot = frame.draw(&panel)?;
        shade_flagged(area, &plot, rows.threshold)?;
        bars(area, &plot, bins, group)?;
        caption(area, &plot, &group.caption)?;
        gathered(area, &plot, group.tally)?;
        let x = plot.backend_coord(&(f64::from(rows.threshold), 0.0)).0;
        let ((left, top), (right, bottom)) = corners(&plot);
        lines.push([(x, bottom), (x, top)]);
        ends = (left, right);
    }
    threshold_line(area, rows, &lines, ends)
}

/// A ground where rows are flagged, thin enough to let the grid through.
fn shade_flagged(area: &Area, plot: &Plot, threshold: f32) -> Drawn {
    let ((_, top), (right, bottom)) = corners(plot);
    let x = plot.backend_coord(&(f64::from(threshold), 0.0)).0;
    area.draw(&Rectangle::new([(x, top), (right, bottom)], INK.mix(0.06).filled()))
}

fn bars(area: &Area, plot: &Plot, bins: &Bins, group: &Group) -> Drawn {
    for (pair, rows) in bins.edges.windows(2).zip(&group.tally.counts) {
        if *rows == 0 {
            continue;
        }
        let (left, base) = plot.backend_coord(&(pair[0], 0.0));
        let (right, top) = plot.backend_coord(&(pair[1], *rows as f64));
        // A bin that holds anything is seen: one row beside two hundred would be thinner than a line.
        let bar = [(left, top.min(base - px(2.0))), (right, base)];
        area.draw(&Rectangle::new(bar, filled(group.fill)))?;
        if group.hatched {
            area.draw(&PathElement::new(hatching(bar), line(group.outline, 0.9)))?;
        }
        outline(area, bar, line(group.outline, 1.0))?;
    }
    Ok(())
}

/// Says above the bars that the outer ones hold more than their bin.
fn gathered(area: &Area, plot: &Plot, tally: &Tally) -> Drawn {
    let sides = [("first", tally.below), ("last", tally.above)];
    let parts: Vec<String> = sides
        .iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(bar, rows)| format!("{bar} bar: {} beyond the axis", plural(*rows, "row")))
        .collect();
    let ((_, top), (right, _)) = corners(plot);
    write(area, (right, top - px(8.0)), &parts.join("; "), text(12.0, GREY, HPos::Right, VPos::Bottom))
}

/// One path that fills a rectangle with diagonal lines, on a lattice shared by all rectangles of a picture.
pub(super) fn hatching([(left, top), (right, bottom)]: [Point; 2]) -> Vec<Point> {
    let spacing = px(6.0);
    let first = (left + top).div_euclid(spacing) + 1;
    let last = (right + bottom - 1).div_euclid(spacing);
    let mut path = Vec::new();
    for k in first..=last {
        let sum = k * spacing;
        let lower = if sum - left <= bottom { (left, sum - left) } else { (sum - bottom, bottom) };
        let upper = if sum - right >= top { (right, sum - right) } else { (sum - top, top) };
        // Back and forth along the border, which the outline covers; through the corner where the border turns.
        let (from, to) = if k % 2 == 0 { (lower, upper) } else { (upper, lower) };
        if let Some(&(x, y)) = path.last()
            && x != from.0
            && y != from.1
        {
            path.push(if k % 2 == 0 { (left, bottom) } else { (right, top) });
        }
        path.extend([from, to]);
    }
    path
}

/// The threshold through all panels, its value above them, and which side is flagged; the axis lies between `left` and
/// `right`.
fn threshold_line(area: &Area, rows: &ScoredRows, lines: &[[Point; 2]], (left, right): (i32, i32)) -> Drawn {
    let Some(&[(x, _), _]) = lines.first() else { return Ok(()) };
    for line_of_panel in lines {
        stroke(area, line_of_panel.to_vec(), Stroke::Dashed, line(INK, 2.0))?;
    }
    let label = format!("threshold {}", significant(f64::from(rows.threshold), 4));
    let half = px(0.5 * text_width(&label, 13.0));
    let center = x.clamp(left + half.min((right - left) / 2), right - half.min((right - left) / 2));
    write(area, (center, px(6.0)), &label, bold(13.0, INK, HPos::Center, VPos::Top))?;
    stroke(area, vec![(x, px(22.0)), (x, px(HEADER))], Stroke::Solid, line(INK, 1.0))?;
    let gap = half + px(14.0);
    if center + gap + px(60.0) < right {
        write(area, (center + gap, px(6.5)), "flagged →", text(12.0, GREY, HPos::Left, VPos::Top))?;
    }
    if center - gap - px(60.0) > left {
        write(area, (center - gap, px(6.5)), "← passed", text(12.0, GREY, HPos::Right, VPos::Top))?;
    }
    Ok(())
}
