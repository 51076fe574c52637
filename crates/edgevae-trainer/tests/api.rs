//! The library as another program uses it: rows in memory give the model of the same rows in a file, and what is wrong
//! with rows is an error.

use std::fs;

use edgevae_trainer::table::memory::Column;
use edgevae_trainer::table::options::Missing;
use edgevae_trainer::{Model, Options, Run, Table, Trainer};
use ndarray::Array2;

const ROWS: usize = 240;

fn is_anomaly(row: usize) -> bool {
    row % 24 == 23
}

fn reading(row: usize, column: usize) -> f32 {
    let wave = (row as f32 * 0.21 * (column + 1) as f32).sin();
    if is_anomaly(row) && column == 0 { 5.0 } else { wave }
}

fn mode(row: usize) -> &'static str {
    ["run", "idle", "run"][row / 20 % 3]
}

fn minute(row: usize) -> String {
    format!("2024-01-01T{:02}:{:02}:00", row / 60, row % 60)
}

fn small() -> Options {
    Options::default().hidden([6]).latent(2usize).epochs(2usize).threads(1usize)
}

fn fit(options: Options, table: &Table) -> Result<Run, String> {
    let run = Trainer::new(options).fit(table);
    run.map_err(|error| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        text
    })
}

fn matrix() -> Array2<f32> {
    Array2::from_shape_fn((ROWS, 3), |(row, column)| reading(row, column))
}

fn numbers() -> Table {
    let labels: Vec<bool> = (0..ROWS).map(is_anomaly).collect();
    Table::from_ndarray(["a", "b", "c"], matrix().view()).unwrap().with_labels(&labels).unwrap()
}

/// Times, machines, modes, a reading with gaps, another reading, labels; as a table and as the text of a file.
fn series() -> (Table, String) {
    let gap = |row: usize| row % 31 == 30;
    let mut text = String::from("t,machine,mode,a,b,label\n");
    for row in 0..ROWS {
        let a = if gap(row) { String::new() } else { reading(row, 0).to_string() };
        let (machine, label) = (["A", "B", "C"][row % 3], is_anomaly(row));
        text += &format!("{},{machine},{},{a},{},{label}\n", minute(row), mode(row), reading(row, 1));
    }
    let texts = |of: &dyn Fn(usize) -> String| Column::Text((0..ROWS).map(|row| Some(of(row))).collect());
    let table = Table::from_columns([
        ("t", texts(&minute)),
        ("machine", texts(&|row| ["A", "B", "C"][row % 3].into())),
        ("mode", texts(&|row| mode(row).into())),
        ("a", Column::Numbers((0..ROWS).map(|row| if gap(row) { f32::NAN } else { reading(row, 0) }).collect())),
        ("b", Column::Numbers((0..ROWS).map(|row| reading(row, 1)).collect())),
    ]);
    let labels: Vec<bool> = (0..ROWS).map(is_anomaly).collect();
    (table.unwrap().with_labels(&labels).unwrap().time("t").group("machine"), text)
}

#[test]
fn rows_in_memory_give_the_model_and_the_scores_of_the_same_rows_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.csv");
    let line = |row: usize| {
        let cells = [0, 1, 2].map(|column| reading(row, column).to_string()).join(",");
        format!("{cells},{}\n", is_anomaly(row))
    };
    fs::write(&path, String::from("a,b,c,label\n") + &(0..ROWS).map(line).collect::<String>()).unwrap();
    let file = Table::read([&path]).unwrap().label("label");
    // With files the preset would be the same, because options of the network are given.
    let (of_file, of_memory) = (fit(small(), &file).unwrap(), fit(small(), &numbers()).unwrap());
    assert_eq!(of_file.model().bytes(), of_memory.model().bytes());
    let saved = dir.path().join("model.evae");
    of_memory.model().save(&saved).unwrap();
    let model = Model::open(&saved).unwrap();
    let verdicts = model.score(&numbers()).unwrap();
    assert_eq!(verdicts, model.score(&file).unwrap());
    assert_eq!(verdicts.len(), ROWS);
    assert_eq!((verdicts[23].row, verdicts[23].label), (24, Some(true)));
    assert_eq!(of_memory.quality().roc_auc, of_file.quality().roc_auc);
}

