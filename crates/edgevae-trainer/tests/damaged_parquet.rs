//! Parquet files with a bit turned over, through the path that scores: the right scores or an error, never a panic, and
//! never a row without a score.
#![cfg(feature = "parquet")]

use std::io::Write as _;
use std::sync::Arc;

use edgevae_trainer::export::model_file::{AnyModel, ModelFile};
use edgevae_trainer::score::{RowScorer, RowVerdict};
use edgevae_trainer::table::block::Block;
use edgevae_trainer::table::error::DataError;
use edgevae_trainer::table::options::{Features, Format, Missing, ReadOptions};
use edgevae_trainer::table::pipeline::for_each_block;
use edgevae_trainer::table::source::Source;
use parquet::basic::Compression;
use parquet::data_type::{DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Two row groups of 60 rows of the model's columns: with nulls, in a dictionary, and as integers.
fn drawn(names: &[String], compression: Compression) -> Vec<u8> {
    let kinds = ["optional double", "required double", "required int32"];
    let fields: String = names.iter().zip(kinds).map(|(name, kind)| format!("{kind} {name};")).collect();
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {fields} }}")).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).set_data_page_row_count_limit(25).build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).unwrap();
    for part in 0..2 {
        let values: Vec<f64> = (0..60).map(|row| f64::from(row * 7 % 11) + f64::from(part)).collect();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let present: Vec<i16> = (0..60).map(|row| i16::from(row % 5 != 0)).collect();
        let found = present.iter().filter(|&&level| level == 1).count();
        column.typed::<DoubleType>().write_batch(&values[..found], Some(&present), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let integers: Vec<i32> = values.iter().map(|&value| value as i32 * 1000).collect();
        column.typed::<Int32Type>().write_batch(&integers, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// Row numbers and scores, as `edgevae score` writes them.
fn scored(model: &AnyModel<'_>, names: &[String], bytes: &[u8]) -> Result<Vec<(u64, u32)>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let options = ReadOptions {
        format: Some(Format::Parquet),
        features: Features::OfModel(names.to_vec()),
        missing: Missing::Mean,
        ..ReadOptions::default()
    };
    let mut source = Source::open(file.path(), &options).map_err(|error| error.to_string())?;
    let mut scores = Vec::new();
    let make = || (RowScorer::new(model), Vec::<RowVerdict>::new());
    let work = |worker: &mut (RowScorer<'_>, Vec<RowVerdict>), block: &Block| {
        let cells: Vec<f32> = block.cells.iter().map(|value| if value.is_nan() { 0.0 } else { *value }).collect();
        // A value that the bit made huge has no score: an error of its row, like any other.
        let _ = worker.0.score(&cells, &mut worker.1);
    };
    let each = |worker: &mut (RowScorer<'_>, Vec<RowVerdict>), block: &Block| -> Result<(), DataError> {
        let rows = worker.1.iter().enumerate();
        scores.extend(rows.map(|(row, verdict)| (block.row_number(row), verdict.score.to_bits())));
        Ok(())
    };
    for_each_block(&mut source, 2, make, work, each).map_err(|error| error.to_string())?;
    Ok(scores)
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing_but_numbers() {
    let model = ModelFile::from_bytes(&std::fs::read("../edgevae-core/tests/data/small-v1.evae").unwrap());
    let model = model.any().unwrap();
    let names: Vec<String> = model.columns().into_iter().map(str::to_owned).collect();
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let (mut errors, mut read) = (0, 0);
    for compression in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default()), Compression::LZ4_RAW]
    {
        let file = drawn(&names, compression);
        let expected = scored(&model, &names, &file).unwrap();
        assert_eq!(expected.len(), 120);
        for _ in 0..500 {
            let mut damaged = file.clone();
            let at = random.gen_range(4..damaged.len());
            damaged[at] ^= 1 << random.gen_range(0..8);
            match scored(&model, &names, &damaged) {
                // Without a checksum in the file a changed number is a number; rows are neither lost nor invented.
                Ok(scores) => {
                    read += 1;
                    let numbers: Vec<u64> = scores.iter().map(|(number, _)| *number).collect();
                    assert!(numbers.iter().eq(&(1..=numbers.len() as u64).collect::<Vec<_>>()), "{numbers:?}");
                }
                Err(message) => {
                    errors += 1;
                    assert!(message.contains("; "), "says what to do: {message}");
                }
            }
        }
    }
    assert!(errors > 500 && read > 200, "{errors} errors, {read} read");
}
