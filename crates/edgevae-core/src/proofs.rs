//! Proof harnesses for the arithmetic that sizes and slices buffers: `./ci.sh kani`, where Kani is installed.
//!
//! The same arithmetic is tried on every small shape by `tests/properties.rs`, which runs everywhere.

use crate::dense::{Dense, Write};
use crate::format::{self, Activation};
use crate::signature;
use crate::slots::{RECORD_LEN, Record};

/// A length field of any value never makes a reader go beyond the bytes.
#[kani::proof]
fn a_declared_length_is_read_or_refused() {
    let bytes: [u8; 12] = kani::any();
    let len: usize = kani::any_where(|len| *len <= 12);
    if let Some(file) = bytes.get(..len) {
        let _ = format::declared_length(file);
        let _ = signature::split(file);
    }
}

/// What a record points at lies within the slot and behind the record.
#[kani::proof]
fn a_record_points_into_its_slot() {
    let slot = [0; 256];
    let record = Record { sequence: kani::any(), model_at: kani::any(), model_len: kani::any() };
    if let Some(file) = record.file(&slot) {
        assert!(file.len() as u32 == record.model_len && record.model_at as usize >= RECORD_LEN);
        assert!(record.model_at as usize + file.len() <= slot.len());
    }
}

/// Of two different records one is newer and the other is not, but for the two that are half the circle apart.
#[kani::proof]
fn the_order_of_records_has_no_ties() {
    let record = |sequence| Record { sequence, model_at: 32, model_len: 0 };
    let (a, b): (u32, u32) = (kani::any(), kani::any());
    let (newer, older) = (record(a).is_newer_than(&record(b)), record(b).is_newer_than(&record(a)));
    assert!(!(newer && older));
    assert!(newer || older || a == b || a.wrapping_sub(b) == 1 << 31);
}

/// A dense layer over slices of any lengths, matching or not, writes within its output only.
#[kani::proof]
#[kani::unwind(8)]
fn a_dense_layer_stays_within_its_slices() {
    let (weight, bias, x, mut y) = ([1.0; 6], [0.0; 3], [1.0; 3], [0.0; 3]);
    let up_to = |most: usize| kani::any_where(|len| *len <= most);
    let (weights, biases, inputs, outputs): (usize, usize, usize, usize) = (up_to(6), up_to(3), up_to(3), up_to(3));
    let (Some(weight), Some(bias)) = (weight.get(..weights), bias.get(..biases)) else { return };
    let (Some(x), Some(y)) = (x.get(..inputs), y.get_mut(..outputs)) else { return };
    Dense { weight, bias, activation: Activation::Relu }.forward(x, y, Write::Replace);
}
