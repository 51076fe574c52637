//! From scores to decisions: the threshold with its intervals, and the metrics of labelled rows.

pub mod metrics;
pub mod threshold;
