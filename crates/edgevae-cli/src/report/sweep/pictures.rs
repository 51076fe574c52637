//! The pictures of a sweep: numbers over each numeric option, and every configuration beside the others.

use crate::report::ReportError;
use crate::report::charts::sweep::{MOST_DOTS, MOST_SERIES, Series, Titles, configurations, option_curves};
use crate::report::html::{figure, paragraph, section};
use crate::sweep::{Row, Statistic};
use edgevae_trainer::base::numbers::{count, plural};
use edgevae_trainer::fit::ACTIVE_KL;

/// Pictures of one kind; more of them are no picture any more.
const MOST_FIGURES: usize = 8;
/// Options of the score alone: runs that differ in nothing else share one fit, unless rows are left out for their scores.
const OF_THE_SCORE: [&str; 3] = ["score", "draws", "quantile"];

/// A column of the table and how it is drawn.
type Column = (&'static str, Titles);

const OF_THE_FIT: [Column; 2] = [
    (
        "reconstruction",
        Titles {
            caption: "Reconstruction loss of the fitted rows",
            axis: "nats per row",
            most: f64::INFINITY,
            least_shown: None,
        },
    ),
    (
        "KL",
        Titles {
            caption: "KL divergence of the fitted rows",
            axis: "nats per row",
            most: f64::INFINITY,
            least_shown: Some(ACTIVE_KL),
        },
    ),
];
const QUALITY: Column =
    ("ROC-AUC", Titles { caption: "ROC-AUC of the test rows", axis: "ROC-AUC", most: 1.0, least_shown: None });

pub(super) fn render(rows: &[Row]) -> Result<String, ReportError> {
    let options: Vec<&str> =
        rows.first().map_or(vec![], |row| row.varied.iter().map(|(name, _)| name.as_str()).collect());
    let mut body = String::new();
    for (at, option) in options.iter().enumerate() {
        body += &over(rows, option, &format!("option-{at}"))?;
    }
    body += &beside_each_other(rows, &options)?;
    Ok(if body.is_empty() { body } else { section("pictures", "Pictures", &body) })
}

/// Numbers over one option; nothing for words, which have no order.
fn over(rows: &[Row], option: &str, id: &str) -> Result<String, ReportError> {
    let Some(positions) = positions(rows, option) else { return Ok(String::new()) };
    let of_the_fit = [&[option], &OF_THE_SCORE[..]].concat();
    let all = names(rows, &[option]);
    let sets: &[(&[Column], &[&str])] =
        if names(rows, &of_the_fit).len() < all.len() && fits_are_shared(rows, option, &of_the_fit) {
            &[(&OF_THE_FIT, &of_the_fit), (&[QUALITY], &[option])]
        } else {
            &[(&[OF_THE_FIT[0], OF_THE_FIT[1], QUALITY], &[option])]
        };
    let (mut body, mut drawn) = (String::new(), 0);
    for &(columns, but) in sets {
        let known = |heading: &str| rows.iter().any(|row| row.number(heading).is_some());
        let columns: Vec<Column> = columns.iter().copied().filter(|(heading, _)| known(heading)).collect();
        if columns.is_empty() {
            continue;
        }
        let titles: Vec<Titles> = columns.iter().map(|column| column.1).collect();
        let series: Vec<Series> = names(rows, but)
            .into_iter()
            .map(|name| {
                let at = |heading: &str, position: &str| {
                    let row = rows.iter().find(|row| value(row, option) == Some(position) && others(row, but) == name);
                    row.and_then(|row| row.number(heading))
                };
                let of = |(heading, _): &Column| positions.iter().map(|position| at(heading, position)).collect();
                Series { values: columns.iter().map(of).collect(), name }
            })
            .collect();
        for from in (0..series.len()).step_by(MOST_SERIES).take(MOST_FIGURES) {
            let shown = from..series.len().min(from + MOST_SERIES);
            let which = match series.len() {
                0..=MOST_SERIES => String::new(),
                all => format!(" Lines {} to {} of {}; the axes are those of all.", from + 1, shown.end, count(all)),
            };
            drawn += 1;
            let id = if drawn == 1 { id.to_owned() } else { format!("{id}-{drawn}") };
            let svg = option_curves(&id, option, &positions, &titles, &series, shown)?;
            let caption = format!(
                "Over {option}. A point is the mean over seeds, a bar one standard deviation to either side; a bar without \
                 a cap goes on beyond the axis. Lines that lie on each other are options that do not move the number.{which}"
            );
            body += &figure(&svg, &caption);
        }
        body += &left_out(series.len(), MOST_SERIES, "line", &format!(" over {option}"));
    }
    Ok(body)
}

/// Every configuration, in the order of the table.
fn beside_each_other(rows: &[Row], options: &[&str]) -> Result<String, ReportError> {
    let values = |row: &Row| row.varied.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>().join(", ");
    let dots: Vec<(String, Statistic)> =
        rows.iter().filter_map(|row| Some((values(row), row.number(QUALITY.0)?))).collect();
    let mut body = String::new();
    if dots.len() < 2 {
        return Ok(body);
    }
    for (at, from) in (0..dots.len()).step_by(MOST_DOTS).take(MOST_FIGURES).enumerate() {
        let shown = from..dots.len().min(from + MOST_DOTS);
        let which = match dots.len() {
            0..=MOST_DOTS => "Every configuration".to_owned(),
            all => format!("Configurations {} to {} of {}", from + 1, shown.end, count(all)),
        };
        let id = if at == 0 { "configurations".to_owned() } else { format!("configurations-{}", at + 1) };
        let svg = configurations(&id, QUALITY.1, &options.join(", "), &dots, shown)?;
        let caption = format!(
            "{which}, in the order of the table. A point is the mean over seeds, a bar one standard deviation to either \
             side; a bar without a cap goes on beyond the axis."
        );
        body += &figure(&svg, &caption);
    }
    Ok(body + &left_out(dots.len(), MOST_DOTS, "configuration", ""))
}

/// Says what has no picture because there would be too many.
fn left_out(all: usize, in_a_figure: usize, noun: &str, of: &str) -> String {
    match all.checked_sub(MOST_FIGURES * in_a_figure) {
        None | Some(0) => String::new(),
        Some(more) => {
            let more = plural(more, &format!("more {noun}"));
            paragraph(&format!("Not drawn: {more}{of}; the table holds every number."))
        }
    }
}

fn value<'r>(row: &'r Row, option: &str) -> Option<&'r str> {
    row.varied.iter().find(|(name, _)| name == option).map(|(_, value)| value.as_str())
}

