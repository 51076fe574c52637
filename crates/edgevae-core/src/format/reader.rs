//! Postcard's wire format, read by hand.
//!
//! Postcard's own deserializer costs 2.5 KB of a microcontroller's flash and a stack frame for each level of serde; this
//! one costs 0.6 KB. It reads what postcard reads: the tests compare the two.

use super::{
    Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing, Numbers,
};
use crate::dense::keep_rolled;

/// Bytes of the longest number: 64 bits, 7 in each.
const LONGEST: usize = 10;

/// Bytes that are not yet read. Each method takes a value from their front; `None` when there is none.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub bytes: &'a [u8],
    /// A variant was met that this build does not know: the file was written by a newer edgevae.
    pub newer: bool,
    /// Upper half of the number that was read last.
    high: u32,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, newer: false, high: 0 }
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    fn bool(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*array)
    }

    /// Unsigned LEB128 of at most 64 bits, in as few bytes as it takes: a model has one encoding. The low half, which is
    /// returned in registers; the other is in `high`.
    #[inline(never)]
    fn halves(&mut self) -> Option<u32> {
        let last = self.bytes.iter().take(LONGEST).position(|&byte| byte < 0x80)?;
        let (digits, rest) = self.bytes.split_at_checked(last.saturating_add(1))?;
        self.bytes = rest;
        let (&top, _) = digits.split_last()?;
        // A last byte of zeros is one too many; the tenth has one bit of room.
        if (top == 0 && last > 0) || (top > 1 && digits.len() == LONGEST) {
            return None;
        }
        let (mut low, mut high) = (0, 0);
        for &digit in digits.iter().rev() {
            high = high << 7 | low >> 25;
            low = low << 7 | u32::from(digit & 0x7f);
            keep_rolled();
        }
        self.high = high;
        Some(low)
    }

    /// A number of at most 32 bits.
    #[inline(never)]
    fn word(&mut self) -> Option<u32> {
        let low = self.halves()?;
        if self.high > 0 { None } else { Some(low) }
    }

    fn long(&mut self) -> Option<u64> {
        let low = self.halves()?;
        Some(u64::from(self.high) << 32 | u64::from(low))
    }

    /// A number that was written as a `T`.
    #[inline]
    pub fn number<T: TryFrom<u32>>(&mut self) -> Option<T> {
        self.word()?.try_into().ok()
    }

    /// Which of an enum's `known` variants comes next, a number below that; one beyond makes the file newer
    /// than this build.
    #[inline(never)]
    pub fn variant(&mut self, known: u32) -> Option<u32> {
        let variant = self.number()?;
        self.newer = variant >= known;
        if self.newer { None } else { Some(variant) }
    }

    /// A byte string: its length, then its bytes.
    #[inline(never)]
    pub fn slice(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (bytes, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(bytes)
    }

    /// A string: its length, then its bytes in UTF-8.
    pub fn str(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.slice()?).ok()
    }

    /// Reads the header into `header`; fields in the order of [`Header`].
    ///
    /// Into memory that is there already: a header by value would be copied once for each `?` on its way up.
    #[inline(never)]
    pub fn header(&mut self, header: &mut Header<'a>) -> Option<()> {
        header.numbers = match self.variant(2)? {
            0 => Numbers::Float32,
            _ => Numbers::Int8,
        };
        header.tool = self.slice()?;
        header.seed = self.long()?;
        header.inputs = self.number()?;
        header.encoder_layers = self.byte()?;
        for _ in 0..self.number::<usize>()? {
            let layer = self.layer()?;
            header.layers.push(layer).ok()?;
        }
        header.missing = match self.variant(3)? {
            0 => Missing::Error,
            1 => Missing::Drop,
            _ => Missing::Mean,
        };
        header.clip = f32::from_le_bytes(self.array()?);
        header.encoder_logvar = self.bool()?;
        header.decoder_variance = match self.variant(3)? {
            0 => DecoderVariance::Unit,
            1 => DecoderVariance::PerFeature,
            _ => DecoderVariance::PerRow,
        };
        for _ in 0..self.number::<usize>()? {
            let head = self.head()?;
            header.heads.push(head).ok()?;
        }
        header.threshold = f32::from_le_bytes(self.array()?);
        self.calibration(&mut header.calibration)?;
        header.names = self.slice()?;
        Some(())
    }

    fn layer(&mut self) -> Option<Layer> {
        let outputs = self.number()?;
        let activation = match self.variant(2)? {
            0 => Activation::Linear,
            _ => Activation::Relu,
        };
        Some(Layer { outputs, activation })
    }

    fn head(&mut self) -> Option<HeadSpec> {
        let kind = match self.variant(9)? {
            0 => HeadKind::Mse,
            1 => HeadKind::Nll,
            2 => HeadKind::Elbo,
            3 => HeadKind::Mahalanobis,
            4 => HeadKind::ReconstructionProbability { draws: self.byte()? },
            5 => HeadKind::JointMahalanobis { full: self.bool()? },
            6 => HeadKind::Neighbours { rows: self.number()?, nearest: self.byte()? },
            7 => HeadKind::Histogram { bins: self.byte()? },
            _ => HeadKind::Isolation { trees: self.byte()?, depth: self.byte()? },
        };
        Some(HeadSpec { kind, knots: self.byte()? })
    }

    fn calibration(&mut self, calibration: &mut Calibration) -> Option<()> {
        calibration.set = match self.variant(5)? {
            0 => CalibrationSet::TestNormals,
            1 => CalibrationSet::Holdout,
            2 => CalibrationSet::TrainingRows,
            3 => CalibrationSet::File,
            _ => CalibrationSet::ByHand,
        };
        calibration.rows = self.number()?;
        calibration.exceedances = self.number()?;
        calibration.quantile = if self.bool()? { Some(f64::from_le_bytes(self.array()?)) } else { None };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    /// What postcard makes of the same bytes, and how many it leaves.
    fn by_postcard(bytes: &[u8]) -> Option<(Header<'_>, usize)> {
        postcard::take_from_bytes(bytes).ok().map(|(header, rest)| (header, rest.len()))
    }

    fn by_hand(bytes: &[u8]) -> Option<(Header<'_>, usize)> {
        let (mut reader, mut header) = (Reader::new(bytes), Header::empty());
        reader.header(&mut header).map(|()| (header, reader.bytes.len()))
    }

    proptest! {
        #[test]
        fn reads_the_headers_that_postcard_writes(
            (tool, names) in ("\\PC{0,9}", prop::collection::vec(any::<u8>(), 0..300)),
            (seed, inputs, encoder_layers) in any::<(u64, u16, u8)>(),
            widths in prop::collection::vec(any::<u16>(), 0..=16),
            (missing, encoder_logvar, decoder_variance, int8) in any::<(u8, bool, u8, bool)>(),
            heads in prop::collection::vec(any::<(u8, u8, u16, u8)>(), 0..=6),
            clip in -9.0_f32..9.0,
            (threshold, rows, exceedances, quantile) in (-9.0_f32..9.0, any::<u32>(), any::<u32>(), prop::option::of(0.0..1.0)),
        ) {
            let layer = |outputs: u16| {
                let activation = if outputs.is_multiple_of(2) { Activation::Linear } else { Activation::Relu };
                Layer { outputs, activation }
            };
            let head = |(kind, draws, rows, knots): (u8, u8, u16, u8)| {
                let kind = match kind % 9 {
                    0 => HeadKind::Mse,
                    1 => HeadKind::Nll,
                    2 => HeadKind::Elbo,
                    3 => HeadKind::Mahalanobis,
                    4 => HeadKind::ReconstructionProbability { draws },
                    5 => HeadKind::JointMahalanobis { full: draws.is_multiple_of(2) },
                    6 => HeadKind::Neighbours { rows, nearest: draws },
                    7 => HeadKind::Histogram { bins: draws },
                    _ => HeadKind::Isolation { trees: draws, depth: knots },
                };
                HeadSpec { kind, knots }
            };
            let set = [CalibrationSet::TestNormals, CalibrationSet::Holdout, CalibrationSet::TrainingRows,
                CalibrationSet::File, CalibrationSet::ByHand][usize::from(missing % 5)];
            let header = Header {
                numbers: if int8 { Numbers::Int8 } else { Numbers::Float32 },
                tool: tool.as_bytes(),
                seed,
                inputs,
                encoder_layers,
                layers: widths.into_iter().map(layer).collect(),
                missing: [Missing::Error, Missing::Drop, Missing::Mean][usize::from(missing % 3)],
                clip,
                encoder_logvar,
                decoder_variance: [DecoderVariance::Unit, DecoderVariance::PerFeature, DecoderVariance::PerRow]
                    [usize::from(decoder_variance % 3)],
                heads: heads.into_iter().map(head).collect(),
                threshold,
                calibration: Calibration { set, rows, exceedances, quantile },
                names: &names,
            };
            let mut buffer = vec![0; 700];
            let written = postcard::to_slice(&header, &mut buffer).unwrap();
            prop_assert_eq!(by_hand(written), Some((header.clone(), 0)));
            for length in 0..written.len() {
                prop_assert_eq!(by_hand(&written[..length]), None, "cut to {} bytes", length);
            }
        }

        #[test]
        fn takes_of_any_bytes_those_that_postcard_writes(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), 0..20_u8, any::<u8>()], 0..60),
        ) {
            let read = by_postcard(&bytes).filter(|(header, rest)| {
                let mut again = vec![0; 200];
                *postcard::to_slice(header, &mut again).unwrap() == bytes[..bytes.len() - rest]
            });
            // NaN thresholds are equal only as bits; their text is the same.
            prop_assert_eq!(std::format!("{:?}", by_hand(&bytes)), std::format!("{:?}", read));
        }
    }

    #[test]
    fn a_number_has_one_encoding() {
        let number = |bytes: &[u8]| Reader::new(bytes).long();
        let short = |bytes: &[u8]| Reader::new(bytes).number::<u16>();
        assert_eq!((number(&[0]), number(&[0x80, 1]), number(&[0x7f])), (Some(0), Some(128), Some(127)));
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Some(u64::MAX));
        for overlong in [&[0x80, 0][..], &[0xff, 0x80, 0], &[0x81, 0x80, 0x80, 0x80, 0]] {
            assert_eq!((number(overlong), short(overlong)), (None, None), "{overlong:?}");
        }
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None, "65 bits");
        assert_eq!(number(&[0xff; 11]), None, "more than ten bytes");
        assert_eq!((short(&[0xff, 0xff, 3]), short(&[0x80, 0x80, 4])), (Some(u16::MAX), None), "17 bits in 16");
    }
}
