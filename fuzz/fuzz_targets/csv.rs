//! The CSV reader on any bytes, with any options, in pieces of any size.
//!
//! The first byte chooses the options, the rest is the file.
#![no_main]

use std::io::Read;

use edgevae_trainer::table::options::{Features, FileForm, Missing, ReadOptions};
use edgevae_trainer::table::source::Source;
use edgevae_trainer::table::load::{Loaded, collect};
use libfuzzer_sys::fuzz_target;

/// Hands out a few bytes at a time, so that cells and line ends fall across reads.
struct Trickle(std::io::Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(buffer.len());
        self.0.read(&mut buffer[..len])
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, file)) = input.split_first() else { return };
    let options = ReadOptions {
        format: None,
        form: FileForm {
            delimiter: [None, Some(b';'), Some(b','), Some(b'|')][usize::from(choice & 3)],
            ..FileForm::default()
        },
        remembered: FileForm::default(),
        label: (choice & 4 != 0).then(|| "label".into()),
        ignore: if choice & 8 != 0 { vec!["f1".into()] } else { Vec::new() },
        features: match choice >> 4 & 3 {
            0 | 1 => Features::All,
            2 => Features::Named(vec!["f0".into(), "f2".into()]),
            _ => Features::OfModel(vec!["f2".into(), "f0".into()]),
        },
        missing: Missing::ALL[usize::from(choice >> 6) % 3],
        readings: Vec::new(),
    };
    let read = |step| {
        let stream = Trickle(std::io::Cursor::new(file.to_vec()), step);
        Source::stream(stream, "fuzz", &options).and_then(|source| collect(source, 1))
    };
    let whole = read(usize::MAX);
    match (&whole, read(7)) {
        (Ok(whole), Ok(pieces)) => {
            let bits = |loaded: &Loaded| loaded.dataset.features.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(whole), bits(&pieces));
            let is_allowed = |x: &f32| x.is_finite() || (x.is_nan() && options.missing == Missing::Mean);
            assert!(whole.dataset.features.iter().all(is_allowed));
        }
        (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string()),
        (whole, pieces) => panic!("{whole:?} in one piece, {pieces:?} in pieces of 7 bytes"),
    }
});
