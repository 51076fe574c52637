//! An update that loses power after any flash operation, in the middle of it included, leaves a working detector.

mod common;

use common::{Aligned, encode, header, small, tensors};
use edgevae_core::format::Header;
use edgevae_core::slots::{self, Newest, Record, SlotError, Slots, Update, UpdateError, Which};
use edgevae_core::{Load, LoadError, Model, OwnedDetector};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const SLOT: usize = 1024;
const ERASE: usize = 256;

/// What the cells of the operation hold that the power cut interrupted.
#[derive(Clone, Copy, Debug)]
enum Torn {
    /// As before: the cut came just before.
    Before,
    /// The first half as after, the second half as before.
    Half,
    /// Of every byte some bits as after, the others as before.
    Bits(u8),
    /// Anything.
    Noise(u32),
}

const TORN: [Torn; 9] = [
    Torn::Before,
    Torn::Half,
    Torn::Bits(0x55),
    Torn::Bits(0xaa),
    Torn::Bits(0x0f),
    Torn::Bits(0xfe),
    Torn::Noise(1),
    Torn::Noise(0xdead_beef),
    Torn::Noise(0x9e37_79b9),
];

impl Torn {
    fn apply(self, before: u8, after: u8, index: usize, len: usize) -> u8 {
        match self {
            Self::Before => before,
            Self::Half => {
                if index < len / 2 {
                    after
                } else {
                    before
                }
            }
            Self::Bits(mask) => before & !mask | after & mask,
            Self::Noise(seed) => (seed.wrapping_add(index as u32).wrapping_mul(0x9e37_79b9) >> 24) as u8,
        }
    }
}

/// Memory-mapped flash of two slots that loses power after a number of operations. Programming only clears bits;
/// erasing takes one sector after the other, in the order `backwards` says.
#[derive(Clone)]
struct Flash<const WRITE: usize> {
    cells: Aligned,
    operations_left: usize,
    torn: Torn,
    backwards: bool,
    /// A cell, and the bits of it that never hold what was written.
    worn: Option<(usize, u8)>,
}

#[derive(Debug, PartialEq)]
enum Fault {
    PowerCut,
    Driver(NorFlashErrorKind),
}

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::PowerCut => NorFlashErrorKind::Other,
            Self::Driver(kind) => *kind,
        }
    }
}

impl<const WRITE: usize> Flash<WRITE> {
    fn erased() -> Self {
        let cells = Aligned::new(&[0xff; 2 * SLOT]);
        Self { cells, operations_left: usize::MAX, torn: Torn::Before, backwards: false, worn: None }
    }

    fn newest(&self) -> Result<Newest<Pump<'_>>, slots::NoModel> {
        let (a, b) = self.cells.bytes().split_at(SLOT);
        Slots::new(a, b).open()
    }

    /// Puts a file in place without a detour, for a state to start from.
    fn put(&mut self, which: Which, sequence: u32, file: &[u8]) {
        let start = range(which).start as usize;
        let model_at = 32_u32.next_multiple_of(WRITE as u32);
        let record = Record { sequence, model_at, model_len: file.len() as u32 };
        let slot = &mut self.cells.bytes_mut()[start..][..SLOT];
        slot.fill(0xff);
        slot[..slots::RECORD_LEN].copy_from_slice(&record.to_bytes());
        slot[model_at as usize..][..file.len()].copy_from_slice(file);
    }

    /// Counts one operation that brings cells to `after`; tears it when the power is cut now.
    fn operate(&mut self, at: usize, after: &[u8]) -> Result<(), Fault> {
        let cells = &mut self.cells.bytes_mut()[at..][..after.len()];
        let Some(left) = self.operations_left.checked_sub(1) else {
            // Only the first operation after the cut is torn.
            let torn = std::mem::replace(&mut self.torn, Torn::Before);
            for (index, (cell, &after_)) in cells.iter_mut().zip(after).enumerate() {
                *cell = torn.apply(*cell, after_, index, after.len());
            }
            return Err(Fault::PowerCut);
        };
        self.operations_left = left;
        cells.copy_from_slice(after);
        if let Some((worn, bits)) = self.worn
            && let Some(cell) = worn.checked_sub(at).and_then(|place| cells.get_mut(place))
        {
            *cell ^= bits;
        }
        Ok(())
    }
}

impl<const WRITE: usize> ErrorType for Flash<WRITE> {
    type Error = Fault;
}

impl<const WRITE: usize> ReadNorFlash for Flash<WRITE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        check_read(self, offset, bytes.len()).map_err(Fault::Driver)?;
        bytes.copy_from_slice(&self.cells.bytes()[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        2 * SLOT
    }
}

