//! The pictures: inline SVG through plotters, readable without colour.
//!
//! Colours are those of Okabe and Ito (2008, "Color Universal Design"), which colour-blind readers tell apart; each goes
//! with a dash, a marker or a hatching of its own, so that a black-and-white print says the same.
//! The pictures hold no text of the user: column names stay in HTML tables, where a browser breaks long ones.

mod axis;
mod bins;
mod canvas;
mod detection;
mod growth;
mod histogram;
mod latent_map;
mod latents;
mod loss;
mod score_panels;
pub(super) mod sweep;

use plotters::style::text_anchor::{HPos, VPos};

use super::ReportError;

pub(super) use detection::detection_curves;
pub(super) use growth::growth;
pub(super) use histogram::score_histogram;
pub(super) use latent_map::latent_map;
pub(super) use latents::latent_bars;
pub(super) use loss::loss_curves;
pub(super) use score_panels::score_panels;

/// A sheet that holds one sentence, for a picture file that must exist though there is nothing to draw.
pub(super) fn nothing_to_draw(sentence: &str) -> Result<String, ReportError> {
    let figure = canvas::Figure { id: "empty", title: sentence, description: "", size: (860.0, 80.0) };
    figure.draw(|area| {
        let style = canvas::text(14.0, canvas::INK, HPos::Center, VPos::Center);
        canvas::write(area, (canvas::px(430.0), canvas::px(40.0)), sentence, style)
    })
}
