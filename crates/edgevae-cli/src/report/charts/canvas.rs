//! The sheet that every chart draws on: its frame in the page, its text and line styles, its axes.

use std::io;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text, TriangleMarker};
use plotters::prelude::{Cartesian2d, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::axis::Axis;
use crate::report::ReportError;
use crate::report::html::Escaped;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plot<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;
/// A position on the sheet in drawing units, right and down.
pub(super) type Point = (i32, i32);

/// plotters rounds positions to whole units; with eight of them to a pixel no curve shows it.
const UNITS_PER_PIXEL: f64 = 8.0;

pub(super) const INK: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);
pub(super) const GREY: RGBColor = RGBColor(0x59, 0x59, 0x59);
pub(super) const PALE: RGBColor = RGBColor(0xe3, 0xe3, 0xe3);
pub(super) const FAINT: RGBColor = RGBColor(0xf1, 0xf1, 0xf1);
pub(super) const WHITE: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Okabe-Ito blue, sky blue, vermillion, bluish green, and a tint of the third for areas under a hatching.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const SKY_BLUE: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
pub(super) const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x7a, 0x5a);
pub(super) const VERMILLION_TINT: RGBColor = RGBColor(0xfb, 0xe3, 0xd2);

/// Pixels to drawing units.
pub(super) fn px(pixels: f64) -> i32 {
    (pixels * UNITS_PER_PIXEL).round() as i32
}

/// Name, description and size of a picture; `id` is unique in its page.
pub(super) struct Figure<'t> {
    pub(super) id: &'t str,
    pub(super) title: &'t str,
    pub(super) description: &'t str,
    /// Width and height in pixels.
    pub(super) size: (f64, f64),
}

impl Figure<'_> {
    /// Draws on a white sheet and returns a complete `<svg>` element with title and description.
    pub(super) fn draw(&self, draw: impl FnOnce(&Area) -> Drawn) -> Result<String, ReportError> {
        let units = (px(self.size.0) as u32, px(self.size.1) as u32);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, units).into_drawing_area();
            area.fill(&WHITE)
                .and_then(|()| draw(&area))
                .and_then(|()| area.present())
                .map_err(|source| ReportError::Drawing { picture: self.id.to_owned(), source })?;
        }
        // plotters gives its root element no accessible name and a size in drawing units.
        let body = svg.split_once('>').map_or("", |(_, body)| body);
        let Self { id, title, description, size } = self;
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\" stroke-linejoin=\"round\">\n<title id=\"{id}-title\">{}</title>\n\
             <desc id=\"{id}-desc\">{}</desc>{body}",
            size.0,
            size.1,
            units.0,
            units.1,
            Escaped(title),
            Escaped(description),
        ))
    }
}

/// Text of `size` pixels, anchored at the given side.
///
/// plotters writes `size / 1.24` into the file; the factor here undoes that. Nothing measures a font: the reader's
/// program places the text by its anchor.
pub(super) fn text(size: f64, color: RGBColor, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    let font = ("sans-serif", size * UNITS_PER_PIXEL * 1.24).into_font();
    font.color(&color).pos(Pos::new(h_pos, v_pos))
}

/// As [`text`], bold.
pub(super) fn bold(size: f64, color: RGBColor, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    let font = ("sans-serif", size * UNITS_PER_PIXEL * 1.24, FontStyle::Bold).into_font();
    font.color(&color).pos(Pos::new(h_pos, v_pos))
}

/// A width in pixels that `text` of the given size does not exceed in common sans-serif fonts.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    0.6 * size * text.chars().count() as f64
}

pub(super) fn line(color: RGBColor, width: f64) -> ShapeStyle {
    ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: px(width) as u32 }
}

pub(super) fn filled(color: RGBColor) -> ShapeStyle {
    color.filled()
}

/// An outlined rectangle; plotters would draw the outline without its width.
pub(super) fn outline(area: &Area, [(left, top), (right, bottom)]: [Point; 2], style: ShapeStyle) -> Drawn {
    let path = vec![(left, bottom), (left, top), (right, top), (right, bottom), (left, bottom)];
    area.draw(&PathElement::new(path, style))
}

/// How a line is told from its neighbours without colour.
#[derive(Clone, Copy)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    Dotted,
}

/// A line through `points` of the sheet.
pub(super) fn stroke(area: &Area, points: Vec<Point>, stroke: Stroke, style: ShapeStyle) -> Drawn {
    let (dash, gap) = match stroke {
        Stroke::Solid => return area.draw(&PathElement::new(points, style)),
        Stroke::Dashed => (px(9.0), px(4.0)),
        Stroke::Dotted => (px(2.0), px(3.0)),
    };
    area.draw(&DashedPathElement::new(points, dash, gap, style))
}

