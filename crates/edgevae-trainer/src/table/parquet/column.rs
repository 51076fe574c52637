//! What a column of a Parquet file holds.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::schema::types::ColumnDescriptor;

/// What a column holds, when that cannot be a feature or a label.
pub fn unfit(column: &ColumnDescriptor, as_text: bool) -> Option<String> {
    if column.max_rep_level() > 0 {
        return Some("lists".into());
    }
    let is_integer = matches!(column.logical_type_ref(), None | Some(LogicalType::Integer(_)))
        && matches!(
            column.converted_type(),
            ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64
                | ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64
        );
    if column.converted_type() == ConvertedType::DECIMAL {
        return Some("decimals".into());
    }
    match column.physical_type() {
        Type::BOOLEAN | Type::FLOAT | Type::DOUBLE => None,
        Type::INT32 | Type::INT64 if is_integer => None,
        Type::BYTE_ARRAY if as_text => None,
        Type::INT32 | Type::INT64 | Type::INT96 if as_text && Unit::of(column).is_some() => None,
        Type::INT32 | Type::INT64 => Some(format!("dates or times ({:?})", column.converted_type())),
        Type::BYTE_ARRAY => Some("text".into()),
        other => Some(format!("{other}")),
    }
}

/// A wanted column.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its place in the file.
    pub index: usize,
    /// It holds unsigned integers.
    pub unsigned: bool,
    /// Definition level of a value that is no null.
    pub present: i16,
    /// It holds times.
    pub unit: Option<Unit>,
}

/// The unit of a column of times since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    Days,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Unit {
    fn of(column: &ColumnDescriptor) -> Option<Self> {
        use parquet::basic::TimeUnit;
        match (column.logical_type_ref(), column.converted_type(), column.physical_type()) {
            (_, _, Type::INT96) => Some(Self::Nanoseconds),
            (Some(LogicalType::Timestamp(time)), ..) => Some(match time.unit {
                TimeUnit::MILLIS => Self::Milliseconds,
                TimeUnit::MICROS => Self::Microseconds,
                TimeUnit::NANOS => Self::Nanoseconds,
            }),
            (_, ConvertedType::DATE, _) => Some(Self::Days),
            (_, ConvertedType::TIMESTAMP_MILLIS, _) => Some(Self::Milliseconds),
            (_, ConvertedType::TIMESTAMP_MICROS, _) => Some(Self::Microseconds),
            _ => None,
        }
    }

    /// The time as text in ISO 8601.
    pub fn text(self, value: i64) -> Vec<u8> {
        let nanoseconds = i128::from(value)
            * match self {
                Self::Days => 86_400_000_000_000,
                Self::Milliseconds => 1_000_000,
                Self::Microseconds => 1_000,
                Self::Nanoseconds => 1,
            };
        let time = jiff::Timestamp::from_nanosecond(nanoseconds);
        time.map_or_else(|_| value.to_string(), |time| time.to_string()).into_bytes()
    }
}

impl Column {
    pub fn of(index: usize, column: &ColumnDescriptor) -> Self {
        use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
        let unsigned = matches!(column.converted_type(), UINT_8 | UINT_16 | UINT_32 | UINT_64);
        Self { index, unsigned, present: column.max_def_level(), unit: Unit::of(column) }
    }
}
