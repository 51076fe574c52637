//! `sweep.html`: the table of a sweep and its pictures.

use super::ReportError;
use super::charts::sweep::{MOST_DOTS, MOST_SERIES, Series, Titles, configurations, option_curves};
use super::html::{self, Escaped, figure, paragraph, section};
use crate::fit::ACTIVE_KL;
use crate::sweep::{Row, Statistic, cells, headings};

/// Everything that the page of a sweep shows.
#[derive(Clone, Debug)]
pub struct SweepReport {
    /// Headline.
    pub title: String,
    /// What was run on what, in a sentence or two.
    pub summary: String,
    /// One row for each configuration.
    pub rows: Vec<Row>,
    /// Reasons of runs that failed, with their configuration.
    pub failures: Vec<String>,
    /// The command that gives the same table.
    pub command: String,
    /// Name and version of the tool.
    pub tool_version: String,
}

/// The page of a sweep.
///
/// # Errors
/// [`ReportError::Drawing`]
pub fn render_sweep(report: &SweepReport) -> Result<String, ReportError> {
    let mut body = format!(
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"muted\">{}</p>\n</header>\n",
        Escaped(&report.title),
        Escaped(&report.summary),
        Escaped(&report.tool_version)
    );
    body += &section("table", "Mean and standard deviation over seeds", &table(report));
    body += &pictures(&report.rows)?;
    if !report.failures.is_empty() {
        let items: String = report.failures.iter().map(|line| format!("<li>{}</li>\n", Escaped(line))).collect();
        body += &section("failures", "Runs that failed", &format!("<ul>\n{items}</ul>\n"));
    }
    let command = format!("<pre><code>{}</code></pre>\n", Escaped(&report.command));
    body += &section("repeat", "How to repeat it", &command);
    Ok(html::page(&report.title, &body))
}

fn table(report: &SweepReport) -> String {
    let cell = |tag: &str, text: &str| format!("<{tag}>{}</{tag}>", Escaped(text));
    let line = |tag: &str, texts: Vec<String>| {
        format!("<tr>{}</tr>\n", texts.iter().map(|text| cell(tag, text)).collect::<String>())
    };
    let mut out = String::from("<div class=\"scroll\">\n<table>\n<thead>\n");
    out += &line("th", headings(&report.rows));
    out += "</thead>\n<tbody>\n";
    out += &report.rows.iter().map(|row| line("td", cells(row))).collect::<String>();
    out += "</tbody>\n</table>\n</div>\n";
    out + &paragraph(
        "Reconstruction and KL are means per row of the fitted rows in the last epoch, in nats; ROC-AUC, average precision \
         and F1 at the threshold are those of the test rows.",
    )
}

fn pictures(rows: &[Row]) -> Result<String, ReportError> {
    let mut body = String::new();
    let names: Vec<String> =
        rows.first().map(|row| row.varied.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
    const IDS: [&str; 4] = ["option-0", "option-1", "option-2", "option-3"];
    for (option, id) in names.iter().zip(IDS) {
        if let Some(svg) = curves(rows, option, id)? {
            let caption = format!(
                "Over {option}. A point is the mean over seeds, a bar one standard deviation to either side. Lines that lie on \
                 each other are options that do not move the number."
            );
            body += &figure(&svg, &caption);
        }
    }
    let values = |row: &Row| row.varied.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>().join(", ");
    let dots: Vec<(String, Statistic)> =
        rows.iter().filter_map(|row| Some((values(row), row.number("ROC-AUC")?))).collect();
    if (2..=MOST_DOTS).contains(&dots.len()) {
        body += &figure(
            &configurations("ROC-AUC of the test rows", 1.0, &names.join(", "), &dots)?,
            "Every configuration, in the order of the table. A point is the mean over seeds, a bar one standard deviation to \
             either side.",
        );
    }
    Ok(if body.is_empty() { body } else { section("pictures", "Pictures", &body) })
}

/// Numbers against one numeric option; `None` for words, and where there would be too many lines.
fn curves(rows: &[Row], option: &str, id: &'static str) -> Result<Option<String>, ReportError> {
    let value = |row: &Row| row.varied.iter().find(|(name, _)| name == option).map(|(_, value)| value.clone());
    let others = |row: &Row| {
        let pairs: Vec<String> = row
            .varied
            .iter()
            .filter(|(name, _)| name != option)
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        pairs.join(", ")
    };
    let (mut positions, mut names) = (Vec::<String>::new(), Vec::<String>::new());
    for row in rows {
        let Some(value) = value(row) else { return Ok(None) };
        if value.parse::<f64>().is_err() {
            return Ok(None);
        }
        if !positions.contains(&value) {
            positions.push(value);
        }
        if !names.contains(&others(row)) {
            names.push(others(row));
        }
    }
    if names.len() > MOST_SERIES {
        return Ok(None);
    }
    const UNBOUNDED: f64 = f64::INFINITY;
    const PANELS: [(&str, Titles); 3] = [
        (
            "reconstruction",
            Titles {
                caption: "Reconstruction loss of the fitted rows",
                axis: "nats per row",
                most: UNBOUNDED,
                least_shown: None,
            },
        ),
        (
            "KL",
            Titles {
                caption: "KL divergence of the fitted rows",
                axis: "nats per row",
                most: UNBOUNDED,
                least_shown: Some(ACTIVE_KL),
            },
        ),
        ("ROC-AUC", Titles { caption: "ROC-AUC of the test rows", axis: "ROC-AUC", most: 1.0, least_shown: None }),
    ];
    let known = |heading: &str| rows.iter().any(|row| row.number(heading).is_some());
    let panels: Vec<(&str, Titles)> = PANELS.into_iter().filter(|(heading, _)| known(heading)).collect();
    let series: Vec<Series> = names
        .iter()
        .map(|name| {
            let at = |heading: &str, position: &String| {
                let row = rows.iter().find(|row| value(row).as_ref() == Some(position) && others(row) == *name);
                row.and_then(|row| row.number(heading))
            };
            let values = panels.iter().map(|(heading, _)| positions.iter().map(|p| at(heading, p)).collect()).collect();
            Series { name: name.clone(), values }
        })
        .collect();
    let titles: Vec<Titles> = panels.iter().map(|panel| panel.1).collect();
    option_curves(id, option, &positions, &titles, &series).map(Some)
}
