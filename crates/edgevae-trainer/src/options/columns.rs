//! What the user says about columns and the order of rows.

use edgevae_core::format::input::{Clock, WindowSpec};
use serde::{Deserialize, Serialize};

use super::SplitBy;
use crate::table::time;

/// A column whose readings lie on a circle.
#[derive(Clone, Debug, PartialEq)]
pub struct Cyclic {
    /// Its name.
    pub column: String,
    /// Its period, in the unit of the readings.
    pub period: f32,
    /// What a reading is.
    pub clock: Clock,
}

impl std::fmt::Display for Cyclic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { column, period, clock } = self;
        match clock {
            Clock::Value | Clock::Signed | Clock::Turns => write!(f, "{column}:{period}"),
            Clock::Day => write!(f, "{column}:day"),
            Clock::Week => write!(f, "{column}:week"),
            Clock::Year => write!(f, "{column}:year"),
        }
    }
}

impl Serialize for Cyclic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cyclic {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Cyclic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "`{text}`; expected COLUMN:PERIOD with day, week, year or a number, as in time:day or wind_direction:360"
            )
        };
        let (column, period) = text.rsplit_once(':').filter(|(column, _)| !column.is_empty()).ok_or_else(error)?;
        let clock = match period {
            "day" => Clock::Day,
            "week" => Clock::Week,
            "year" => Clock::Year,
            _ => Clock::Value,
        };
        let number = period.parse().ok().filter(|period: &f32| period.is_finite() && *period > 0.0);
        let period = if clock == Clock::Value { number.ok_or_else(error)? } else { time::period(clock) };
        Ok(Self { column: column.to_owned(), period, clock })
    }
}

/// What the user says about columns and order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The column of times.
    pub time: Option<String>,
    /// The column of groups.
    pub group: Option<String>,
    /// Columns that are categories whatever they hold.
    pub categorical: Vec<String>,
    /// Cyclic columns.
    pub cyclic: Vec<Cyclic>,
    /// Rows that are looked at together.
    pub window: Option<WindowSpec>,
}

impl Request {
    pub(crate) fn is_cyclic(&self, name: &str) -> bool {
        self.cyclic.iter().any(|cyclic| cyclic.column == name)
    }

    /// Whether every cell has to be looked at.
    pub(crate) fn needs_survey(&self) -> bool {
        self.time.is_some() || self.group.is_some() || !self.categorical.is_empty() || !self.cyclic.is_empty()
    }
}

/// Samples that are left out between the two parts of a chronological split: those whose windows reach into both.
pub fn split_gap(window: Option<WindowSpec>) -> usize {
    window.map_or(0, |window| usize::from(window.rows).saturating_sub(1).div_ceil(usize::from(window.stride).max(1)))
}

/// The column of a split by groups.
pub fn group_column(split: &SplitBy) -> Option<String> {
    if let SplitBy::Group(column) = split { Some(column.clone()) } else { None }
}
