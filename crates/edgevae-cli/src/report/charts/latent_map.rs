//! Where rows lie in the latents: their two principal axes, and t-SNE.

use plotters::element::{Circle, TriangleMarker};
use plotters::prelude::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, INK, Panel, Plot, SKY_BLUE, VERMILLION, WHITE, caption, filled, line, px, text, write,
};
use crate::report::{LatentMap, ReportError};
use edgevae_trainer::base::numbers::{count, percent};

const SIZE: (f64, f64) = (860.0, 480.0);
const MARGINS: [f64; 4] = [36.0, 16.0, 84.0, 74.0];
/// Scores below the threshold in three shades, from light to dark in print as on a screen.
const SHADES: [RGBColor; 3] = [RGBColor(0xcf, 0xe8, 0xf8), SKY_BLUE, BLUE];

/// What a point is, from those drawn first to those drawn last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Normal,
    /// Passed, by the third of the passed rows' scores.
    Passed(usize),
    /// Labelled an anomaly, or without labels flagged.
    Anomaly,
}

/// Both maps side by side, or the first alone where the second is missing; `None` without points.
pub(in crate::report) fn latent_map(map: &LatentMap) -> Result<Option<String>, ReportError> {
    if map.pca.is_empty() {
        return Ok(None);
    }
    let (first, second) = map.explained;
    let (title, also) = if has_tsne(map) {
        ("Latent means of rows: PCA and t-SNE", " Right: t-SNE of the same rows.")
    } else {
        ("Latent means of rows: PCA", "")
    };
    let description = format!(
        "Latent means of {} rows on principal axes: the first holds {} of the variance, the second {}.{also}",
        count(map.pca.len()),
        percent(first),
        percent(second)
    );
    let figure = Figure { id: "latent-map", title, description: &description, size: SIZE };
    figure.draw(|area| draw(area, map)).map(Some)
}

fn has_tsne(map: &LatentMap) -> bool {
    map.tsne.len() == map.pca.len()
}

fn kinds(map: &LatentMap) -> Vec<Kind> {
    if let Some(labels) = &map.labels {
        return labels.iter().map(|&anomaly| if anomaly { Kind::Anomaly } else { Kind::Normal }).collect();
    }
    let mut passed: Vec<f32> = map.scores.iter().copied().filter(|score| *score <= map.threshold).collect();
    passed.sort_by(f32::total_cmp);
    let third = |score: f32| 3 * passed.partition_point(|other| *other < score) / passed.len().max(1);
    let kind = |&score: &f32| if score > map.threshold { Kind::Anomaly } else { Kind::Passed(third(score).min(2)) };
    map.scores.iter().map(kind).collect()
}

fn draw(area: &Area, map: &LatentMap) -> Drawn {
    let kinds = kinds(map);
    let width = if has_tsne(map) { 0.5 * SIZE.0 } else { SIZE.0 };
    let (left, right) = area.split_horizontally(px(width));
    let (first, second) = map.explained;
    let x_title = format!("principal axis 1 ({} of the variance)", percent(first));
    let y_title = format!("principal axis 2 ({} of the variance)", percent(second));
    let pca = panel(&left, &map.pca, &x_title, &y_title)?;
    caption(area, &pca, "PCA of mu, in units of the latents")?;
    points(area, &pca, &map.pca, &kinds)?;
    if has_tsne(map) {
        let tsne = panel(&right, &map.tsne, "t-SNE 1 (no unit)", "t-SNE 2 (no unit)")?;
        caption(area, &tsne, "t-SNE of mu: neighbours stay neighbours")?;
        points(area, &tsne, &map.tsne, &kinds)?;
    }
    key(area, &kinds, map.labels.is_some())
}

fn panel<'a>(area: &Area<'a>, points: &[(f32, f32)], x_title: &str, y_title: &str) -> Drawn<Plot<'a>> {
    let axis = |of: fn(&(f32, f32)) -> f32| {
        let values = points.iter().map(of).filter(|v| v.is_finite()).map(f64::from);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let room = 0.05 * (high - low);
        if low <= high { Axis::linear(low - room, high + room, 5) } else { Axis::linear(-1.0, 1.0, 5) }
    };
    Panel { margins: MARGINS, x: axis(|p| p.0), y: axis(|p| p.1), x_title: Some(x_title), y_title, x_grid: true }
        .draw(area)
}

fn points(area: &Area, plot: &Plot, points: &[(f32, f32)], kinds: &[Kind]) -> Drawn {
    let mut order: Vec<usize> = (0..points.len().min(kinds.len())).collect();
    order.sort_by_key(|&at| kinds[at]);
    for at in order {
        let (x, y) = points[at];
        sign(area, plot.backend_coord(&(f64::from(x), f64::from(y))), kinds[at])?;
    }
    Ok(())
}

/// Shape and lightness tell the kinds apart, not colour alone.
fn sign(area: &Area, at: (i32, i32), kind: Kind) -> Drawn {
    match kind {
        Kind::Normal => area.draw(&Circle::new(at, px(2.2), line(BLUE, 0.8))),
        Kind::Passed(third) => {
            area.draw(&Circle::new(at, px(2.4), filled(SHADES[third])))?;
            area.draw(&Circle::new(at, px(2.4), line(BLUE, 0.4)))
        }
        Kind::Anomaly => {
            area.draw(&TriangleMarker::new(at, px(6.5), filled(WHITE)))?;
            area.draw(&TriangleMarker::new(at, px(5.0), filled(VERMILLION)))
        }
    }
}

fn key(area: &Area, kinds: &[Kind], labelled: bool) -> Drawn {
    let entries: &[(Kind, &str)] = if labelled {
        &[(Kind::Normal, "labelled normal"), (Kind::Anomaly, "labelled anomaly")]
    } else {
        &[
            (Kind::Passed(0), "lowest third of the scores that pass"),
            (Kind::Passed(1), "middle third"),
            (Kind::Passed(2), "highest third"),
            (Kind::Anomaly, "flagged"),
        ]
    };
    let mut x = MARGINS[3];
    for &(kind, name) in entries {
        let number = kinds.iter().filter(|k| **k == kind).count();
        let y = px(SIZE.1 - 18.0);
        sign(area, (px(x), y), kind)?;
        let name = format!("{name}: {}", count(number));
        write(area, (px(x + 10.0), y), &name, text(12.0, INK, HPos::Left, VPos::Center))?;
        x += 34.0 + super::canvas::text_width(&name, 12.0);
    }
    Ok(())
}
