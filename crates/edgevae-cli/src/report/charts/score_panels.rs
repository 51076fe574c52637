//! The scores side by side: what each makes of the same rows.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::bins::{Bins, Tally};
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREY, INK, Panel, Plot, SKY_BLUE, Stroke, VERMILLION, VERMILLION_TINT, caption, corners,
    filled, line, outline, px, stroke, text, write,
};
use super::histogram::hatching;
use crate::report::{ComparedScore, ReportError};

const WIDTH: f64 = 860.0;
const PANEL: f64 = 220.0;
const KEY: f64 = 30.0;

/// A panel for each score, two in a row: normal rows upwards, anomalies downwards, each as shares of their own number.
///
/// Without labels all rows are drawn upwards. `None` when no score has a finite value.
pub(in crate::report) fn score_panels(scores: &[ComparedScore]) -> Result<Option<String>, ReportError> {
    let binned: Vec<(&ComparedScore, Bins)> =
        scores.iter().filter_map(|score| Some((score, Bins::new(&score.scored)?))).collect();
    if binned.is_empty() {
        return Ok(None);
    }
    let lines = binned.len().div_ceil(2);
    let aucs: Vec<String> = binned.iter().map(|(score, _)| heading(score)).collect();
    let description = format!("Histograms of the same rows by each score. {}.", aucs.join("; "));
    let size = (WIDTH, PANEL * lines as f64 + KEY);
    let figure = Figure { id: "score-panels", title: "Score histograms side by side", description: &description, size };
    let labelled = scores.iter().any(|score| score.scored.labels.is_some());
    figure
        .draw(|area| {
            let (upper, _) = area.split_vertically(px(PANEL * lines as f64));
            for (at, line_area) in upper.split_evenly((lines, 1)).iter().enumerate() {
                let (left, right) = line_area.split_horizontally(px(0.5 * WIDTH));
                for (half, entry) in [left, right].iter().zip(&binned[2 * at..]) {
                    draw(area, half, entry.0, &entry.1)?;
                }
            }
            key(area, labelled, size.1 - 0.5 * KEY)
        })
        .map(Some)
}

fn heading(score: &ComparedScore) -> String {
    match score.metrics.roc_auc {
        Some(auc) => format!("{}: ROC-AUC {auc:.4}", score.name),
        None => score.name.clone(),
    }
}

fn draw(sheet: &Area, area: &Area, score: &ComparedScore, bins: &Bins) -> Drawn {
    let (low, high) = bins.range();
    let unit = format!("{}{}", score.scored.unit, if bins.logarithmic { ", log scale" } else { "" });
    let share = |tally: &Tally| {
        let all = tally.counts.iter().sum::<usize>().max(1) as f64;
        tally.counts.iter().map(|count| 100.0 * *count as f64 / all).collect::<Vec<f64>>()
    };
    let (normal, anomalies) = (share(&bins.normal), share(&bins.anomalies));
    let most = |shares: &[f64]| shares.iter().copied().fold(0.0, f64::max);
    let (up, down) = (most(&normal), most(&anomalies));
    let panel = Panel {
        margins: [30.0, 16.0, 48.0, 74.0],
        x: if bins.logarithmic { Axis::logarithmic(low, high, 5) } else { Axis::linear(low, high, 5) },
        y: Axis::mirrored(1.1 * down, 1.1 * up.max(1e-9), 4),
        x_title: Some(&unit),
        y_title: if score.scored.labels.is_some() { "% of its class" } else { "% of rows" },
        x_grid: false,
    };
    let plot = panel.draw(area)?;
    caption(sheet, &plot, &heading(score))?;
    bars(sheet, &plot, bins, &normal, 1.0)?;
    bars(sheet, &plot, bins, &anomalies, -1.0)?;
    let ((left, top), (right, bottom)) = corners(&plot);
    let (_, zero) = plot.backend_coord(&(low, 0.0));
    sheet.draw(&PathElement::new(vec![(left, zero), (right, zero)], line(GREY, 1.0)))?;
    let x = plot.backend_coord(&(f64::from(score.scored.threshold), 0.0)).0;
    stroke(sheet, vec![(x, bottom), (x, top)], Stroke::Dashed, line(INK, 1.6))
}

fn bars(area: &Area, plot: &Plot, bins: &Bins, shares: &[f64], side: f64) -> Drawn {
    for (pair, share) in bins.edges.windows(2).zip(shares).filter(|(_, share)| **share > 0.0) {
        let (left, base) = plot.backend_coord(&(pair[0], 0.0));
        let (right, end) = plot.backend_coord(&(pair[1], side * share));
        let bar = [(left, end.min(base)), (right, end.max(base))];
        let anomaly = side < 0.0;
        area.draw(&Rectangle::new(bar, filled(if anomaly { VERMILLION_TINT } else { SKY_BLUE })))?;
        if anomaly {
            area.draw(&PathElement::new(hatching(bar), line(VERMILLION, 0.9)))?;
        }
        outline(area, bar, line(if anomaly { VERMILLION } else { BLUE }, 0.8))?;
    }
    Ok(())
}

fn key(area: &Area, labelled: bool, y: f64) -> Drawn {
    let mut x = 74.0;
    let mut entry = |name: &str, draw: &dyn Fn([(i32, i32); 2]) -> Drawn| {
        draw([(px(x), px(y - 6.0)), (px(x + 18.0), px(y + 6.0))])?;
        write(area, (px(x + 24.0), px(y)), name, text(12.0, INK, HPos::Left, VPos::Center))?;
        x += 50.0 + super::canvas::text_width(name, 12.0);
        Ok(())
    };
    let plain = |bar: [(i32, i32); 2]| {
        area.draw(&Rectangle::new(bar, filled(SKY_BLUE)))?;
        outline(area, bar, line(BLUE, 0.8))
    };
    let hatched = |bar: [(i32, i32); 2]| {
        area.draw(&Rectangle::new(bar, filled(VERMILLION_TINT)))?;
        area.draw(&PathElement::new(hatching(bar), line(VERMILLION, 0.9)))?;
        outline(area, bar, line(VERMILLION, 0.8))
    };
    let dashed = |[(left, top), (right, bottom)]: [(i32, i32); 2]| {
        let y = (top + bottom) / 2;
        stroke(area, vec![(left - px(4.0), y), (right, y)], Stroke::Dashed, line(INK, 1.6))
    };
    entry(if labelled { "normal, upwards" } else { "all rows" }, &plain)?;
    if labelled {
        entry("anomalies, downwards", &hatched)?;
    }
    entry("threshold", &dashed)
}
