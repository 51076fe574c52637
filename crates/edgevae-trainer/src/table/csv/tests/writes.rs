use super::*;
use ndarray::array;
use proptest::prelude::*;

#[test]
fn a_table_is_written_in_shortest_decimals_with_the_label_last() {
    let dataset = Dataset {
        names: vec!["a".into(), "b;c,d".into()],
        features: array![[0.1, 1e38], [-0.0, f32::NAN]],
        labels: Some(vec![false, true]),
        ..Dataset::default()
    };
    let mut text = vec![];
    write_csv(&dataset, &mut text).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), "a,\"b;c,d\",label\n0.1,1e38,0\n-0.0,,1\n");
    let clash = Dataset { names: vec!["a".into(), "label".into()], ..dataset };
    assert_eq!(
        write_csv(&clash, &mut vec![]).unwrap_err().to_string(),
        "a feature has the name of the label column, \"label\""
    );
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_same_bits(
        width in 1usize..6,
        bits in prop::collection::vec(any::<u32>(), 1..60),
        label in any::<bool>(),
        odd_names in prop::collection::vec("[a-z,;\"\n\té ]{0,6}", 6),
    ) {
        let values = bits.into_iter().map(f32::from_bits).map(|v| if v.is_infinite() { 0.5 } else { v });
        let mut cells: Vec<f32> = values.collect();
        cells.resize(cells.len().next_multiple_of(width), 0.0);
        let rows = cells.len() / width;
        let written = Dataset {
            names: (0..width).map(|i| format!("n{i}{}n", odd_names[i])).collect(),
            features: Array2::from_shape_vec((rows, width), cells).unwrap(),
            labels: label.then(|| (0..rows).map(|row| row % 3 == 0).collect()),
            ..Dataset::default()
        };
        let mut text = vec![];
        write_csv(&written, &mut text).unwrap();
        let options = ReadOptions {
            label: label.then(|| LABEL.into()),
            form: FileForm { delimiter: Some(b','), ..FileForm::default() },
            missing: Missing::Mean,
            ..ReadOptions::default()
        };
        let read = load(text, &options).unwrap().dataset;
        prop_assert_eq!(&read.names, &written.names);
        prop_assert_eq!(&read.labels, &written.labels);
        prop_assert_eq!(read.features.dim(), written.features.dim());
        for (read, written) in read.features.iter().zip(&written.features) {
            prop_assert!(read.to_bits() == written.to_bits() || (read.is_nan() && written.is_nan()));
        }
    }
}
