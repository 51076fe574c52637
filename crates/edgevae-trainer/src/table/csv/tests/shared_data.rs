use super::*;
use std::path::PathBuf;

/// The folder of public data sets, where there is one: `EDGEVAE_DATA`, or `shared/data` beside the repository.
fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("EDGEVAE_DATA").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    folder.join("INDEX.csv").is_file().then_some(folder)
}

#[test]
fn every_shared_data_set_has_the_rows_features_and_anomalies_of_its_index() {
    let Some(folder) = folder() else {
        println!("skipped: no data sets here; name their folder in EDGEVAE_DATA");
        return;
    };
    let mut index = csv::Reader::from_path(folder.join("INDEX.csv")).unwrap();
    let mut sets = 0;
    for entry in index.records() {
        let entry = entry.unwrap();
        let size = |column: usize| entry[column].parse::<usize>().unwrap();
        let path = folder.join(format!("{}.csv", &entry[0]));
        let table = read(&path, &labelled()).unwrap().dataset;
        let found = (table.rows(), table.features.ncols(), table.anomalies());
        assert_eq!(found, (size(1), size(2), Some(size(3))), "{}", &entry[0]);
        sets += 1;
    }
    assert!(sets > 0, "the index lists no data set");
}
