//! `sweep.html`: the table of a sweep and its pictures.

mod pictures;

use super::ReportError;
use super::html::{self, Escaped, paragraph, section};
use crate::sweep::{Row, cells, headings};

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
    body += &pictures::render(&report.rows)?;
    if !report.failures.is_empty() {
        let items: String = report.failures.iter().map(|line| format!("<li>{}</li>\n", Escaped(line))).collect();
        body += &section("failures", "Runs that failed", &format!("<ul>\n{items}</ul>\n"));
    }
    let command = format!("<pre><code>{}</code></pre>\n", Escaped(&report.command));
    body += &section("repeat", "How to repeat it", &command);
    Ok(html::page(&report.title, &body))
}

fn table(report: &SweepReport) -> String {
    let options = report.rows.first().map_or(0, |row| row.varied.len());
    let class = |at: usize| if at < options { "" } else { " class=\"number\"" };
    let line = |cells: Vec<String>, cell: &dyn Fn(usize, &str) -> String| {
        let cells: String = cells.iter().enumerate().map(|(at, text)| cell(at, text)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let heading = |at: usize, text: &str| format!("<th scope=\"col\"{}>{}</th>", class(at), Escaped(text));
    let cell = |at: usize, text: &str| match at {
        0 if options > 0 => format!("<th scope=\"row\">{}</th>", Escaped(text)),
        _ => format!("<td{}>{}</td>", class(at), Escaped(text)),
    };
    let mut out = String::from(
        "<div class=\"scroll\">\n<table class=\"names\">\n<caption>A row for each configuration, in the order of the grid</caption>\n<thead>\n",
    );
    out += &line(headings(&report.rows), &heading);
    out += "</thead>\n<tbody>\n";
    out += &report.rows.iter().map(|row| line(cells(row), &cell)).collect::<String>();
    out += "</tbody>\n</table>\n</div>\n";
    out + &paragraph(
        "Reconstruction and KL are means per row of the fitted rows in the last epoch, in nats; ROC-AUC, average precision \
         and F1 at the threshold are those of the test rows.",
    )
}
