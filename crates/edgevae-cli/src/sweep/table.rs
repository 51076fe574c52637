//! Tables of a sweep: one row for each run, and means over seeds.

use std::collections::BTreeSet;
use std::fmt;

use super::grid::Point;
use super::record::{Numbers, Record};

/// Mean and sample standard deviation of a number over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    /// Mean over the runs that have the number.
    pub mean: f64,
    /// Sample standard deviation (divided by `n - 1`); `None` for a single run.
    pub deviation: Option<f64>,
}

impl Statistic {
    /// Of these values; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        (!values.is_empty()).then_some(Self { mean, deviation })
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        write!(f, "{:.decimals$}", self.mean)?;
        self.deviation.map_or(Ok(()), |deviation| write!(f, " ± {deviation:.decimals$}"))
    }
}

/// The runs of one configuration, over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Name and value of each option that varies over the sweep.
    pub varied: Vec<(String, String)>,
    /// Seeds whose run finished with numbers.
    pub runs: usize,
    /// Seeds whose run failed.
    pub failed: usize,
    /// In the order of the columns of the table.
    pub numbers: Vec<Option<Statistic>>,
}

/// Heading, decimals and value of a column.
type Column = (&'static str, usize, fn(&Numbers) -> Option<f64>);

/// Columns of the tables. Times are left out: they are the machine's.
const COLUMNS: [Column; 6] = [
    ("reconstruction", 3, |n| Some(n.reconstruction_loss)),
    ("KL", 3, |n| Some(n.kl)),
    ("active latents", 1, |n| Some(n.active_latents as f64)),
    ("ROC-AUC", 4, |n| n.roc_auc),
    ("average precision", 4, |n| n.average_precision),
    ("F1", 4, |n| n.f1),
];

impl Row {
    /// A column's statistic, by its heading.
    pub fn number(&self, heading: &str) -> Option<Statistic> {
        COLUMNS.iter().position(|column| column.0 == heading).and_then(|at| self.numbers[at])
    }
}

/// Groups the runs of each configuration, in the order of the grid.
pub fn rows(points: &[Point], records: &[Record]) -> Vec<Row> {
    type Runs<'a> = (&'a [(String, String)], Vec<&'a Record>);
    let mut configurations: Vec<Runs> = Vec::new();
    for (point, record) in points.iter().zip(records) {
        match configurations.iter_mut().find(|(varied, _)| *varied == point.varied) {
            Some((_, records)) => records.push(record),
            None => configurations.push((&point.varied, vec![record])),
        }
    }
    let row = |(varied, records): Runs| {
        let finished: Vec<&Numbers> = records.iter().filter_map(|record| record.outcome.as_ref().ok()).collect();
        let statistic = |column: &Column| {
            Statistic::of(&finished.iter().filter_map(|numbers| column.2(numbers)).collect::<Vec<_>>())
        };
        Row {
            varied: varied.to_vec(),
            runs: finished.len(),
            failed: records.len() - finished.len(),
            numbers: COLUMNS.iter().map(statistic).collect(),
        }
    };
    configurations.into_iter().map(row).collect()
}

/// Headings of [`cells`].
pub fn headings(rows: &[Row]) -> Vec<String> {
    let varied = rows.first().map_or(&[][..], |row| &row.varied);
    let options = varied.iter().map(|(name, _)| name.clone());
    options.chain(["runs".to_owned()]).chain(COLUMNS.iter().map(|column| column.0.to_owned())).collect()
}

/// A row as text: options, number of runs, mean ± standard deviation of each column.
pub fn cells(row: &Row) -> Vec<String> {
    let runs = if row.failed == 0 { row.runs.to_string() } else { format!("{} ({} failed)", row.runs, row.failed) };
    let numbers = row.numbers.iter().zip(COLUMNS).map(|(number, (_, decimals, _))| match number {
        Some(statistic) => format!("{statistic:.decimals$}"),
        None => "not measured".to_owned(),
    });
    row.varied.iter().map(|(_, value)| value.clone()).chain([runs]).chain(numbers).collect()
}

/// The table in Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let headings = headings(rows);
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|c| c.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|{}\n", "---|".repeat(headings.len()));
    rows.iter().fold(line(&headings) + &rule, |text, row| text + &line(&cells(row)))
}

