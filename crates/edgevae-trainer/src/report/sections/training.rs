//! How the fit went: loss curves, beta, and what each latent carries.

use crate::report::charts::{latent_bars, latent_map, loss_curves};
use crate::report::format::{count, plural, significant};
use crate::report::html::{figure, paragraph, section};
use crate::report::{Report, ReportError};

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
                "{} of {} latents are active (KL above {} nats). A latent that has collapsed, drawn as an empty bar, \
                 equals the prior and carries no information about the input.",
                count(latents.active),
                count(latents.kl.len()),
                significant(latents.active_above, 2)
            );
            figure(&svg, &statement)
        }
        None => paragraph("The KL of the latents was not recorded."),
    };
    if let Some(svg) = latent_map(&report.latent_map)? {
        let map = &report.latent_map;
        let colour = if map.labels.is_some() { "Signs are labels" } else { "Without labels, signs are scores" };
        let out = match map.left_out {
            0 => String::new(),
            rows => {
                let are = if rows == 1 { "is" } else { "are" };
                format!(" {} {are} left out of the picture.", plural(rows, "other row"))
            }
        };
        let statement = format!(
            "Latent means of {}. {colour}. Distances on the left are those of the latents; on the right only \
             neighbourhood has a meaning.{out}",
            plural(map.pca.len(), report.scored.rows.trim_end_matches('s'))
        );
        body += &figure(&svg, &statement);
    }
    Ok(section("training", "Training", &body))
}