impl<const WRITE: usize> NorFlash for Flash<WRITE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        check_erase(self, from, to).map_err(Fault::Driver)?;
        let mut sectors: Vec<usize> = (from as usize..to as usize).step_by(ERASE).collect();
        if self.backwards {
            sectors.reverse();
        }
        sectors.into_iter().try_for_each(|at| self.operate(at, &[0xff; ERASE]))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        check_write(self, offset, bytes.len()).map_err(Fault::Driver)?;
        let words = bytes.chunks(WRITE).zip((offset as usize..).step_by(WRITE));
        words.into_iter().try_for_each(|(word, at)| {
            let cells = &self.cells.bytes()[at..][..WRITE];
            assert!(
                self.worn.is_some() || cells.iter().all(|&cell| cell == 0xff),
                "a word is programmed once after each erasure"
            );
            self.operate(at, word)
        })
    }
}

fn range(which: Which) -> std::ops::Range<u32> {
    match which {
        Which::A => 0..SLOT as u32,
        Which::B => SLOT as u32..2 * SLOT as u32,
    }
}

/// What the firmware scores with.
type Pump<'a> = OwnedDetector<'a, 3, 5>;

/// Model files that differ in their seed only.
fn file(seed: u64) -> Aligned {
    encode(&Header { seed, ..header() }, &tensors())
}

/// A valid model file that [`Pump`] has no room for: its first layer has eight outputs.
fn unfit(seed: u64) -> Aligned {
    let mut wider = Header { seed, ..header() };
    wider.layers[0].outputs = 8;
    // Three weights and a bias for each output more, and its weight in each of the two latents.
    let numbers = [tensors(), vec![0.25; 3 * (3 + 1 + 2)]].concat();
    let file = encode(&wider, &numbers);
    assert_eq!(Model::from_bytes(file.bytes()).unwrap().width(), 8);
    file
}

/// Erases, writes in uneven pieces and commits, where the reader says that an update belongs; with `asks`, only a file
/// that fits.
fn update_by<const WRITE: usize>(flash: &mut Flash<WRITE>, file: &[u8], asks: bool) -> Result<(), UpdateError<Fault>> {
    let (which, sequence) =
        flash.newest().map_or((Which::A, 0), |newest| (newest.which.other(), newest.next_sequence()));
    let mut update = Update::begin(flash, range(which), sequence)?;
    for piece in file.chunks(37) {
        update.write(piece)?;
    }
    if !asks {
        return update.commit();
    }
    update.commit_if(|flash, file| {
        let file = file.start as usize..file.end as usize;
        Pump::load(&flash.cells.bytes()[file]).map(drop)
    })
}

fn update<const WRITE: usize>(flash: &mut Flash<WRITE>, file: &[u8]) -> Result<(), UpdateError<Fault>> {
    update_by(flash, file, false)
}

/// The seed of the model in use, after a check that it scores.
fn seed_in_use<const WRITE: usize>(flash: &Flash<WRITE>) -> Option<u64> {
    let mut pump = flash.newest().ok()?.loaded;
    let score = pump.score(&[20.0, -3.0, 101_300.0]).unwrap().score;
    assert!((score - 1.651_844_6).abs() < 1e-5);
    Some(pump.model().header().seed)
}

/// Cuts the power at every operation of an update, and once more at every operation of the repeated update when
/// `twice`; returns the number of cuts.
fn cut_everywhere<const WRITE: usize>(start: &Flash<WRITE>, twice: bool) -> usize {
    let (old, new) = (seed_in_use(start), file(99));
    let mut whole = Flash { operations_left: usize::MAX, ..start.clone() };
    update(&mut whole, new.bytes()).unwrap();
    let operations = usize::MAX - whole.operations_left;
    let mut cuts = 0;
    for operations_left in 0..operations {
        for torn in TORN {
            let mut flash = Flash { operations_left, torn, ..start.clone() };
            assert_eq!(update(&mut flash, new.bytes()), Err(UpdateError::Flash(Fault::PowerCut)));
            // The very last word may have made it all the same.
            let expected = if flash.cells.bytes() == whole.cells.bytes() { Some(99) } else { old };
            assert_eq!(seed_in_use(&flash), expected, "{WRITE}-byte words, cut at {operations_left}, {torn:?}");
            cuts += 1;
            flash.operations_left = usize::MAX;
            if twice {
                cuts += cut_everywhere(&flash, false);
            }
            update(&mut flash, new.bytes()).unwrap();
            assert_eq!(seed_in_use(&flash), Some(99), "the repeated update arrives");
        }
    }
    cuts
}