/// Shapes that mark single points, distinct in outline.
#[derive(Clone, Copy)]
pub(super) enum Marker {
    Disc,
    Ring,
    Triangle,
    Square,
}

pub(super) fn marker(area: &Area, at: Point, marker: Marker, color: RGBColor) -> Drawn {
    let r = px(3.5);
    let square = |r: i32| [(at.0 - r, at.1 - r), (at.0 + r, at.1 + r)];
    match marker {
        Marker::Disc => area.draw(&Circle::new(at, r, filled(color))),
        Marker::Ring => {
            area.draw(&Circle::new(at, r, filled(WHITE)))?;
            area.draw(&Circle::new(at, r, line(color, 1.5)))
        }
        Marker::Triangle => area.draw(&TriangleMarker::new(at, r + px(1.0), filled(color))),
        Marker::Square => area.draw(&Rectangle::new(square(r - px(0.5)), filled(color))),
    }
}

/// The operating point: a diamond with a white rim, so that it stands out from the curve under it.
pub(super) fn diamond(area: &Area, (x, y): Point, color: RGBColor) -> Drawn {
    for (r, color) in [(px(8.0), WHITE), (px(6.0), color)] {
        area.draw(&Polygon::new(vec![(x - r, y), (x, y - r), (x + r, y), (x, y + r)], filled(color)))?;
    }
    Ok(())
}

/// Text at a point of the sheet.
pub(super) fn write(area: &Area, at: Point, content: &str, style: TextStyle) -> Drawn {
    area.draw(&Text::new(content, at, style))
}

/// Margins and titles around the axes of one panel.
pub(super) struct Panel<'t> {
    /// Space in pixels above, right of, below and left of the plotted rectangle.
    pub(super) margins: [f64; 4],
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Titles with units; an x axis without title also has no labels: a panel below carries them.
    pub(super) x_title: Option<&'t str>,
    pub(super) y_title: &'t str,
    /// Whether grid lines rise from the x axis.
    pub(super) x_grid: bool,
}

impl Panel<'_> {
    /// Draws axes, grid and titles and returns the plot to draw on.
    pub(super) fn draw<'a>(self, area: &Area<'a>) -> Drawn<Plot<'a>> {
        let [top, right, bottom, left] = self.margins.map(px);
        let mut plot = ChartBuilder::on(area)
            .margin_top(top)
            .margin_right(right)
            .set_label_area_size(plotters::chart::LabelAreaPosition::Bottom, bottom)
            .set_label_area_size(plotters::chart::LabelAreaPosition::Left, left)
            .build_cartesian_2d(self.x, self.y)?;
        let mut mesh = plot.configure_mesh();
        mesh.axis_style(line(GREY, 1.0))
            .bold_line_style(line(PALE, 0.8))
            .light_line_style(line(FAINT, 0.6))
            .label_style(text(12.0, INK, HPos::Center, VPos::Top))
            .set_all_tick_mark_size(px(4.0));
        if !self.x_grid {
            mesh.disable_x_mesh();
        }
        if self.x_title.is_none() {
            mesh.x_label_formatter(&|_| String::new());
        }
        mesh.draw()?;
        // plotters would set the titles against the outer edge of the sheet, where viewers clip rotated text.
        let ((left, top), (right, bottom)) = corners(&plot);
        let title = || text(12.5, INK, HPos::Center, VPos::Center);
        let (x0, y0) = area.get_base_pixel();
        let at = |x: i32, y: i32| (x - x0, y - y0);
        if let Some(x_title) = self.x_title {
            write(area, at((left + right) / 2, bottom + px(34.0)), x_title, title())?;
        }
        let y_title = title().transform(FontTransform::Rotate270);
        write(area, at(left - px(54.0), (top + bottom) / 2), self.y_title, y_title)?;
        Ok(plot)
    }
}

/// The corners of a plotted rectangle on the sheet: (left, top), (right, bottom).
pub(super) fn corners(plot: &Plot) -> (Point, Point) {
    let (x, y) = plot.plotting_area().get_pixel_range();
    ((x.start, y.start), (x.end, y.end))
}

/// A title above a plotted rectangle.
pub(super) fn caption(area: &Area, plot: &Plot, content: &str) -> Drawn {
    let ((left, top), _) = corners(plot);
    write(area, (left, top - px(8.0)), content, bold(13.0, INK, HPos::Left, VPos::Bottom))
}
