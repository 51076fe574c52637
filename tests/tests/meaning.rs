//! What columns mean stays the same from training to scoring, or is said.

use std::fs;

use edgevae_tests::edgevae;

/// A temperature that depends on the mode, which `spell` writes.
fn table(rows: usize, spell: impl Fn(usize) -> String) -> String {
    let row = |row: usize| {
        let mode = row / 7 % 3;
        format!("{},{}\n", 20.0 + 10.0 * mode as f32 + (row * 37 % 101) as f32 / 50.0, spell(mode))
    };
    String::from("temp,mode\n") + &(0..rows).map(row).collect::<String>()
}

#[test]
fn a_category_means_the_same_however_it_is_spelt_and_unseen_values_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write("int.csv", table(600, |mode| mode.to_string()));
    write("float.csv", table(600, |mode| format!("{mode}.0")));
    edgevae(dir.path(), "train --data int.csv --categorical mode --epochs 3 --quiet --out numbers").ok();
    let score =
        |model: &str, data: &str| edgevae(dir.path(), &format!("score --model {model}/model.evae --data {data}"));
    let (int, float) = (score("numbers", "int.csv"), score("numbers", "float.csv"));
    assert_eq!(int.stdout, float.stdout);
    assert!(!float.stderr.contains("not seen"), "{}", float.stderr);

    let words = ["run", "idle", "stop"];
    write("words.csv", table(600, |mode| words[mode].into()));
    edgevae(dir.path(), "train --data words.csv --epochs 3 --quiet --out words").ok();
    assert!(!score("words", "words.csv").stderr.contains("not seen"));
    write("upper.csv", table(300, |mode| words[mode].to_uppercase()));
    let ran = score("words", "upper.csv");
    let note = "300 cells of `mode` hold values that the model has not seen: \"IDLE\" (";
    assert!(ran.stderr.contains(note) && ran.stderr.contains("spelt \"idle\" in training"), "{}", ran.stderr);
    ran.ok();
}

#[test]
fn cells_that_were_filled_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rows.csv"), table(300, |mode| mode.to_string())).unwrap();
    edgevae(dir.path(), "train --data rows.csv --missing mean --epochs 2 --quiet --out run").ok();
    fs::write(dir.path().join("gaps.csv"), "temp,mode\n21,0\n,1\n22,\n").unwrap();
    let ran = edgevae(dir.path(), "score --model run/model.evae --data gaps.csv");
    assert!(ran.stderr.contains("2 empty cells were filled, as in training"), "{}", ran.stderr);
    ran.ok();
}
