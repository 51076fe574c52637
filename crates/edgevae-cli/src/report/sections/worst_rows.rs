//! Where the error of the worst rows comes from: which sensor is it?

use crate::report::html::{Escaped, paragraph, section};
use crate::report::{MOST_WORST_ROWS, Report, WorstRow};
use edgevae_trainer::base::numbers::{count, plural, significant};

/// Features listed one by one; the others are summed.
const MOST_FEATURES: usize = 15;

pub(super) fn render(report: &Report) -> String {
    let rows = &report.worst_rows[..report.worst_rows.len().min(MOST_WORST_ROWS)];
    if rows.is_empty() || report.feature_names.is_empty() {
        return section("worst-rows", "Worst rows", &paragraph("There are no scored rows to explain."));
    }
    let shown = leading_features(rows, report.feature_names.len());
    let mut body = paragraph(&format!(
        "The {} with the highest scores. A number is the {} of one feature in {}; the bar behind it is that feature's \
         share of the row. {}",
        plural(rows.len(), "row"),
        report.contribution.name,
        report.contribution.unit,
        report.contribution.relation,
    ));
    if shown.len() < report.feature_names.len() {
        body += &paragraph(&format!(
            "Listed are the {} of {} features with the largest shares over these rows; the last line sums the others.",
            count(shown.len()),
            count(report.feature_names.len())
        ));
    }
    body += &table(report, rows, &shown);
    section("worst-rows", "Worst rows", &body)
}

/// The features with the largest shares of the rows' errors, in the order of the model.
///
/// Shares, not errors: one row far out would otherwise choose the features for all.
fn leading_features(rows: &[WorstRow], features: usize) -> Vec<usize> {
    let mut shares = vec![0.0; features];
    for row in rows {
        let total = total(row);
        for (sum, error) in shares.iter_mut().zip(&row.contributions) {
            *sum += share(*error, total);
        }
    }
    let mut order: Vec<usize> = (0..features).collect();
    order.sort_by(|a, b| f64::total_cmp(&shares[*b], &shares[*a]).then(a.cmp(b)));
    order.truncate(MOST_FEATURES);
    order.sort_unstable();
    order
}

/// What a row's contributions add up to; negative ones, which lower a score, have no share in it.
fn total(row: &WorstRow) -> f64 {
    row.contributions.iter().map(|part| f64::from(part.max(0.0))).sum()
}

/// Share of `error` in `total`, in `0..=1`; 0 where it has no meaning.
fn share(error: f32, total: f64) -> f64 {
    let share = f64::from(error) / total;
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

fn table(report: &Report, rows: &[WorstRow], shown: &[usize]) -> String {
    let mut out = format!(
        "<div class=\"scroll\">\n<table class=\"errors\">\n<caption>Contribution by feature and row: {}, {}</caption>\n\
         <thead>\n<tr><th scope=\"col\">row</th>",
        Escaped(&report.contribution.name),
        Escaped(&report.contribution.unit),
    );
    for row in rows {
        out += &format!("<th scope=\"col\" class=\"number\">{}</th>", row.row);
    }
    out += "</tr>\n";
    if rows.iter().any(|row| row.label.is_some()) {
        out += "<tr><th scope=\"row\">label</th>";
        for row in rows {
            let label = row.label.map_or("unknown", |anomaly| if anomaly { "anomaly" } else { "normal" });
            out += &format!("<th scope=\"col\" class=\"number\">{label}</th>");
        }
        out += "</tr>\n";
    }
    out += "<tr><th scope=\"row\">score</th>";
    for row in rows {
        out += &format!("<th scope=\"col\" class=\"number\">{}</th>", significant(f64::from(row.score), 3));
    }
    out += "</tr>\n</thead>\n<tbody>\n";
    for &feature in shown {
        out += &format!("<tr><th scope=\"row\">{}</th>", Escaped(&report.feature_names[feature]));
        for row in rows {
            out += &cell(f64::from(row.contributions[feature]), share(row.contributions[feature], total(row)));
        }
        out += "</tr>\n";
    }
    let others = report.feature_names.len() - shown.len();
    if others > 0 {
        out += &format!("<tr><th scope=\"row\">{}, sum</th>", plural(others, "other feature"));
        for row in rows {
            let listed: f64 = shown.iter().map(|feature| f64::from(row.contributions[*feature])).sum();
            let rest = row.contributions.iter().map(|part| f64::from(*part)).sum::<f64>() - listed;
            out += &cell(rest, share(rest as f32, total(row)));
        }
        out += "</tr>\n";
    }
    out + "</tbody>\n</table>\n</div>\n"
}

fn cell(error: f64, share: f64) -> String {
    // Below a millionth of the row's error only the magnitude matters.
    let number = if share < 1e-6 && error > 0.0 { significant(error, 1) } else { significant(error, 3) };
    format!("<td class=\"number\" style=\"--share:{:.0}%\">{number}</td>", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(contributions: Vec<f32>) -> WorstRow {
        WorstRow { row: 1, score: 1.0, label: None, contributions }
    }

    #[test]
    fn one_row_far_out_does_not_choose_the_features_for_all() {
        let mut far = vec![0.0; 40];
        far[..20].fill(1e9);
        let near = |feature: usize| {
            let mut errors = vec![0.0; 40];
            errors[feature] = 2.0;
            row(errors)
        };
        let rows = [row(far), near(30), near(31)];
        let leading = leading_features(&rows, 40);
        assert_eq!(leading.len(), MOST_FEATURES);
        assert!(leading.contains(&30) && leading.contains(&31), "{leading:?}");
        assert!(leading.is_sorted());
    }

    #[test]
    fn errors_that_overflow_have_no_share() {
        assert_eq!(share(f32::INFINITY, f64::INFINITY), 0.0);
        assert_eq!(share(0.0, 0.0), 0.0);
        assert_eq!(share(1.0, 4.0), 0.25);
    }
}
