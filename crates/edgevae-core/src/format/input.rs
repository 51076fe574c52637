//! The input section of a model file: how a row of raw readings becomes a row of the model's features.

use serde::Serialize;

use super::reader::Reader;
use crate::error::LoadError;

/// A section as it is written: one postcard value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct InputSection<'a> {
    /// Number of raw columns.
    pub columns: u16,
    /// The [`Column`]s, each a postcard value, one after the other.
    pub encoded: &'a [u8],
    /// The rows that are looked at together; `None`: each row by itself.
    pub window: Option<WindowSpec>,
}

/// One raw column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// What a missing reading (NaN) becomes.
    pub absent: Absent,
    /// What a reading becomes.
    pub kind: Kind<'a>,
}

/// What a missing reading becomes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Absent {
    /// An error.
    Refused,
    /// This value in its place (for a cyclic column the centre of the circle, for a category none of the levels).
    Filled(f32),
    /// The same, and a feature more that is 1, and else 0.
    Indicated(f32),
}

/// What a reading becomes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Kind<'a> {
    /// One feature: the reading itself.
    Number,
    /// One feature: 0 or 1, which a file may spell false and true.
    Boolean,
    /// One feature for each level and one for all others; the level's is 1, the rest 0. A reading is the place of its
    /// level, from 0.
    Category {
        /// Number of levels.
        count: u16,
        /// What the feature for other levels is when it is not 0.
        other: f32,
        /// The levels in their order, postcard strings one after the other.
        levels: &'a [u8],
    },
    /// Two features: sine and cosine of the reading's place in its period.
    Cyclic {
        /// In the unit of the readings; positive.
        period: f32,
        /// What a reading is.
        of: Clock,
    },
}

/// What a reading of a cyclic column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Clock {
    /// The cell itself.
    Value,
    /// Seconds since midnight of a time.
    Day,
    /// Seconds since midnight before the last Monday.
    Week,
    /// Seconds since the year began.
    Year,
    /// The cell itself, from minus half a period to half a period, as angles of ±180 degrees are.
    Signed,
    /// The cell itself, which goes on counting: any number of periods, of either sign.
    Turns,
}

/// Rows that are looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WindowSpec {
    /// How many; at least 1.
    pub rows: u16,
    /// Rows from the end of one window to the end of the next; at least 1.
    pub stride: u16,
    /// What becomes of them.
    pub features: WindowFeatures,
}

/// What becomes of the rows of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum WindowFeatures {
    /// All their values, the oldest row first.
    Lags,
    /// Of each value mean, standard deviation, least, greatest, and last minus first.
    Summary,
}

/// Features that a summary makes of one value.
pub const SUMMARY: usize = 5;

impl WindowSpec {
    /// Each row by itself.
    pub const ROW: Self = Self { rows: 1, stride: 1, features: WindowFeatures::Lags };

    /// Features of a window over rows of `encoded` values; `None` where that is beyond `usize`.
    pub fn outputs(self, encoded: usize) -> Option<usize> {
        match self.features {
            WindowFeatures::Lags => encoded.checked_mul(usize::from(self.rows)),
            WindowFeatures::Summary => encoded.checked_mul(SUMMARY),
        }
    }
}

impl Column<'_> {
    /// Number of features that a reading becomes.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 65,535 + 2")]
    pub fn encoded_len(&self) -> usize {
        let indicator = usize::from(matches!(self.absent, Absent::Indicated(_)));
        let features = match self.kind {
            Kind::Number | Kind::Boolean => 1,
            Kind::Category { count, .. } => usize::from(count) + 1,
            Kind::Cyclic { .. } => 2,
        };
        features + indicator
    }

    /// That its numbers can encode.
    fn is_sound(&self) -> bool {
        let filled = match self.absent {
            Absent::Refused => true,
            Absent::Filled(fill) | Absent::Indicated(fill) => fill.is_finite(),
        };
        let kind = match self.kind {
            Kind::Number | Kind::Boolean => true,
            Kind::Category { count, other, levels } => {
                super::count_names(levels) == Some(usize::from(count)) && other.is_finite() && other > 0.0
            }
            Kind::Cyclic { period, .. } => period.is_finite() && period > 0.0,
        };
        filled && kind
    }
}

/// The columns of a section, parsed as they are asked for.
#[derive(Clone, Debug)]
pub struct Columns<'a>(Reader<'a>);

impl<'a> Iterator for Columns<'a> {
    type Item = Column<'a>;

    fn next(&mut self) -> Option<Column<'a>> {
        self.0.column()
    }
}

/// A section that was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'a> {
    pub columns: u16,
    /// Features that a raw row becomes.
    pub encoded: usize,
    pub window: WindowSpec,
    /// As it was written.
    pub section: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Checked<'a> {
    /// The section, when it is whole, nothing trails, and every column can encode.
    ///
    /// # Errors
    /// [`LoadError::Newer`] for a kind of column or window that this build does not know, else [`LoadError::Input`].
    pub fn of(section: &'a [u8]) -> Result<Self, LoadError> {
        let (mut reader, mut columns) = (Reader::new(section), Reader::new(&[]));
        let checked = Self::read(section, &mut reader, &mut columns);
        checked.ok_or(if reader.newer || columns.newer { LoadError::Newer } else { LoadError::Input })
    }

    fn read(section: &'a [u8], reader: &mut Reader<'a>, rest: &mut Reader<'a>) -> Option<Self> {
        let columns = reader.number()?;
        let bytes = reader.slice()?;
        let window = match reader.byte()? {
            0 => WindowSpec::ROW,
            1 => reader.window()?,
            _ => return None,
        };
        rest.bytes = bytes;
        let mut encoded = 0_usize;
        for _ in 0..columns {
            let column = rest.column()?;
            encoded = encoded.checked_add(column.encoded_len()).filter(|_| column.is_sound())?;
        }
        let whole = columns > 0 && reader.bytes.is_empty() && rest.bytes.is_empty();
        (whole && window.rows > 0 && window.stride > 0).then_some(Self { columns, encoded, window, section, bytes })
    }

    pub fn columns(&self) -> Columns<'a> {
        Columns(Reader::new(self.bytes))
    }
}

impl<'a> Reader<'a> {
    fn float(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    fn column(&mut self) -> Option<Column<'a>> {
        Some(Column {
            name: self.str()?,
            absent: match self.variant(3)? {
                0 => Absent::Refused,
                1 => Absent::Filled(self.float()?),
                _ => Absent::Indicated(self.float()?),
            },
            kind: match self.variant(4)? {
                0 => Kind::Number,
                1 => Kind::Boolean,
                2 => Kind::Category { count: self.number()?, other: self.float()?, levels: self.slice()? },
                _ => Kind::Cyclic {
                    period: self.float()?,
                    of: match self.variant(6)? {
                        0 => Clock::Value,
                        1 => Clock::Day,
                        2 => Clock::Week,
                        3 => Clock::Year,
                        4 => Clock::Signed,
                        _ => Clock::Turns,
                    },
                },
            },
        })
    }

    fn window(&mut self) -> Option<WindowSpec> {
        Some(WindowSpec {
            rows: self.number()?,
            stride: self.number()?,
            features: match self.variant(2)? {
                0 => WindowFeatures::Lags,
                _ => WindowFeatures::Summary,
            },
        })
    }
}
