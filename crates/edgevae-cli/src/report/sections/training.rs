//! How the fit went: loss curves, beta, and what each latent carries.

use crate::latent_map::LEAST_POINTS;
use crate::report::charts::{latent_bars, latent_map, loss_curves};
use crate::report::html::{figure, paragraph, section};
use crate::report::{Report, ReportError};
use edgevae_trainer::base::numbers::{count, plural, significant};

pub(super) fn render(report: &Report) -> Result<String, ReportError> {
    let mut body = match loss_curves(&report.history)? {
        Some(svg) => figure(
            &svg,
            "Means per row. The reconstruction loss is the negative log-likelihood summed over features, less its constant: \
             half the squared error where the variance is 1. KL is summed over latents; objective = reconstruction loss + beta · KL. The number beside each curve is its last value.",
        ),
        None => paragraph("The loss curves are left out: no epoch was recorded."),
    };
    body += "<h3>Latents</h3>\n";
    let latents = &report.latents;
    body += &match latent_bars(latents)? {
        Some(svg) => {
            let statement = format!(
                "{} of {} latents are active (KL above {} nats). A latent below that line, drawn empty, equals \
                 the prior for nearly all rows; single rows may still move it.",
                count(latents.active),
                count(latents.kl.len()),
                significant(latents.active_above, 2)
            );
            figure(&svg, &statement)
        }
        None => paragraph("The KL of the latents was not recorded."),
    };
    if let Some(svg) = latent_map(&report.latent_map)? {
        body += &figure(&svg, &about_the_map(report));
    }
    Ok(section("training", "Training", &body))
}

/// What the map shows, and what it cannot.
fn about_the_map(report: &Report) -> String {
    let map = &report.latent_map;
    let row = report.scored.rows.trim_end_matches('s');
    let colour = if map.labels.is_some() { "Signs are labels" } else { "Without labels, signs are scores" };
    let distances = if map.tsne.is_empty() {
        format!(
            "Distances are those of the latents. A t-SNE is missing: it needs {LEAST_POINTS} rows or more that are not all \
             equal."
        )
    } else {
        "Distances on the left are those of the latents; on the right only neighbourhood has a meaning.".to_owned()
    };
    let chosen = match (map.left_out, map.anomalies_left_out) {
        (0, _) => String::new(),
        (rows, anomalies) => {
            let which = match (&map.labels, anomalies) {
                (None, _) => "Rows",
                (Some(_), 0) => "Every anomaly, and normal rows",
                (Some(_), _) => "Anomalies and normal rows",
            };
            let (are, of_all) = (if rows == 1 { "is" } else { "are" }, plural(rows, "other row"));
            format!(" {which} at random: {of_all} {are} left out of the picture; the axes are those of all {row}s.")
        }
    };
    format!("Latent means of {}. {colour}. {distances}{chosen}", plural(map.pca.len(), row))
}
