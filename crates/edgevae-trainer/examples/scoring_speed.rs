//! Rows per second of the batch scorer from memory, for each instruction set of this machine and one or more threads.
//!
//! `cargo run --release -p edgevae-trainer --example scoring_speed -- MODEL.evae [SECONDS]` prints one JSON object a line;
//! `scripts/compare_onnxruntime.py` runs it beside onnxruntime.

use std::time::{Duration, Instant};

use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::score::{BatchScorer, InstructionSet, score_all};

/// Rows of a pass: few enough to stay in the second-level cache, so that memory is not what is measured.
const ROWS: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: scoring_speed MODEL.evae [SECONDS]")?;
    let seconds = arguments.next().map_or(Ok(1.0), |text| text.parse())?;
    let file = ModelFile::open(path.as_ref())?;
    let model = file.model()?;
    let rows = |rows: usize| -> Vec<f32> {
        let scaler = model.means().iter().zip(model.reciprocals()).cycle();
        let waves = scaler.take(rows * model.inputs()).enumerate();
        waves.map(|(i, (mean, reciprocal))| mean + (i as f32 * 0.7).sin() / reciprocal).collect()
    };
    let small = rows(ROWS);
    let mut scores = vec![0.0; ROWS];
    for set in [InstructionSet::Avx512, InstructionSet::Avx2, InstructionSet::Neon, InstructionSet::Portable] {
        let Some(mut scorer) = BatchScorer::with(&model, set) else { continue };
        let rate = best_rate(ROWS, seconds, || {
            scorer.score(&small, &mut scores).expect("the rows are near the training data");
        });
        println!("{{\"kernel\":\"{set:?}\",\"threads\":1,\"rows_per_second\":{rate:.0}}}");
    }
    let large = rows(64 * ROWS);
    for threads in [1, 2] {
        let rate = best_rate(64 * ROWS, seconds, || {
            score_all(&model, &large, threads).expect("the rows are near the training data");
        });
        println!("{{\"kernel\":\"fastest\",\"threads\":{threads},\"rows_per_second\":{rate:.0}}}");
    }
    Ok(())
}

/// Rows per second of the fastest of many passes: what the code can do when nobody else uses the machine.
fn best_rate(rows: usize, seconds: f64, mut pass: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = Duration::MAX;
    while start.elapsed().as_secs_f64() < seconds {
        let pass_start = Instant::now();
        pass();
        best = best.min(pass_start.elapsed());
    }
    rows as f64 / best.as_secs_f64()
}
