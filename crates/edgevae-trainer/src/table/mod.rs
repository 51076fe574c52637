//! Tables of sensor rows and where they come from.
//!
//! A [`source`] hands out [`block`]s of rows of a [`csv`], [`jsonl`] or Parquet file, [`pipeline`] takes them through
//! worker threads in order, [`load`] collects them; [`synthetic`] generates a table.

pub mod block;
pub mod csv;
mod detect;
pub mod error;
pub(crate) mod files;
pub mod form;
mod given;
mod json_array;
pub mod jsonl;
pub mod load;
pub mod memory;
mod number;
mod opened;
pub mod options;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod paths;
pub mod pipeline;
pub mod reading;
mod ready;
pub mod scan;
pub mod shuffled;
pub mod size;
pub mod source;
pub mod synthetic;
mod text;
pub mod time;

pub use given::{Rows, Table};

use std::collections::HashSet;

use ndarray::{Array2, Axis};

/// Rows of sensor values in raw units, with labels where the source has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Column names, one for each feature, in the order of the columns of `features`.
    pub names: Vec<String>,
    /// Raw sensor values, `[ROWS, IN]`. A missing cell is NaN, and only where the missing-value policy admits it.
    pub features: Array2<f32>,
    /// `true` marks an anomaly; `None` when the source has no label column.
    pub labels: Option<Vec<bool>>,
    /// Which group each row belongs to, for a split by groups; empty where there are none.
    pub groups: Vec<u32>,
    /// The column that each feature was made of, one for each feature; empty where features are columns as they are.
    pub origins: Vec<String>,
}

impl Dataset {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.features.nrows()
    }

    /// The number of anomalies, `None` without labels.
    pub fn anomalies(&self) -> Option<usize> {
        self.labels.as_ref().map(|labels| labels.iter().filter(|&&anomaly| anomaly).count())
    }

    /// The given rows, in the given order, as a table of their own.
    ///
    /// # Panics
    /// When an index is not below [`Dataset::rows`].
    pub fn select(&self, rows: &[usize]) -> Dataset {
        Dataset {
            names: self.names.clone(),
            features: self.features.select(Axis(0), rows),
            labels: self.labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect()),
            groups: if self.groups.is_empty() { vec![] } else { rows.iter().map(|&row| self.groups[row]).collect() },
            origins: self.origins.clone(),
        }
    }

    /// Columns all of whose features are among the `constant` ones, which are given by their places in ascending order.
    pub fn constant_columns(&self, constant: &[usize]) -> Vec<String> {
        if self.origins.is_empty() {
            return constant.iter().map(|&feature| self.names[feature].clone()).collect();
        }
        let varies = |at: &usize| constant.binary_search(at).is_err();
        let mut known: HashSet<&String> = (0..self.origins.len()).filter(varies).map(|at| &self.origins[at]).collect();
        self.origins.iter().filter(|&column| known.insert(column)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn select_takes_rows_and_labels_in_the_order_asked() {
        let table = Dataset {
            names: vec!["a".into(), "b".into()],
            features: array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
            labels: Some(vec![false, true, false]),
            groups: vec![4, 5, 6],
            ..Dataset::default()
        };
        let chosen = table.select(&[2, 1]);
        assert_eq!(chosen.groups, [6, 5]);
        assert_eq!(chosen.features, array![[5.0, 6.0], [3.0, 4.0]]);
        assert_eq!(chosen.labels, Some(vec![false, true]));
        assert_eq!((chosen.rows(), chosen.anomalies()), (2, Some(1)));
    }

    #[test]
    fn a_column_is_constant_when_all_its_features_are() {
        let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let plain = Dataset { names: strings(&["a", "b"]), ..Dataset::default() };
        assert_eq!(plain.constant_columns(&[1]), ["b"]);
        let names = strings(&["a=x", "a=other", "b", "b missing", "c mean", "c min"]);
        let encoded = Dataset { names, origins: strings(&["a", "a", "b", "b", "c", "c"]), ..Dataset::default() };
        assert_eq!(encoded.constant_columns(&[1, 2, 3, 5]), ["b"]);
    }
}
