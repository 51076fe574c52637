//! Everything that firmware calls, as one program without std. `./ci.sh no_panic` links it.
//!
//! The panic handler calls a function that exists nowhere. The linker drops what is not reachable; if a panic is, the
//! handler stays, the function is undefined and the link fails.
#![no_std]

use edgevae_core::{Detector, Model, QuantizedDetector, QuantizedModel, QuantizedVerdict, RawDetector, RawModel};
use edgevae_core::{OwnedDetector, ScoreError, SliceDetector, SliceQuantizedDetector, SliceWindow, slots};

unsafe extern "C" {
    fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it is never called: a program that reaches it does not link.
    unsafe { a_panic_is_reachable() }
}

/// Named by the precompiled `core`, which may unwind; this program does not.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Bytes and numbers of any length and content, as the outside world gives them.
///
/// # Safety
/// The caller vouches for the pointers.
unsafe fn slice<'a, T>(start: *const T, len: usize) -> &'a [T] {
    // SAFETY: as the caller says.
    unsafe { core::slice::from_raw_parts(start, len) }
}

fn outcome(result: Result<edgevae_core::Verdict, ScoreError>) -> f32 {
    match result {
        Ok(verdict) if verdict.is_anomaly => verdict.score,
        Ok(verdict) => -verdict.score,
        Err(ScoreError::NonFinite { index }) => index as f32,
        Err(_) => f32::NAN,
    }
}

/// Loads, takes apart and scores, with arrays and in borrowed memory.
///
/// # Safety
/// The pointers are those of so many bytes and numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_score(
    bytes: *const u8,
    len: usize,
    sample: *const f32,
    samples: usize,
    scratch: *mut f32,
    scratch_len: usize,
) -> f32 {
    // SAFETY: as the caller says.
    let (bytes, sample) = unsafe { (slice(bytes, len), slice(sample, samples)) };
    // SAFETY: as the caller says.
    let scratch = unsafe { core::slice::from_raw_parts_mut(scratch, scratch_len) };
    let Ok(model) = Model::from_bytes(bytes) else { return 1.0 };
    let sizes = model.inputs() + model.width() + model.latent() + model.scratch_len() + model.multiply_adds();
    let names = model.feature_names().map(str::len).sum::<usize>();
    let mut sum = (sizes + names + model.parameters() + model.head_costs().count()) as f32;
    if let (Ok(mut detector), Some(sample)) = (Detector::<10, 64, 48>::new(&model), sample.first_chunk()) {
        sum += outcome(detector.score(sample)) + detector.explain()[0] + detector.largest::<3>()[2].value;
    }
    if let Ok(mut detector) = SliceDetector::new(&model, scratch) {
        sum += outcome(detector.score(sample));
        let mut contributions = [0.0; 10];
        detector.explain(&mut contributions);
        sum += contributions[9];
    }
    if cfg!(feature = "control") { sum + sample[len] } else { sum }
}

/// Loads a model with an input section, encodes, windows and scores raw rows, with arrays and in borrowed memory.
///
/// # Safety
/// The pointers are those of so many bytes and numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_raw(
    bytes: *const u8,
    len: usize,
    sample: *const f32,
    samples: usize,
    scratch: *mut f32,
    scratch_len: usize,
) -> f32 {
    // SAFETY: as the caller says.
    let (bytes, sample) = unsafe { (slice(bytes, len), slice(sample, samples)) };
    // SAFETY: as the caller says.
    let scratch = unsafe { core::slice::from_raw_parts_mut(scratch, scratch_len) };
    let Ok(model) = RawModel::from_bytes(bytes) else { return 1.0 };
    let names = model.encoder().columns().map(|column| column.name.len() + column.encoded_len()).sum::<usize>();
    let mut sum = (names + model.encoder().raw() + model.encoder().encoded() + model.raw_of(len)) as f32;
    if let (Ok(mut detector), Some(row)) = (RawDetector::<5, 11, 3, 33, 4, 40>::new(&model), sample.first_chunk()) {
        sum += detector.push(row).transpose().map_or(0.0, outcome) + detector.explain()[0];
        sum += detector.largest::<2>()[1].value;
    }
    let (row, ring) = scratch.split_at_mut(model.encoder().encoded().min(scratch.len()));
    if model.encoder().encode(sample, row).is_ok()
        && let Some(mut window) = SliceWindow::new(model.window(), model.encoder().encoded(), ring)
    {
        let mut out = [0.0; 10];
        sum += f32::from(u8::from(window.push(row, &mut out))) + out[9];
        window.clear();
    }
    sum
}

