//! Which sensor was it? Single-sensor faults through the whole path: train, score, and the sensor named first.

use std::fmt::Write as _;
use std::fs;

use edgevae_tests::edgevae;
use edgevae_trainer::options::Score;

const SENSORS: usize = 8;
/// Standard deviations of its own by which a broken sensor reads too high or too low.
const FAULT: f64 = 6.0;

/// Numbers of a small generator, uniform in [-1, 1), with the variance of a third.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// One row of sensors that follow two hidden states of the machine, each in units of its own.
    fn row(&mut self) -> [f64; SENSORS] {
        let (load, heat) = (self.next(), self.next());
        std::array::from_fn(|sensor| {
            let angle = sensor as f64 * 0.7;
            let value = 1.5 * (load * angle.cos() + heat * angle.sin()) + 0.5 * self.next();
            100.0 * sensor as f64 + (1.0 + sensor as f64) * value
        })
    }
}

fn csv(rows: &[[f64; SENSORS]]) -> String {
    let mut text = (0..SENSORS).map(|sensor| format!("s{sensor}")).collect::<Vec<_>>().join(",") + "\n";
    for row in rows {
        writeln!(text, "{}", row.map(|value| value.to_string()).join(",")).unwrap();
    }
    text
}

#[test]
fn the_broken_sensor_is_named_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut draws = Draws(1);
    let normal: Vec<_> = (0..1500).map(|_| draws.row()).collect();
    fs::write(dir.path().join("normal.csv"), csv(&normal)).unwrap();
    let faults: Vec<_> = (0..400)
        .map(|fault| {
            let mut row = draws.row();
            let sensor = fault % SENSORS;
            let sign = if (fault / SENSORS).is_multiple_of(2) { 1.0 } else { -1.0 };
            row[sensor] += sign * FAULT * 0.93 * (1.0 + sensor as f64);
            row
        })
        .collect();
    fs::write(dir.path().join("faults.csv"), csv(&faults)).unwrap();
    let by_auto = ["--contamination 0", "--contamination auto"].map(str::to_owned);
    let by_hand = Score::ALL.map(|score| format!("--score {}", score.name()));
    for choice in by_auto.into_iter().chain(by_hand) {
        let run = choice.replace([' ', '-'], "");
        edgevae(dir.path(), &format!("train --data normal.csv --test-fraction 0 --quiet {choice} --out {run}")).ok();
        let scored =
            edgevae(dir.path(), &format!("score --model {run}/model.evae --data faults.csv --explain 3 --quiet")).ok();
        let mut lines = scored.lines();
        assert_eq!(lines.next().unwrap().split(',').nth(3), Some("feature_1"));
        let named =
            lines.enumerate().filter(|(fault, line)| line.split(',').nth(3) == Some(&format!("s{}", fault % SENSORS)));
        let share = named.count() as f64 / 400.0;
        println!("{choice}: the broken sensor is named first in {:.1} % of 400 faults", 100.0 * share);
        assert!(share >= 0.95, "{choice}: {share}");
    }
}
