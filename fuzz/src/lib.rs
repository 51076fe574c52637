//! What the targets share: aligned bytes, and a mutator that gets past the checksum.
//!
//! Random bytes fail at the checksum and teach the fuzzer nothing about the checks behind it. So most mutated inputs are
//! sealed again with a correct length and CRC-32, and some are rebuilt from whatever header still decodes, with as many
//! names and tensors as its shapes ask for.

use crc::{CRC_32_ISO_HDLC, Crc};
use edgevae_core::format::{self, DecoderVariance, HeadKind, Header, Missing, Numbers};
use libfuzzer_sys::fuzzer_mutate;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Magic, version and length.
const PREFIX: usize = 9;
const CRC_LEN: usize = 4;

/// Bytes at an address that is a multiple of 16.
pub struct Aligned(Vec<u128>, usize);

impl Aligned {
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self(words, bytes.len())
    }

    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.0)[..self.1]
    }
}

/// Where the model file ends in an input: at its declared length, or at the end of the input.
pub fn file_len(input: &[u8]) -> usize {
    format::declared_length(input).unwrap_or(input.len()).min(input.len())
}

/// A mutator for inputs that begin with a model file; what follows the file is left to the target.
pub fn mutate_model(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let size = fuzzer_mutate(data, size, max_size);
    match seed % 8 {
        0 => size,
        1..=4 => {
            let len = file_len(&data[..size]);
            seal(&mut data[..len]);
            size
        }
        _ => rebuild(data, size, max_size).unwrap_or(size),
    }
}

/// Gives a file its magic, version, length and checksum.
pub fn seal(file: &mut [u8]) {
    if file.len() < PREFIX + CRC_LEN {
        return;
    }
    let len = file.len() as u32;
    let (body, checksum) = file.split_at_mut(file.len() - CRC_LEN);
    body[..4].copy_from_slice(&format::MAGIC);
    if body[4] != format::VERSION_WITH_INPUT {
        body[4] = format::VERSION;
    }
    body[5..PREFIX].copy_from_slice(&len.to_le_bytes());
    checksum.copy_from_slice(&CRC.checksum(body).to_le_bytes());
}

/// Encodes the header that still decodes with names and tensors that fit it; `None` when there is none or no room, and for
/// an int8 model, whose sums the loader bounds by its weights: numbers made up here would never pass.
fn rebuild(data: &mut [u8], size: usize, max_size: usize) -> Option<usize> {
    let old = data.get(..size)?.to_vec();
    let file = file_len(&old);
    let (header, rest) = postcard::take_from_bytes::<Header<'_>>(old.get(PREFIX..file)?).ok()?;
    if header.numbers == Numbers::Int8 {
        return None;
    }
    let inputs = usize::from(header.inputs);
    let mut layers = header.layers.clone();
    layers.last_mut()?.outputs = header.inputs;
    let needed = tensors_needed(&Header { layers: layers.clone(), ..header.clone() });
    let tail = &old[file..];
    if inputs + 4 * needed + tail.len() + header.tool.len() + 256 > max_size {
        return None;
    }
    let tensors = rest.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word));
    let tensors: Vec<f32> = tensors.chain(std::iter::repeat(0.5)).take(needed).collect();
    // Names of one letter each: as many as inputs.
    let names: Vec<u8> = (0..inputs).flat_map(|index| [1, b'a' + (index % 26) as u8]).collect();
    let header = Header { layers, names: &names, ..header };
    let len = format::encode(&header, &tensors, &mut data[..max_size - tail.len()]).ok()?;
    data[len..][..tail.len()].copy_from_slice(tail);
    Some(len + tail.len())
}

/// Numbers that the shapes and heads of a header ask for, as `docs/FORMAT.md` counts them.
fn tensors_needed(header: &Header<'_>) -> usize {
    let inputs = usize::from(header.inputs);
    let widths: Vec<usize> = header.layers.iter().map(|layer| layer.outputs.into()).collect();
    let width_after = |layer: Option<usize>| layer.map_or(inputs, |layer| widths.get(layer).copied().unwrap_or(0));
    let latent = usize::from(header.encoder_layers).checked_sub(1).map_or(0, |layer| width_after(Some(layer)));
    let mut needed = inputs * if header.missing == Missing::Mean { 3 } else { 2 };
    let before = std::iter::once(inputs).chain(widths.iter().copied());
    needed += widths.iter().zip(before).map(|(outputs, inputs)| outputs * (inputs + 1)).sum::<usize>();
    if header.encoder_logvar {
        needed += latent * (1 + width_after(usize::from(header.encoder_layers).checked_sub(2)));
    }
    needed += match header.decoder_variance {
        DecoderVariance::Unit => 0,
        DecoderVariance::PerFeature => inputs,
        DecoderVariance::PerRow => inputs * (1 + width_after(widths.len().checked_sub(2))),
    };
    let heads = header.heads.iter().map(|head| {
        let tail = if head.knots == 0 { 0 } else { 2 + usize::from(head.knots) };
        tail + match head.kind {
            HeadKind::Mse | HeadKind::Nll | HeadKind::Elbo => 0,
            HeadKind::Mahalanobis => latent * (latent + 1) / 2 + latent,
            HeadKind::ReconstructionProbability { draws } => latent * usize::from(draws),
            HeadKind::JointMahalanobis { full } => {
                let joint = inputs + latent;
                joint + if full { joint * (joint + 1) / 2 } else { joint }
            }
            HeadKind::Histogram { bins } => inputs * (3 + usize::from(bins)),
            HeadKind::Neighbours { rows, .. } => (usize::from(rows) * inputs).div_ceil(4),
            HeadKind::Isolation { trees, depth } => {
                let leaves = 1_usize << depth.min(16);
                usize::from(trees) * (leaves - 1 + leaves.div_ceil(4))
            }
        }
    });
    needed + heads.sum::<usize>()
}