/// Loads an int8 model, takes it apart and scores readings of every kind, with arrays and in borrowed memory.
///
/// # Safety
/// The pointers are those of so many bytes and numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_int8(
    bytes: *const u8,
    len: usize,
    sample: *const i32,
    samples: usize,
    scratch: *mut i32,
    scratch_len: usize,
) -> f32 {
    // SAFETY: as the caller says.
    let (bytes, sample) = unsafe { (slice(bytes, len), slice(sample, samples)) };
    // SAFETY: as the caller says.
    let scratch = unsafe { core::slice::from_raw_parts_mut(scratch, scratch_len) };
    let Ok(model) = QuantizedModel::from_bytes(bytes) else { return 1.0 };
    let sizes = model.inputs() + model.width() + model.latent() + model.scratch_len() + model.multiply_adds();
    let mut sum = (sizes + model.layers().map(|layer| layer.rows().count()).sum::<usize>()) as f32;
    if let (Ok(mut detector), Some(sample)) = (QuantizedDetector::<10, 64>::new(&model), sample.first_chunk()) {
        sum += integer_outcome(&model, detector.score::<i32>(sample));
        sum += integer_outcome(&model, detector.score(&sample.map(|raw| f32::from_bits(raw as u32))));
        sum += integer_outcome(&model, detector.score(&sample.map(|raw| raw as i16)));
        sum += detector.explain()[0] as f32 + detector.largest::<2>()[1].value;
    }
    if let Ok(mut detector) = SliceQuantizedDetector::new(&model, scratch) {
        sum += integer_outcome(&model, detector.score(sample));
        sum += detector.explain().sum::<u32>() as f32;
    }
    sum
}

fn integer_outcome(model: &QuantizedModel<'_>, result: Result<QuantizedVerdict, ScoreError>) -> f32 {
    match result {
        Ok(verdict) if verdict.is_anomaly || verdict.out_of_range => model.rendered(verdict.score),
        Ok(verdict) => -model.rendered(verdict.score),
        Err(_) => f32::NAN,
    }
}

/// Finds the newest of two slots.
///
/// # Safety
/// The pointers are those of so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_slots(a: *const u8, a_len: usize, b: *const u8, b_len: usize) -> u32 {
    // SAFETY: as the caller says.
    let (a, b) = unsafe { (slice(a, a_len), slice(b, b_len)) };
    slots::Slots::new(a, b).open::<OwnedDetector<10, 64, 48>>().map_or(0, |newest| newest.next_sequence())
}

/// Checks a signature.
///
/// # Safety
/// The pointers are those of so many bytes and of 32.
#[cfg(feature = "signature")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_signature(bytes: *const u8, len: usize, key: *const [u8; 32]) -> bool {
    // SAFETY: as the caller says.
    let (bytes, key) = unsafe { (slice(bytes, len), &*key) };
    edgevae_core::PublicKey::from_bytes(key).and_then(|key| Model::from_signed_bytes(bytes, &key)).is_ok()
}

#[cfg(feature = "update")]
mod update {
    use core::convert::Infallible;

    use edgevae_core::slots::Update;
    use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

    unsafe extern "C" {
        fn probe_read(offset: u32, to: *mut u8, len: usize);
        fn probe_write(offset: u32, from: *const u8, len: usize);
        fn probe_erase(from: u32, to: u32);
    }

    /// Flash behind functions that the linker need not find.
    struct Flash;

    #[derive(Debug)]
    struct Never(#[allow(dead_code, reason = "a driver that cannot fail")] Infallible);

    impl NorFlashError for Never {
        fn kind(&self) -> NorFlashErrorKind {
            NorFlashErrorKind::Other
        }
    }

    impl ErrorType for Flash {
        type Error = Never;
    }

    impl ReadNorFlash for Flash {
        const READ_SIZE: usize = 1;

        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Never> {
            // SAFETY: the pointer is that of so many bytes.
            unsafe { probe_read(offset, bytes.as_mut_ptr(), bytes.len()) };
            Ok(())
        }

        fn capacity(&self) -> usize {
            1 << 20
        }
    }

    impl NorFlash for Flash {
        const WRITE_SIZE: usize = 8;
        const ERASE_SIZE: usize = 4096;

        fn erase(&mut self, from: u32, to: u32) -> Result<(), Never> {
            // SAFETY: it takes numbers only.
            unsafe { probe_erase(from, to) };
            Ok(())
        }

        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Never> {
            // SAFETY: the pointer is that of so many bytes.
            unsafe { probe_write(offset, bytes.as_ptr(), bytes.len()) };
            Ok(())
        }
    }

    /// Writes a slot.
    ///
    /// # Safety
    /// The pointer is that of so many bytes.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn probe_update(bytes: *const u8, len: usize, start: u32, end: u32, sequence: u32) -> bool {
        // SAFETY: as the caller says.
        let bytes = unsafe { super::slice(bytes, len) };
        let mut flash = Flash;
        let Ok(mut update) = Update::begin(&mut flash, start..end, sequence) else { return false };
        update.write(bytes).is_ok() && update.commit_if(|_, file| if file.is_empty() { Err(()) } else { Ok(()) }).is_ok()
    }
}
