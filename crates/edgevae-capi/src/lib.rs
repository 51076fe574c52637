//! edgevae from C: load a model file, score samples, with the bits of every other target.
//!
//! No heap, no globals, no panic. The caller provides all memory: an `edgevae_model` for the view of a model file (the file
//! itself stays where it is) and an array of `float` to work in. Every function that can fail returns an
//! `edgevae_status` and writes its result through a pointer; a score is never a sentinel.
//!
//! Loading and scoring only read the model, so one model serves any number of threads with an array each.
#![cfg_attr(target_os = "none", no_std)]
// The names of C: `edgevae_model`, not `Model`.
#![allow(non_camel_case_types)]

mod status;

use core::mem::{align_of, size_of};
use core::{ptr, slice};

use edgevae_core::{Model, SliceDetector};

pub use status::{edgevae_status, edgevae_status_text};

/// Bytes of an `edgevae_model`, for those who place it by hand.
pub const EDGEVAE_MODEL_SIZE: usize = 256;
/// Alignment of an `edgevae_model`, for the same.
pub const EDGEVAE_MODEL_ALIGN: usize = 8;

/// A checked view of a model file. Its contents are private; it may be moved, and needs no clean-up.
#[repr(C)]
pub struct edgevae_model {
    storage: [u64; 32],
}

const _: () =
    assert!(size_of::<edgevae_model>() == EDGEVAE_MODEL_SIZE && align_of::<edgevae_model>() == EDGEVAE_MODEL_ALIGN);
const _: () = assert!(size_of::<Model<'_>>() <= EDGEVAE_MODEL_SIZE && align_of::<Model<'_>>() <= EDGEVAE_MODEL_ALIGN);

/// A score and what it means at the model's threshold.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct edgevae_verdict {
    /// Higher is more anomalous; finite.
    pub score: f32,
    /// `score > threshold`
    pub is_anomaly: bool,
}

/// Checks a model file and makes `*model` a view of it. Nothing is copied: `bytes` must stay where and what they are for
/// as long as the model is used. They must begin at a multiple of 4, better 16.
///
/// # Safety
/// `model` is null or points to an `edgevae_model`, initialised or not; `bytes` is null or points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgevae_model_load(
    model: *mut edgevae_model,
    bytes: *const u8,
    length: usize,
) -> edgevae_status {
    if model.is_null() || bytes.is_null() {
        return edgevae_status::NullPointer;
    }
    // No memory is as large: more bytes than any file has.
    if length > isize::MAX as usize {
        return edgevae_status::TrailingBytes;
    }
    // SAFETY: the caller vouches for `length` bytes that outlive the model.
    match Model::from_bytes(unsafe { slice::from_raw_parts(bytes, length) }) {
        Ok(loaded) => {
            // SAFETY: the storage is large and aligned enough, asserted above; nothing in a `Model` needs dropping.
            unsafe { ptr::write(model.cast::<Model<'_>>(), loaded) };
            edgevae_status::Ok
        }
        Err(error) => error.into(),
    }
}

/// Number of features of a sample.
///
/// # Safety
/// `model` was filled by a successful `edgevae_model_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgevae_model_inputs(model: *const edgevae_model) -> usize {
    // SAFETY: the caller's promise is that of `view`.
    unsafe { view(model) }.map_or(0, Model::inputs)
}

/// Number of floats that `edgevae_score` works in.
///
/// # Safety
/// `model` was filled by a successful `edgevae_model_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgevae_model_scratch_length(model: *const edgevae_model) -> usize {
    // SAFETY: the caller's promise is that of `view`.
    unsafe { view(model) }.map_or(0, Model::scratch_len)
}

/// A score above it is an anomaly.
///
/// # Safety
/// `model` was filled by a successful `edgevae_model_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgevae_model_threshold(model: *const edgevae_model) -> f32 {
    // SAFETY: the caller's promise is that of `view`.
    unsafe { view(model) }.map_or(f32::NAN, Model::threshold)
}