/// `sweep.csv`: one row for each run, its options by name and its numbers; a number that does not exist is empty.
pub fn csv(points: &[Point], records: &[Record]) -> Vec<u8> {
    let options: Vec<toml::Table> = points
        .iter()
        .map(|point| toml::Table::try_from(point.config.resolved()).expect("options always serialize"))
        .collect();
    let names: BTreeSet<&str> = options.iter().flat_map(|table| table.keys().map(String::as_str)).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| *name != "threads").collect();
    let mut out = csv::Writer::from_writer(Vec::new());
    let numbers = [
        "reconstruction_loss",
        "kl",
        "objective",
        "active_latents",
        "roc_auc",
        "average_precision",
        "f1",
        "false_alarm_rate",
        "threshold",
        "multiply_adds",
        "model_bytes",
        "model_checksum",
        "epochs_run",
        "fit_seconds",
        "error",
    ];
    out.write_record(names.iter().copied().chain(numbers)).expect("memory takes all");
    for (table, record) in options.iter().zip(records) {
        let option = |name: &&str| table.get(*name).map(plain).unwrap_or_default();
        let (values, error) = match &record.outcome {
            Ok(numbers) => (values(numbers), String::new()),
            Err(reason) => (vec![String::new(); numbers.len() - 1], reason.clone()),
        };
        out.write_record(names.iter().map(option).chain(values).chain([error])).expect("memory takes all");
    }
    out.into_inner().expect("memory takes all")
}

fn values(numbers: &Numbers) -> Vec<String> {
    let optional = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    vec![
        numbers.reconstruction_loss.to_string(),
        numbers.kl.to_string(),
        numbers.objective.to_string(),
        numbers.active_latents.to_string(),
        optional(numbers.roc_auc),
        optional(numbers.average_precision),
        optional(numbers.f1),
        optional(numbers.false_alarm_rate),
        numbers.threshold.to_string(),
        numbers.multiply_adds.to_string(),
        numbers.model_bytes.to_string(),
        numbers.model_checksum.clone(),
        numbers.epochs.to_string(),
        format!("{:.3}", numbers.fit_seconds),
    ]
}

/// A value as a flag takes it.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        // An `f32` option becomes an `f64` with digits that nobody wrote.
        toml::Value::Float(value) => {
            let short = *value as f32;
            if f64::from(short) == *value { short.to_string() } else { value.to_string() }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Key;
    use edgevae_trainer::options::config::Config;

    fn record(roc_auc: Option<f64>, kl: f64) -> Record {
        let key = Key { store: 2, config: String::new(), data: None, tool: String::new() };
        let outcome = Ok(Numbers {
            reconstruction_loss: 4.5,
            kl,
            objective: 6.0,
            active_latents: 3,
            roc_auc,
            average_precision: None,
            f1: Some(0.5),
            false_alarm_rate: Some(0.05),
            threshold: 1.25,
            multiply_adds: 100,
            model_bytes: 2000,
            model_checksum: "00000007".into(),
            epochs: 50,
            fit_seconds: 1.5,
        });
        Record { key, outcome }
    }

    fn point(beta: f32, seed: u64) -> Point {
        let config = Config { beta: Some(beta), seed: Some(seed), hidden: Some(vec![64, 32]), ..Config::default() };
        Point { config, varied: vec![("beta".into(), beta.to_string())], seed }
    }

    #[test]
    fn means_and_deviations_are_those_of_the_seeds_of_one_configuration() {
        let points = [point(0.0, 0), point(0.0, 1), point(0.5, 0)];
        let records = [record(Some(0.98), 1.0), record(Some(0.96), 4.0), record(None, 0.0)];
        let rows = rows(&points, &records);
        assert_eq!(rows.iter().map(|row| row.runs).collect::<Vec<_>>(), [2, 1]);
        let auc = rows[0].number("ROC-AUC").unwrap();
        assert!((auc.mean - 0.97).abs() < 1e-12 && (auc.deviation.unwrap() - 0.02 / 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(rows[1].number("ROC-AUC"), None);
        let expected = "| beta | runs | reconstruction | KL | active latents | ROC-AUC | average precision | F1 |\n\
                        |---|---|---|---|---|---|---|---|\n\
                        | 0 | 2 | 4.500 ± 0.000 | 2.500 ± 2.121 | 3.0 ± 0.0 | 0.9700 ± 0.0141 | not measured | 0.5000 ± 0.0000 |\n\
                        | 0.5 | 1 | 4.500 | 0.000 | 3.0 | not measured | not measured | 0.5000 |\n";
        assert_eq!(markdown(&rows), expected);
    }

    #[test]
    fn a_failed_run_is_counted_and_its_reason_is_in_the_csv() {
        let points = [point(0.5, 0), point(0.5, 1)];
        let failed = Record { outcome: Err("epoch 3: not finite".into()), ..record(None, 0.0) };
        let records = [record(Some(0.9), 1.0), failed];
        let rows = rows(&points, &records);
        assert_eq!(cells(&rows[0])[1], "1 (1 failed)");
        let text = String::from_utf8(csv(&points, &records)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("batch-size,beta,beta-schedule,"), "{text}");
        assert!(lines[1].contains(",0.5,linear,") && lines[1].contains("\"64,32\""), "{text}");
        assert!(lines[2].ends_with(",,,epoch 3: not finite"), "{text}");
        assert!(!lines[0].contains("threads"), "{text}");
    }
}
