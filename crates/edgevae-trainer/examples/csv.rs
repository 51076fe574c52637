//! Trains on a CSV file, saves the model, and scores another file with it.
//!
//! `cargo run --release -p edgevae-trainer --example csv -- [FILE LABEL]`; without a file it writes one.

use std::ops::ControlFlow;
use std::path::PathBuf;

use edgevae_trainer::{Model, Options, Table, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("edgevae-example-csv");
    std::fs::create_dir_all(&folder)?;
    let mut arguments = std::env::args().skip(1);
    let (data, label) = match (arguments.next(), arguments.next()) {
        (Some(data), Some(label)) => (PathBuf::from(data), label),
        _ => (pump(&folder)?, "fault".to_owned()),
    };

    let table = Table::read([&data])?.label(label);
    let run = Trainer::new(Options::auto().epochs(10usize))
        .on_epoch(|epoch| {
            println!("epoch {}: objective {:.3}", epoch.epoch, epoch.objective);
            ControlFlow::Continue(())
        })
        .fit(&table)?;
    println!("ROC-AUC {:?} on the test rows", run.quality().roc_auc);

    let path = folder.join("model.evae");
    run.model().save(&path)?;
    let verdicts = Model::open(&path)?.score(&table)?;
    let found = verdicts.iter().filter(|verdict| verdict.is_anomaly).count();
    println!("{found} of {} rows above the threshold {}", verdicts.len(), run.model().threshold());
    Ok(())
}

/// A pump whose pressure follows its speed, but for a few rows.
fn pump(folder: &std::path::Path) -> std::io::Result<PathBuf> {
    let mut text = String::from("speed,pressure,current,fault\n");
    for row in 0..2000 {
        let fault = row % 50 == 49;
        let wave = |period: f64| (row as f64 / period).sin();
        let (speed, noise) = (1500.0 + 300.0 * wave(40.0), 0.05 * wave(0.7));
        let pressure = if fault { 1.0 } else { speed / 500.0 } + noise;
        text += &format!("{speed:.1},{pressure:.3},{:.3},{}\n", speed / 1000.0 + 0.1 * wave(1.3), u8::from(fault));
    }
    let path = folder.join("pump.csv");
    std::fs::write(&path, text)?;
    Ok(path)
}