/// Scores one sample of `sample_length` values in raw sensor units, in the order of the model's features.
///
/// Afterwards `scratch` holds what `edgevae_explain` wants to see. `*verdict` is written only with EDGEVAE_STATUS_OK. Any other status is a fault and never "normal".
///
/// # Safety
/// `model` was filled by a successful `edgevae_model_load`; each other pointer is null or points to as many floats as its
/// length says (`verdict`: to an `edgevae_verdict`), and they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgevae_score(
    model: *const edgevae_model,
    scratch: *mut f32,
    scratch_length: usize,
    sample: *const f32,
    sample_length: usize,
    verdict: *mut edgevae_verdict,
) -> edgevae_status {
    if sample.is_null() || verdict.is_null() {
        return edgevae_status::NullPointer;
    }
    // SAFETY: the caller's promises are those of `detector`.
    let scored = unsafe { detector(model, scratch, scratch_length, sample_length) }.and_then(|mut detector| {
        // SAFETY: not null; the caller vouches for these many floats.
        Ok(detector.score(unsafe { slice::from_raw_parts(sample, sample_length) })?)
    });
    match scored {
        Ok(found) => {
            // SAFETY: not null; the caller vouches for the rest.
            unsafe { ptr::write(verdict, edgevae_verdict { score: found.score, is_anomaly: found.is_anomaly }) };
            edgevae_status::Ok
        }
        Err(status) => status,
    }
}

/// Writes what each feature of the sample that was scored last contributes to its score, `edgevae_model_inputs` numbers:
/// which sensor is it? `scratch` is what `edgevae_score` worked in, untouched since.
///
/// # Safety
/// `model` was filled by a successful `edgevae_model_load`; each other pointer is null or points to as many floats as its
/// length says, and they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgevae_explain(
    model: *const edgevae_model,
    scratch: *mut f32,
    scratch_length: usize,
    contributions: *mut f32,
    contributions_length: usize,
) -> edgevae_status {
    if contributions.is_null() {
        return edgevae_status::NullPointer;
    }
    // SAFETY: the caller's promises are those of `detector`.
    match unsafe { detector(model, scratch, scratch_length, contributions_length) } {
        Ok(detector) => {
            // SAFETY: not null; the caller vouches for these many floats.
            detector.explain(unsafe { slice::from_raw_parts_mut(contributions, contributions_length) });
            edgevae_status::Ok
        }
        Err(status) => status,
    }
}

/// A detector of the caller's model in the caller's memory, for samples of `inputs` values.
///
/// # Safety
/// `model` is null or was filled by a successful `edgevae_model_load`, whose bytes are still there; `scratch` is null or
/// points to `scratch_length` floats that nothing else uses.
unsafe fn detector<'a>(
    model: *const edgevae_model,
    scratch: *mut f32,
    scratch_length: usize,
    inputs: usize,
) -> Result<SliceDetector<'a>, edgevae_status> {
    // SAFETY: the caller's promise is that of `view`.
    let model = unsafe { view(model) }.ok_or(edgevae_status::NullPointer)?;
    if scratch.is_null() {
        return Err(edgevae_status::NullPointer);
    }
    if inputs != model.inputs() {
        return Err(edgevae_status::WrongLength);
    }
    if scratch_length < model.scratch_len() {
        return Err(edgevae_status::WrongShape);
    }
    // SAFETY: the caller vouches for at least these many floats; the model's own lengths are below 2^20. Any bits are a
    // float.
    let scratch = unsafe { slice::from_raw_parts_mut(scratch, model.scratch_len()) };
    Ok(SliceDetector::new(model, scratch)?)
}

/// The model in the caller's storage; `None` for a null pointer.
///
/// # Safety
/// `model` is null or was filled by a successful `edgevae_model_load`, whose bytes are still there.
unsafe fn view<'a>(model: *const edgevae_model) -> Option<&'a Model<'a>> {
    // SAFETY: the storage holds a `Model`, says the caller.
    unsafe { model.cast::<Model<'a>>().as_ref() }
}

/// Nothing in this library panics (`panic-check` shows it); a handler must exist all the same.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "panic-check")]
    {
        unsafe extern "C" {
            fn edgevae_a_panic_is_reachable() -> !;
        }
        // SAFETY: never runs; an image that needs this function does not link.
        unsafe { edgevae_a_panic_is_reachable() }
    }
    #[cfg(not(feature = "panic-check"))]
    loop {
        core::hint::spin_loop();
    }
}
