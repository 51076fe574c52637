//! Files of a newer edgevae: each kind of thing that this one does not know is told as that, and not as damage.

mod common;

use common::{Aligned, small};
use edgevae_core::{LoadError, Model};

/// The small model's bytes with one byte of its header changed and everything else right.
fn changed(at: usize, value: u8) -> Aligned {
    let mut file = small();
    let bytes = file.bytes_mut();
    bytes[at] = value;
    let end = bytes.len() - 4;
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    file
}

/// Where in the small model's file a newer edgevae would write a kind that this one does not know.
const KINDS: [(&str, usize, u8); 6] = [
    ("numbers", 9, 2),
    ("activation", 28, 2),
    ("missing", 35, 3),
    ("decoder variance", 41, 3),
    ("head", 43, 9),
    ("calibration set", 49, 5),
];

#[test]
fn a_kind_that_is_not_known_is_of_a_newer_edgevae() {
    for (what, at, first_unknown) in KINDS {
        let known = small().bytes()[at];
        assert!(known < first_unknown, "{what} is at {at}: {known}");
        assert!(!matches!(Model::from_bytes(changed(at, first_unknown - 1).bytes()), Err(LoadError::Newer)), "{what}");
        for unknown in [first_unknown, first_unknown + 1, 99, 127] {
            let error = Model::from_bytes(changed(at, unknown).bytes()).unwrap_err();
            assert_eq!(error, LoadError::Newer, "{what} {unknown}");
            assert!(error.to_string().contains("written by a newer edgevae: update the firmware"), "{error}");
        }
    }
}

#[test]
fn what_is_no_kind_stays_damage() {
    // A flag that is neither 0 nor 1, a length beyond the file.
    for (at, value) in [(40, 2), (10, 0x7f)] {
        let error = Model::from_bytes(changed(at, value).bytes()).unwrap_err();
        assert_eq!(error, LoadError::Malformed, "byte {at}");
    }
}

#[cfg(feature = "encoding")]
#[test]
fn a_kind_of_column_or_window_that_is_not_known_is_of_a_newer_edgevae() {
    use edgevae_core::RawModel;
    static RAW: &[u8] = edgevae_core::include_model!("data/small-v2.evae");
    let section = RawModel::from_bytes(RAW).unwrap().encoder().section().to_vec();
    let at = RAW.windows(section.len()).position(|window| window == section).unwrap();
    let (mut newer, mut damage) = (0, 0);
    for (place, unknown) in (0..section.len()).flat_map(|place| [6, 7, 99].map(|unknown| (place, unknown))) {
        let mut file = Aligned::new(RAW);
        let bytes = file.bytes_mut();
        bytes[at + place] = unknown;
        let end = bytes.len() - 4;
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
        match RawModel::from_bytes(file.bytes()) {
            Err(LoadError::Newer) => newer += 1,
            Err(_) => damage += 1,
            Ok(_) => {}
        }
    }
    // Five columns: what is absent and what kind, one clock; the features of the window.
    assert!(newer >= 3 * (5 + 5 + 1 + 1), "{newer} newer, {damage} damaged");
}