/// The states in which an update can begin.
fn starts<const WRITE: usize>() -> Vec<Flash<WRITE>> {
    let mut states = vec![Flash::erased(); 6];
    states[0].put(Which::A, 7, file(1).bytes());
    states[1].put(Which::B, 7, file(1).bytes());
    states[2].put(Which::A, 7, file(1).bytes());
    states[2].put(Which::B, 6, file(2).bytes());
    states[3].put(Which::A, u32::MAX, file(1).bytes());
    states[3].put(Which::B, 0, file(2).bytes());
    states[4].put(Which::A, 8, file(1).bytes());
    states[4].put(Which::B, 7, file(2).bytes());
    // The newer file is damaged: the older one is in use, and the update goes to the place of the damaged one.
    states[4].cells.bytes_mut()[200] ^= 1;
    states[5] = Flash { backwards: true, ..states[2].clone() };
    states
}

fn cut_everywhere_from_every_start<const WRITE: usize>() {
    let cuts: usize = starts::<WRITE>().iter().map(|start| cut_everywhere(start, false)).sum();
    eprintln!("{WRITE:3}-byte words: {cuts} power cuts");
}

#[test]
fn a_power_cut_at_any_operation_leaves_a_working_detector() {
    cut_everywhere_from_every_start::<1>();
    cut_everywhere_from_every_start::<2>();
    cut_everywhere_from_every_start::<4>();
    cut_everywhere_from_every_start::<8>();
    cut_everywhere_from_every_start::<16>();
    cut_everywhere_from_every_start::<32>();
    cut_everywhere_from_every_start::<64>();
    cut_everywhere_from_every_start::<128>();
    cut_everywhere_from_every_start::<256>();
}

#[test]
fn a_second_power_cut_during_the_repeated_update_changes_nothing() {
    for start in starts::<32>() {
        eprintln!("{} power cuts, up to two in a row", cut_everywhere(&start, true));
    }
}

#[test]
fn a_first_update_of_empty_flash_is_all_or_nothing() {
    let start = Flash::<8>::erased();
    cut_everywhere(&start, false);
    assert_eq!(start.newest().unwrap_err(), slots::NoModel { a: SlotError::Empty, b: SlotError::Empty });
}

/// Cuts the power at every operation of an update with a file that does not fit, whose writer asks or does not; whatever
/// is cut, what scored before scores on.
fn cut_everywhere_of_an_unfit_file<const WRITE: usize>(start: &Flash<WRITE>, asks: bool) {
    let (old, new) = (seed_in_use(start), unfit(99));
    let mut whole = start.clone();
    let outcome = update_by(&mut whole, new.bytes(), asks);
    if asks {
        assert!(matches!(outcome, Err(UpdateError::Refused(LoadError::WrongShape { width: 8, .. }))), "{outcome:?}");
    } else {
        outcome.unwrap();
    }
    let operations = usize::MAX - whole.operations_left;
    for (operations_left, torn) in (0..=operations).flat_map(|left| TORN.map(|torn| (left, torn))) {
        let mut flash = Flash { operations_left, torn, ..start.clone() };
        let outcome = update_by(&mut flash, new.bytes(), asks);
        assert_eq!(seed_in_use(&flash), old, "{WRITE}-byte words, cut at {operations_left}, {torn:?}: {outcome:?}");
        let (a, b) = flash.cells.bytes().split_at(SLOT);
        let unfit_counts = [a, b].into_iter().any(|slot| {
            let record = Record::read(slot);
            record.is_some_and(|record| record.model_len == new.bytes().len() as u32)
        });
        assert!(!(asks && unfit_counts), "commit_if gave it a record");
        flash.operations_left = usize::MAX;
        update(&mut flash, file(7).bytes()).unwrap();
        assert_eq!(seed_in_use(&flash), Some(7), "an update that fits arrives");
    }
}

#[test]
fn a_newer_file_that_does_not_fit_never_leaves_the_device_without_a_detector() {
    for asks in [false, true] {
        starts::<4>().iter().for_each(|start| cut_everywhere_of_an_unfit_file(start, asks));
        starts::<256>().iter().for_each(|start| cut_everywhere_of_an_unfit_file(start, asks));
    }
}

#[test]
fn a_newer_file_that_does_not_fit_is_rejected_and_the_reason_told() {
    let mut flash = Flash::<4>::erased();
    flash.put(Which::A, 1, file(1).bytes());
    flash.put(Which::B, 2, unfit(2).bytes());
    let newest = flash.newest().unwrap();
    assert_eq!((newest.which, newest.loaded.model().header().seed), (Which::A, 1));
    let reason = newest.rejected;
    assert!(matches!(reason, Some(SlotError::Model(LoadError::WrongShape { width: 8, detector_width: 5, .. }))));
    flash.put(Which::A, 1, unfit(1).bytes());
    let error = flash.newest().unwrap_err();
    let unfit = |error| matches!(error, SlotError::Model(LoadError::WrongShape { .. }));
    assert!(unfit(error.a) && unfit(error.b), "{error}");
}

