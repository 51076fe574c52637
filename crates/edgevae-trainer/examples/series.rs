//! Trains on a series of two machines in memory: times, groups, categories, missing cells, labels and windows.
//!
//! `cargo run --release -p edgevae-trainer --example series`

use edgevae_trainer::run::Event;
use edgevae_trainer::table::memory::Column;
use edgevae_trainer::{Options, Table, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = 1200;
    let minute = |row: usize| format!("2024-01-{:02}T{:02}:{:02}:00", 1 + row / 1440, row / 60 % 24, row % 60);
    let text = |of: &dyn Fn(usize) -> String| Column::Text((0..2 * rows).map(|row| Some(of(row % rows))).collect());
    let is_anomaly = |row: usize| (500..520).contains(&(row % rows));
    let numbers = |of: &dyn Fn(usize) -> f32| Column::Numbers((0..2 * rows).map(of).collect());
    let temperature = |row: usize| 20.0 + (row as f32 / 30.0).sin() + if is_anomaly(row) { 4.0 } else { 0.0 };
    // A sensor that fails now and then.
    let pressure = |row: usize| if row.is_multiple_of(97) { f32::NAN } else { 2.0 + (row as f32 / 50.0).cos() };

    let table = Table::from_columns([
        ("t", text(&minute)),
        ("machine", Column::Text((0..2 * rows).map(|row| Some(["A", "B"][row / rows].into())).collect())),
        ("mode", text(&|row| ["run", "run", "idle"][row / 40 % 3].into())),
        ("temperature", numbers(&temperature)),
        ("pressure", numbers(&pressure)),
    ])?
    .with_labels(&(0..2 * rows).map(is_anomaly).collect::<Vec<_>>())?
    .time("t")
    .group("machine");

    let options = Options::default().window(8u16).stride(2u16).latent(4usize).epochs(15usize).threads(2usize);
    let options = options.missing(edgevae_trainer::table::options::Missing::Indicator);
    let run = Trainer::new(options)
        .on_event(|event| match event {
            Event::Note(text) | Event::Warning(text) => println!("{text}"),
            _ => {}
        })
        .fit(&table)?;
    let verdicts = run.model().score(&table)?;
    let found = verdicts.iter().filter(|verdict| verdict.is_anomaly).count();
    println!("{found} of {} windows above the threshold; ROC-AUC {:?}", verdicts.len(), run.quality().roc_auc);
    Ok(())
}
