//! A reading far outside the training data is an anomaly to the command as it is to the device, whatever the head.

use std::fs;
use std::path::Path;

use edgevae_core::{LoadError, Model, QuantizedModel, SliceDetector};
use edgevae_tests::edgevae;
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::score::{RowScorer, RowVerdict};

/// Models of earlier releases: their heads call a sensor at 1e15 normal.
const FILES: [&str; 2] = ["isolation-v1.evae", "mahalanobis-clip8.evae"];

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// 720 samples with one sensor at this magnitude, and as many without.
fn samples(magnitude: f32) -> Vec<[f32; 5]> {
    let far = (0..720_usize).map(|at| {
        let mut sample = near(at);
        sample[at % 5] = if at / 5 % 2 == 0 { magnitude } else { -magnitude };
        sample
    });
    far.chain((0..720).map(near)).collect()
}

fn near(at: usize) -> [f32; 5] {
    std::array::from_fn(|x| ((at * 31 + x * 17) % 97) as f32 / 48.0 - 1.0)
}

#[test]
fn one_sensor_far_out_is_an_anomaly_of_today_s_files_and_the_desk_agrees_with_the_device() {
    for name in FILES {
        let file = ModelFile::open(&data(name)).unwrap();
        let model: Model<'_> = file.model().unwrap();
        let (any, mut scratch) = (file.any().unwrap(), vec![0.0; model.scratch_len()]);
        let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
        for power in 3..=19 {
            let samples = samples(10_f32.powi(power));
            let mut verdicts = Vec::new();
            RowScorer::new(&any).score(samples.as_flattened(), &mut verdicts).unwrap();
            for (at, (sample, desk)) in samples.iter().zip(&verdicts).enumerate() {
                let device = detector.score(sample).unwrap();
                let out_of_range = device.out_of_range.then_some(true);
                let expected = RowVerdict { score: device.score, is_anomaly: device.is_anomaly, out_of_range };
                assert_eq!(*desk, expected, "{name}: {sample:?}");
                assert_eq!(device.out_of_range, at < 720, "{name}: {sample:?}");
            }
        }
    }
}

#[test]
fn the_command_flags_it_names_the_column_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let rows = "0.07,0.2,-0.7,0.16,-0.6\n1e15,0.2,-0.7,0.16,-0.6\n0.07,1e15,-0.7,0.16,-0.6\n0.07,0.2,1e15,0.16,-0.6\n\
                0.07,0.2,-0.7,1e15,-0.6\n0.07,0.2,-0.7,0.16,1e15\n0.07,0.2,-0.7,0.16,-1e15\n";
    fs::write(dir.path().join("iso.csv"), format!("f0,f1,f2,f3,f4\n{rows}")).unwrap();
    for name in FILES {
        let model = data(name);
        let command = format!("score --model {} --data iso.csv --explain 1 --out -", model.display());
        let ran = edgevae(dir.path(), &command);
        let found: Vec<Vec<&str>> = ran.stdout.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let verdicts: Vec<&str> = found.iter().map(|row| row[2]).collect();
        assert_eq!(verdicts, ["0", "1", "1", "1", "1", "1", "1"], "{name}: {}", ran.stdout);
        let named: Vec<&str> = found[1..].iter().map(|row| row[3]).collect();
        assert_eq!(named, ["f0", "f1", "f2", "f3", "f4", "f4"], "{name}: {}", ran.stdout);
        assert!(ran.stderr.contains("(6 have a reading beyond the range of the model)"), "{}", ran.stderr);
        assert!(ran.stdout.starts_with("row,score,is_anomaly,feature_1,contribution_1\n"), "{}", ran.stdout);
    }
}

#[test]
fn an_int8_file_that_shows_another_threshold_than_it_has_is_refused() {
    let file = data("int8-contradiction.evae");
    let bytes = ModelFile::from_bytes(&fs::read(&file).unwrap());
    assert_eq!(QuantizedModel::from_bytes(bytes.bytes()).unwrap_err(), LoadError::Threshold);
    let dir = tempfile::tempdir().unwrap();
    let expected = ["int8-contradiction.evae", "not the one that the file shows", "calibrate the model again"];
    edgevae(dir.path(), &format!("inspect {}", file.display())).fails_with(&expected);
}