#[test]
fn updates_take_turns_and_the_newest_is_used() {
    let mut flash = Flash::<4>::erased();
    for seed in 0..5 {
        update(&mut flash, file(seed).bytes()).unwrap();
        let newest = flash.newest().unwrap();
        assert_eq!((newest.loaded.model().header().seed, u64::from(newest.sequence)), (seed, seed));
        assert_eq!(newest.which, if seed % 2 == 0 { Which::A } else { Which::B });
    }
}

#[test]
fn a_damaged_newest_file_is_rejected_and_named() {
    let mut flash = Flash::<4>::erased();
    flash.put(Which::A, 1, file(1).bytes());
    flash.put(Which::B, 2, file(2).bytes());
    let len = file(2).bytes().len();
    for at in 32..32 + len {
        for bit in 0..8 {
            flash.cells.bytes_mut()[SLOT + at] ^= 1 << bit;
            let newest = flash.newest().unwrap();
            assert_eq!((newest.loaded.model().header().seed, newest.next_sequence()), (1, 2), "bit {bit} of byte {at}");
            assert!(matches!(newest.rejected, Some(SlotError::Model(_))));
            flash.cells.bytes_mut()[SLOT + at] ^= 1 << bit;
        }
    }
    assert_eq!(seed_in_use(&flash), Some(2));
    flash.cells.bytes_mut()[100] ^= 1;
    assert_eq!(seed_in_use(&flash), Some(2), "an older slot does not matter");
    flash.cells.bytes_mut()[SLOT + 100] ^= 1;
    let error = flash.newest().unwrap_err();
    let damaged = |error| matches!(error, SlotError::Model(LoadError::Checksum { .. }));
    assert!(damaged(error.a) && damaged(error.b), "{error}");
}

#[test]
fn what_is_no_whole_model_file_is_not_committed() {
    let old = |flash: &Flash<8>| assert_eq!(seed_in_use(flash), Some(1));
    let mut start = Flash::<8>::erased();
    start.put(Which::A, 7, file(1).bytes());
    let new = file(2);
    let len = new.bytes().len();
    let refuse = |bytes: &[u8], error: UpdateError<Fault>| {
        let mut flash = start.clone();
        assert_eq!(update(&mut flash, bytes), Err(error), "{} bytes", bytes.len());
        old(&flash);
    };
    for len in 0..len {
        refuse(&new.bytes()[..len], UpdateError::Damaged);
    }
    for extra in (1..60).chain(69..100) {
        refuse(&[new.bytes(), &vec![0xff; extra]].concat(), UpdateError::Damaged);
    }
    for byte in 0..len {
        let mut altered = file(2);
        altered.bytes_mut()[byte] ^= 0x10;
        refuse(altered.bytes(), UpdateError::Damaged);
    }
    refuse(&[new.bytes(), &[0; SLOT]].concat(), UpdateError::Full);
    refuse(b"<html>404 not found</html>", UpdateError::Damaged);
}

#[test]
fn a_cell_that_does_not_hold_what_was_written_is_noticed_at_every_place() {
    let (mut start, new) = (Flash::<8>::erased(), file(2));
    start.put(Which::A, 7, file(1).bytes());
    let model_at = slots::RECORD_LEN.next_multiple_of(16);
    let file = model_at..model_at + new.bytes().len();
    for (at, bit) in (0..slots::RECORD_LEN).chain(file).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flash = Flash { worn: Some((SLOT + at, 1 << bit)), ..start.clone() };
        assert_eq!(update(&mut flash, new.bytes()), Err(UpdateError::Damaged), "bit {bit} of byte {at}");
        assert_eq!(seed_in_use(&flash), Some(1), "bit {bit} of byte {at}");
    }
}

#[test]
fn refuses_slots_that_the_flash_cannot_erase_alone() {
    let mut flash = Flash::<8>::erased();
    flash.put(Which::A, 7, small().bytes());
    let reversed = std::ops::Range { start: 2048, end: 1024 };
    for slot in [1024..2000, 1000..2048, reversed, 1024..1024] {
        assert!(matches!(Update::begin(&mut flash, slot.clone(), 8), Err(UpdateError::Slot)), "{slot:?}");
    }
    assert!(flash.newest().is_ok());
}