#[test]
fn times_groups_categories_gaps_and_windows_are_those_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("series.csv");
    let (table, text) = series();
    fs::write(&path, text).unwrap();
    let file = Table::read([&path]).unwrap().label("label").time("t").group("machine");
    let options = || small().missing(Missing::Indicator).window(4u16);
    let (of_file, of_memory) = (fit(options(), &file).unwrap(), fit(options(), &table).unwrap());
    assert_eq!(of_file.model().bytes(), of_memory.model().bytes());
    assert!(of_memory.dataset.names.iter().any(|name| name.contains("mode=run")), "{:?}", of_memory.dataset.names);
    let verdicts = of_memory.model().score(&table).unwrap();
    assert_eq!(verdicts, of_file.model().score(&file).unwrap());
    assert!(verdicts.len() < ROWS, "a verdict for each window");
}

#[test]
fn a_model_explains_calibrates_quantizes_and_inspects() {
    let model = fit(small().epochs(10usize), &numbers()).unwrap().model();
    let explained = model.explain(&numbers(), 1).unwrap();
    assert_eq!((explained.len(), explained[23][0].0.as_str()), (ROWS, "a"), "the reading that was wrong");
    let (recalibrated, calibration) = model.calibrate(&numbers(), 0.5).unwrap();
    assert!(recalibrated.threshold() < model.threshold());
    assert_eq!(calibration.rows, (0..ROWS).filter(|&row| !is_anomaly(row)).count());
    let (int8, _) = model.quantize(&numbers()).unwrap();
    assert_eq!(int8.score(&numbers()).unwrap().len(), ROWS);
    assert!(model.inspect().text().contains("3 inputs -> 6 relu -> 2 linear"), "{}", model.inspect().text());
    assert_eq!(Model::from_bytes(model.bytes()).unwrap().threshold(), model.threshold());
    assert!(Model::from_bytes(&model.bytes()[1..]).is_err());
    assert!(model.evaluate(&numbers()).unwrap().roc_auc.unwrap() > 0.9);
}

#[test]
fn what_is_wrong_with_rows_in_memory_is_an_error_that_names_it() {
    let table = |matrix: &Array2<f32>| Table::from_ndarray(["a", "b", "c"], matrix.view()).unwrap();
    let says = |table: &Table, words: &str| {
        let error = fit(small(), table).err().expect(words);
        assert!(error.contains(words), "{error}");
    };
    let short = table(&matrix()).with_labels(&[true; 3]).unwrap_err().to_string();
    assert_eq!(short, "column `label` has 3 rows; expected 240, as many as the first column has");
    assert!(Table::from_ndarray(["a", "a", "c"], matrix().view()).is_err());
    assert!(Table::from_ndarray(["a"], matrix().view()).is_err());

    let with = |value: f32| {
        let mut matrix = matrix();
        matrix[[6, 1]] = value;
        table(&matrix)
    };
    says(&with(f32::NAN), "row 7");
    says(&with(f32::INFINITY), "row 7");
    says(&with(f32::NEG_INFINITY), "\"b\"");
    says(&table(&matrix()).group("machine"), "machine");
    says(&table(&matrix()).label("fault"), "fault");
    says(&table(&matrix()).time("t"), "t");
    says(&table(&Array2::zeros((0, 3))), "no rows");
    says(&table(&Array2::zeros((1, 3))), "rows are left for the fit");
    let wide = Column::Wide(vec![1e300; ROWS]);
    says(&table(&matrix()).with_column("wide", wide).unwrap(), "wide");
    let words = Column::Text((0..ROWS).map(|row| Some(if row == 9 { "maybe" } else { "normal" }.into())).collect());
    says(&table(&matrix()).with_column("l", words).unwrap().label("l"), "maybe");

    let model = fit(small(), &table(&matrix())).unwrap().model();
    let scored = model.score(&with(f32::NAN)).unwrap_err().to_string();
    assert!(scored.contains("row 7"), "{scored}");
    let other = Table::from_columns([("a", Column::Numbers(vec![1.0]))]).unwrap();
    assert!(model.score(&other).unwrap_err().to_string().contains('b'));
    assert!(model.score(&Table::reference()).is_err());
    assert!(model.evaluate(&table(&matrix())).is_err(), "no labels");
}
