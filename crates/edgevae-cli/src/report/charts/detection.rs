//! ROC and precision-recall curves, with chance level and operating point.

use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREY, INK, Panel, Plot, Point, Stroke, VERMILLION, caption, corners, diamond, line, px,
    stroke, text, write,
};
use crate::report::{Report, ReportError};
use edgevae_trainer::base::numbers::{percent, significant};

const SIZE: (f64, f64) = (860.0, 470.0);
/// Margins that leave a square of 340 pixels in each half.
const MARGINS: [f64; 4] = [36.0, 16.0, 94.0, 74.0];

/// Both curves side by side; `None` when either is undefined (no labels, or one class only).
pub(in crate::report) fn detection_curves(report: &Report) -> Result<Option<String>, ReportError> {
    if report.roc.len() < 2 || report.precision_recall.is_empty() {
        return Ok(None);
    }
    let metrics = &report.metrics;
    let named = |name: &str, value: Option<f64>| {
        value.filter(|v| v.is_finite()).map_or(name.to_owned(), |v| format!("{name} {v:.4}"))
    };
    let roc_title = named("ROC, area", metrics.roc_auc);
    let pr_title = named("Precision-recall, average precision", metrics.average_precision);
    let description = format!(
        "{roc_title}. {pr_title}. At the threshold: false-alarm rate {}, recall {}, precision {}.",
        rate(metrics.false_alarm_rate),
        rate(metrics.recall),
        rate(metrics.precision)
    );
    let title = "ROC and precision-recall curves with the operating point";
    let figure = Figure { id: "detection-curves", title, description: &description, size: SIZE };
    figure.draw(|area| draw(area, report, &roc_title, &pr_title)).map(Some)
}

fn rate(value: Option<f64>) -> String {
    value.map_or("undefined".to_owned(), percent)
}

fn draw(area: &Area, report: &Report, roc_title: &str, pr_title: &str) -> Drawn {
    let metrics = &report.metrics;
    let (left, right) = area.split_horizontally(px(0.5 * SIZE.0));
    let roc = square(&left, "false-alarm rate (share of normal rows flagged)", "recall (share of anomalies flagged)")?;
    caption(area, &roc, roc_title)?;
    let chance = [(0.0, 0.0), (1.0, 1.0)].map(|point| roc.backend_coord(&point)).to_vec();
    stroke(area, chance, Stroke::Dashed, line(GREY, 1.2))?;
    let points = report.roc.iter().map(|p| roc.backend_coord(&(p.false_alarm_rate, p.recall)));
    stroke(area, without_repeats(points), Stroke::Solid, line(BLUE, 2.0))?;
    let threshold = format!("threshold {}:", significant(f64::from(report.scored.threshold), 4));
    let recall = format!("recall {}", rate(metrics.recall));
    let label = format!("{threshold} false alarms {}, {recall}", rate(metrics.false_alarm_rate));
    key(area, &roc, metrics.false_alarm_rate.zip(metrics.recall), &label, "chance")?;

    let pr = square(&right, "recall (share of anomalies flagged)", "precision (anomalies among flagged rows)")?;
    caption(area, &pr, pr_title)?;
    let prevalence = prevalence(report);
    let chance = [(0.0, prevalence), (1.0, prevalence)].map(|point| pr.backend_coord(&point)).to_vec();
    stroke(area, chance, Stroke::Dashed, line(GREY, 1.2))?;
    // Steps, not slopes: average precision is the area under steps, and a slope would promise points that no threshold has.
    let mut reached = 0.0;
    let steps = report.precision_recall.iter().flat_map(|p| {
        let start = std::mem::replace(&mut reached, p.recall);
        [(start, p.precision), (p.recall, p.precision)]
    });
    let steps: Vec<Point> = steps.map(|point| pr.backend_coord(&point)).collect();
    stroke(area, without_repeats(steps.into_iter()), Stroke::Solid, line(BLUE, 2.0))?;
    let label = format!("{threshold} {recall}, precision {}", rate(metrics.precision));
    let chance = format!("chance: {} of the rows are anomalies", percent(prevalence));
    key(area, &pr, metrics.recall.zip(metrics.precision), &label, &chance)
}

/// Share of anomalies among the labelled rows: the precision of flagging at random.
fn prevalence(report: &Report) -> f64 {
    let labels = report.scored.labels.as_deref().unwrap_or_default();
    labels.iter().filter(|anomaly| **anomaly).count() as f64 / labels.len().max(1) as f64
}

fn square<'a>(area: &Area<'a>, x_title: &str, y_title: &str) -> Drawn<Plot<'a>> {
    let unit = || Axis::linear(0.0, 1.0, 5);
    Panel { margins: MARGINS, x: unit(), y: unit(), x_title: Some(x_title), y_title, x_grid: true }.draw(area)
}

/// The operating point, and under the axis, where no curve passes, a key of the signs.
fn key(area: &Area, plot: &Plot, point: Option<(f64, f64)>, label: &str, chance: &str) -> Drawn {
    let ((left, _), (_, bottom)) = corners(plot);
    let (x, mut y) = (left + px(10.0), bottom + px(60.0));
    let style = || text(12.0, INK, HPos::Left, VPos::Center);
    if let Some(point) = point {
        diamond(area, plot.backend_coord(&point), VERMILLION)?;
        diamond(area, (x, y), VERMILLION)?;
        write(area, (x + px(16.0), y), label, style())?;
        y += px(19.0);
    }
    stroke(area, vec![(x - px(11.0), y), (x + px(11.0), y)], Stroke::Dashed, line(GREY, 1.2))?;
    write(area, (x + px(16.0), y), chance, style())
}

/// The same curve without points on straight horizontal or vertical runs: a long ROC has one point per row.
fn without_repeats(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::new();
    for point in points {
        while let [.., a, b] = kept[..] {
            let straight = (a.0 == b.0 && b.0 == point.0) || (a.1 == b.1 && b.1 == point.1);
            let onward = (b.0 - a.0).signum() * (point.0 - b.0).signum() >= 0
                && (b.1 - a.1).signum() * (point.1 - b.1).signum() >= 0;
            if !(straight && onward) {
                break;
            }
            kept.pop();
        }
        if kept.last() != Some(&point) {
            kept.push(point);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_runs_lose_their_inner_points_and_turns_stay() {
        let run = [(0, 0), (0, 0), (0, 1), (0, 5), (3, 5), (4, 5), (9, 5), (9, 9)];
        assert_eq!(without_repeats(run.into_iter()), [(0, 0), (0, 5), (9, 5), (9, 9)]);
        let back = [(0, 0), (0, 5), (0, 2), (1, 3)];
        assert_eq!(without_repeats(back.into_iter()), back);
        assert_eq!(without_repeats(std::iter::empty()), []);
    }
}
