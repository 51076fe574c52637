//! Postcard's wire format, read by hand.
//!
//! Postcard's own deserializer costs 2.5 KB of a microcontroller's flash and a stack frame for each level of serde; this
//! one costs 0.6 KB. It reads what postcard reads: the tests compare the two.

use super::{
    Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing, Numbers,
};

/// Bytes that are not yet read. Each method takes a value from their front; `None` when there is none.
#[derive(Clone, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
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
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    /// Unsigned LEB128 of at most 64 bits.
    #[inline(never)]
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // The tenth byte has one bit of room.
                return (shift < 63 || bits < 2).then_some(value);
            }
        }
        None
    }

    /// A number that was written as a `T`.
    pub fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.varint()?.try_into().ok()
    }

    /// Which variant of an enum comes next.
    pub fn variant(&mut self) -> Option<u8> {
        self.number()
    }

    /// A byte string: its length, then its bytes.
    #[inline(never)]
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A string: its length, then its bytes in UTF-8.
    pub fn str(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()?).ok()
    }

    /// Reads the header into `header`; fields in the order of [`Header`].
    ///
    /// Into memory that is there already: a header by value would be copied once for each `?` on its way up.
    #[inline(never)]
    pub fn header(&mut self, header: &mut Header<'a>) -> Option<()> {
        header.numbers = match self.variant()? {
            0 => Numbers::Float32,
            1 => Numbers::Int8,
            _ => return None,
        };
        header.tool = self.bytes()?;
        header.seed = self.varint()?;
        header.inputs = self.number()?;
        header.encoder_layers = self.byte()?;
        for _ in 0..self.number::<usize>()? {
            let layer = self.layer()?;
            header.layers.push(layer).ok()?;
        }
        header.missing = match self.variant()? {
            0 => Missing::Error,
            1 => Missing::Drop,
            2 => Missing::Mean,
            _ => return None,
        };
        header.clip = f32::from_le_bytes(self.array()?);
        header.encoder_logvar = self.bool()?;
        header.decoder_variance = match self.variant()? {
            0 => DecoderVariance::Unit,
            1 => DecoderVariance::PerFeature,
            2 => DecoderVariance::PerRow,
            _ => return None,
        };
        for _ in 0..self.number::<usize>()? {
            let head = self.head()?;
            header.heads.push(head).ok()?;
        }
        header.threshold = f32::from_le_bytes(self.array()?);
        header.calibration = self.calibration()?;
        header.names = self.bytes()?;
        Some(())
    }

    fn layer(&mut self) -> Option<Layer> {
        let outputs = self.number()?;
        let activation = match self.variant()? {
            0 => Activation::Linear,
            1 => Activation::Relu,
            _ => return None,
        };
        Some(Layer { outputs, activation })
    }

    fn head(&mut self) -> Option<HeadSpec> {
        let kind = match self.variant()? {
            0 => HeadKind::Mse,
            1 => HeadKind::Nll,
            2 => HeadKind::Elbo,
            3 => HeadKind::Mahalanobis,
            4 => HeadKind::ReconstructionProbability { draws: self.byte()? },
            5 => HeadKind::JointMahalanobis { full: self.bool()? },
            6 => HeadKind::Neighbours { rows: self.number()?, nearest: self.byte()? },
            7 => HeadKind::Histogram { bins: self.byte()? },
            8 => HeadKind::Isolation { trees: self.byte()?, depth: self.byte()? },
            _ => return None,
        };
        Some(HeadSpec { kind, knots: self.byte()? })
    }

    fn calibration(&mut self) -> Option<Calibration> {
        Some(Calibration {
            set: match self.variant()? {
                0 => CalibrationSet::TestNormals,
                1 => CalibrationSet::Holdout,
                2 => CalibrationSet::TrainingRows,
                3 => CalibrationSet::File,
                4 => CalibrationSet::ByHand,
                _ => return None,
            },
            rows: self.number()?,
            exceedances: self.number()?,
            quantile: if self.bool()? { Some(f64::from_le_bytes(self.array()?)) } else { None },
        })
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
        let (mut reader, mut header) = (Reader(bytes), Header::empty());
        reader.header(&mut header).map(|()| (header, reader.0.len()))
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
        fn makes_of_any_bytes_what_postcard_makes_of_them(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), 0..20_u8, any::<u8>()], 0..60),
        ) {
            // NaN thresholds are equal only as bits; their text is the same.
            prop_assert_eq!(std::format!("{:?}", by_hand(&bytes)), std::format!("{:?}", by_postcard(&bytes)));
        }
    }
}
