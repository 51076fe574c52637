//! Trains on a matrix, then explains, calibrates, quantizes and inspects the model.
//!
//! `cargo run --release -p edgevae-trainer --example ndarray`

use edgevae_trainer::options::Score;
use edgevae_trainer::{Options, Table, Trainer};
use ndarray::Array2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Four sensors; the second follows the first, but for every 40th row.
    let is_anomaly = |row: usize| row % 40 == 39;
    let matrix = Array2::from_shape_fn((2000, 4), |(row, column)| {
        let wave = |speed: f32| (row as f32 * speed).sin();
        match column {
            0 => wave(0.05),
            1 if is_anomaly(row) => 3.0,
            1 => wave(0.05) + 0.1 * wave(1.7),
            2 => wave(0.31),
            _ => wave(0.31) * wave(0.05),
        }
    });
    let labels: Vec<bool> = (0..matrix.nrows()).map(is_anomaly).collect();
    let table = Table::from_ndarray(["a", "b", "c", "d"], matrix.view())?.with_labels(&labels)?;

    let options = Options::default().hidden([16]).latent(2usize).epochs(20usize).score(Score::Mse);
    let run = Trainer::new(options).fit(&table)?;
    println!("ROC-AUC {:?}", run.quality().roc_auc);

    let model = run.model();
    let explained = model.explain(&table, 1)?;
    println!("row 40: {:?} contributes most", explained[39]);
    let (recalibrated, calibration) = model.calibrate(&table, 0.99)?;
    println!("threshold {} instead of {}", recalibrated.threshold(), model.threshold());
    println!("{} of {} normal rows above it", calibration.exceedances, calibration.rows);
    let (int8, report) = model.quantize(&table)?;
    println!("{report}");
    println!("{} bytes as int8, {} as float", int8.bytes().len(), model.bytes().len());
    println!("{}", model.inspect().text());
    Ok(())
}
