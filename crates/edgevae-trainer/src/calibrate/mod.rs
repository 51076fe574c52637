//! From scores to decisions: the threshold with its intervals, and the metrics of labelled rows.

mod beta_quantile;
pub mod metrics;
pub mod threshold;