/// Name and value of each option that varies, but for those named.
fn others(row: &Row, but: &[&str]) -> String {
    let pairs = row.varied.iter().filter(|(name, _)| !but.contains(&name.as_str()));
    pairs.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// The combinations of all options but for those named, in the order of the table.
fn names(rows: &[Row], but: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for name in rows.iter().map(|row| others(row, but)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The values of a numeric option, rising; `None` for words.
fn positions(rows: &[Row], option: &str) -> Option<Vec<String>> {
    let mut positions: Vec<(f64, &str)> = Vec::new();
    for row in rows {
        let text = value(row, option)?;
        if !positions.iter().any(|(_, known)| *known == text) {
            positions.push((text.parse().ok()?, text));
        }
    }
    positions.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(positions.into_iter().map(|(_, text)| text.to_owned()).collect())
}

/// Whether rows that differ in the options of the score alone have the same fit.
fn fits_are_shared(rows: &[Row], option: &str, but: &[&str]) -> bool {
    let alike = |a: &Row, b: &Row| value(a, option) == value(b, option) && others(a, but) == others(b, but);
    let same = |a: &Row, b: &Row| OF_THE_FIT.iter().all(|(heading, _)| a.number(heading) == b.number(heading));
    rows.iter().all(|row| rows.iter().find(|other| alike(row, other)).is_none_or(|first| same(row, first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row for each combination, its KL that of the fit and its ROC-AUC that of the place in the table.
    fn rows(options: &[(&str, &[&str])], kl: fn(&[(String, String)]) -> f64) -> Vec<Row> {
        let mut all: Vec<Vec<(String, String)>> = vec![vec![]];
        for (name, values) in options {
            let longer = |row: Vec<(String, String)>| {
                values.iter().map(move |value| [&row[..], &[((*name).to_owned(), (*value).to_owned())]].concat())
            };
            all = all.into_iter().flat_map(longer).collect();
        }
        let number = |mean: f64| Some(Statistic { mean, deviation: Some(0.01) });
        let row = |(at, varied): (usize, Vec<(String, String)>)| {
            let numbers = vec![number(3.0), number(kl(&varied)), None, number(0.5 + 0.001 * at as f64), None, None];
            Row { runs: 5, failed: 0, numbers, varied }
        };
        all.into_iter().enumerate().map(row).collect()
    }

    const SCORES: [&str; 6] = ["mse", "nll", "elbo", "mahalanobis", "reconstruction-probability", "combined"];

    #[test]
    fn every_configuration_of_a_large_grid_is_drawn() {
        let betas = ["0", "0.5", "1", "1.5", "4"];
        let options: [(&str, &[&str]); 3] =
            [("beta", &betas), ("likelihood", &["mse", "gaussian"]), ("score", &SCORES)];
        let html = render(&rows(&options, |_| 1.0)).unwrap();
        // Reconstruction and KL of two fits; ROC-AUC of twelve lines; sixty dots.
        assert_eq!(html.matches("<svg").count(), 1 + 3 + 2);
        for text in [
            "Lines 1 to 4 of 12;",
            "Lines 9 to 12 of 12;",
            "Configurations 1 to 40 of 60,",
            "Configurations 41 to 60 of 60,",
            ">\nlikelihood gaussian\n<",
            ">\nlikelihood gaussian, score combined\n<",
        ] {
            assert!(html.contains(text), "{text}");
        }
        assert!(!html.contains("Not drawn"));
    }

    #[test]
    fn fits_that_depend_on_the_score_keep_it() {
        let options: [(&str, &[&str]); 2] = [("beta", &["0", "1"]), ("score", &["mse", "nll"])];
        let shared = render(&rows(&options, |_| 1.0)).unwrap();
        assert_eq!(shared.matches("<svg").count(), 3, "fit, scores and dots");
        let trimmed = render(&rows(&options, |varied| if varied[1].1 == "mse" { 1.0 } else { 2.0 })).unwrap();
        assert_eq!(trimmed.matches("<svg").count(), 2, "all panels in one, and dots");
    }

    #[test]
    fn every_option_has_its_picture_and_what_is_too_much_is_counted() {
        let options: [(&str, &[&str]); 6] = [
            ("beta", &["0", "1"]),
            ("latent", &["2", "4"]),
            ("epochs", &["5", "9"]),
            ("batch-size", &["64", "128"]),
            ("lr", &["0.1", "0.2"]),
            ("draws", &["4", "16"]),
        ];
        let html = render(&rows(&options, |_| 1.0)).unwrap();
        for (at, (option, _)) in options.iter().enumerate() {
            assert!(html.contains(&format!("<title id=\"option-{at}-title\">Sweep over {option}</title>")), "{option}");
        }
        assert!(!html.contains("Not drawn"), "32 lines at most");
        let values: Vec<String> = (0..=330).map(|value| value.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let html = render(&rows(&[("epochs", &values)], |_| 1.0)).unwrap();
        assert!(html.contains("Not drawn: 11 more configurations;"));
    }

    #[test]
    fn values_stand_in_their_order_and_not_in_that_of_the_command() {
        let rows = rows(&[("beta", &["4", "0", "10", "0.5"])], |_| 1.0);
        assert_eq!(positions(&rows, "beta").unwrap(), ["0", "0.5", "4", "10"]);
        assert_eq!(positions(&rows, "score"), None);
        assert!(render(&rows).unwrap().contains("beta (values in order, not to scale)"));
    }
}
