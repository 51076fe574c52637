//! KL divergence per latent: which of them carry information.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, BLUE, Drawn, Figure, GREY, INK, Panel, Point, SKY_BLUE, WHITE, corners, filled, line, outline, px, text,
    text_width, write,
};
use crate::report::{LatentSummary, ReportError};
use edgevae_trainer::base::numbers::significant;

const SIZE: (f64, f64) = (860.0, 284.0);
/// Height of the line that tells filled bars from empty ones.
const KEY: f64 = 24.0;
/// With more bars than this their values no longer fit above them.
const VALUES_UP_TO: usize = 16;

/// One bar per latent, filled when it is active and empty when it has collapsed; `None` without latents.
pub(in crate::report) fn latent_bars(latents: &LatentSummary) -> Result<Option<String>, ReportError> {
    if latents.kl.is_empty() {
        return Ok(None);
    }
    let values: Vec<String> = latents.kl.iter().map(|kl| significant(*kl, 3)).collect();
    let description = format!(
        "{} of {} latents are active. KL in nats, from latent 0 on: {}.",
        latents.active,
        latents.kl.len(),
        values.join(", ")
    );
    let figure = Figure { id: "latent-kl", title: "KL divergence per latent", description: &description, size: SIZE };
    figure.draw(|area| draw(area, latents)).map(Some)
}

fn draw(area: &Area, latents: &LatentSummary) -> Drawn {
    let finite = |kl: f64| if kl.is_finite() { kl.max(0.0) } else { 0.0 };
    let greatest = latents.kl.iter().map(|kl| finite(*kl)).fold(0.0, f64::max);
    let panel = Panel {
        margins: [KEY + 16.0, 18.0, 48.0, 76.0],
        x: Axis::whole_numbers(-0.6, latents.kl.len() as f64 - 0.4, 16),
        y: Axis::linear(0.0, if greatest > 0.0 { 1.15 * greatest } else { 1.0 }, 4),
        x_title: Some("latent"),
        y_title: "KL (nats)",
        x_grid: false,
    };
    let plot = panel.draw(area)?;
    let half_width = if latents.kl.len() == 1 { 0.1 } else { 0.32 };
    for (j, kl) in latents.kl.iter().enumerate() {
        let (left, top) = plot.backend_coord(&(j as f64 - half_width, finite(*kl)));
        let (right, base) = plot.backend_coord(&(j as f64 + half_width, 0.0));
        let active = *kl > latents.active_above;
        let bar = [(left, top.min(base - px(1.5))), (right.max(left + px(1.0)), base)];
        draw_bar(area, bar, active)?;
        if latents.kl.len() <= VALUES_UP_TO {
            let at = ((left + right) / 2, bar[0].1 - px(3.0));
            write(area, at, &significant(*kl, 2), text(11.5, INK, HPos::Center, VPos::Bottom))?;
        }
    }
    let ((left, _), (right, bottom)) = corners(&plot);
    area.draw(&PathElement::new(vec![(left, bottom), (right, bottom)], line(GREY, 1.0)))?;
    let least = significant(latents.active_above, 2);
    let keys = [(true, format!("active: KL above {least} nats")), (false, "collapsed".to_owned())];
    let mut x = 76.0;
    for (active, name) in keys {
        draw_bar(area, [(px(x), px(6.0)), (px(x + 18.0), px(18.0))], active)?;
        write(area, (px(x + 24.0), px(12.0)), &name, text(12.0, INK, HPos::Left, VPos::Center))?;
        x += 50.0 + text_width(&name, 12.0);
    }
    Ok(())
}

fn draw_bar(area: &Area, bar: [Point; 2], active: bool) -> Drawn {
    area.draw(&Rectangle::new(bar, filled(if active { SKY_BLUE } else { WHITE })))?;
    outline(area, bar, line(if active { BLUE } else { GREY }, 1.0))
}
