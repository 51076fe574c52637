//! Only the very bytes that the holder of the key signed are a model.

mod common;

use common::{Aligned, small};
use ed25519_dalek::{Signer, SigningKey};
use edgevae_core::signature::{self, TRAILER_LEN};
use edgevae_core::slots::{Record, SlotError, Slots};
use edgevae_core::{LoadError, Model, PublicKey, QuantizedDetector, QuantizedModel, RawModel, SignatureError};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_bytes(&key.verifying_key().to_bytes()).unwrap()
}

fn signed(file: &[u8], key: &SigningKey) -> Aligned {
    Aligned::new(&[file, &signature::MAGIC, &key.sign(file).to_bytes()].concat())
}

#[test]
fn a_signed_model_loads_with_its_key_and_with_no_other() {
    let file = small();
    let signed = signed(file.bytes(), &key(1));
    let model = Model::from_signed_bytes(signed.bytes(), &public(&key(1))).unwrap();
    assert_eq!(model.tensors(), Model::from_bytes(file.bytes()).unwrap().tensors());
    let other = Model::from_signed_bytes(signed.bytes(), &public(&key(2)));
    assert_eq!(other.unwrap_err(), SignatureError::Wrong);
}

#[test]
fn refuses_an_unsigned_model_and_the_plain_reader_refuses_a_signed_one() {
    let file = small();
    let error = Model::from_signed_bytes(file.bytes(), &public(&key(1))).unwrap_err();
    assert_eq!(error, SignatureError::Unsigned);
    let signed = signed(file.bytes(), &key(1));
    let expected = file.bytes().len();
    let error = Model::from_bytes(signed.bytes()).unwrap_err();
    assert_eq!(error, LoadError::TrailingBytes { expected, found: expected + TRAILER_LEN });
}

#[test]
fn refuses_every_single_flipped_bit_every_truncation_and_every_extension() {
    let mut signed = signed(small().bytes(), &key(1));
    let public = public(&key(1));
    let len = signed.bytes().len();
    for bit in 0..8 * len {
        signed.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::from_signed_bytes(signed.bytes(), &public).is_err(), "bit {bit}");
        signed.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
    }
    for len in 0..len {
        assert!(Model::from_signed_bytes(&signed.bytes()[..len], &public).is_err(), "{len} bytes");
    }
    for extra in 1..100 {
        let longer = Aligned::new(&[signed.bytes(), &vec![0; extra]].concat());
        assert!(Model::from_signed_bytes(longer.bytes(), &public).is_err(), "{extra} more bytes");
    }
    assert!(Model::from_signed_bytes(signed.bytes(), &public).is_ok());
}

#[test]
fn an_altered_model_with_a_corrected_checksum_is_refused() {
    // Whoever can compute a CRC passes the plain reader; the signature is what stops them.
    let forged =
        common::encode(&edgevae_core::format::Header { threshold: 1e9, ..common::header() }, &common::tensors());
    assert!(Model::from_bytes(forged.bytes()).is_ok());
    let (file, signed) = (small(), signed(small().bytes(), &key(1)));
    let (_, trailer) = signed.bytes().split_at(file.bytes().len());
    let forged = Aligned::new(&[forged.bytes(), trailer].concat());
    let error = Model::from_signed_bytes(forged.bytes(), &public(&key(1))).unwrap_err();
    assert_eq!(error, SignatureError::Wrong);
}

#[test]
fn a_signature_does_not_make_a_model() {
    let mut damaged = small();
    damaged.bytes_mut()[100] ^= 1;
    let signed = signed(damaged.bytes(), &key(1));
    let error = Model::from_signed_bytes(signed.bytes(), &public(&key(1))).unwrap_err();
    assert!(matches!(error, SignatureError::Load(LoadError::Checksum { .. })), "{error}");
    let error = Model::from_signed_bytes(b"\x89PNG\r\n", &public(&key(1))).unwrap_err();
    assert_eq!(error, SignatureError::Load(LoadError::NotAModel));
}

#[test]
fn refuses_keys_with_which_anybody_could_sign() {
    let mut neutral_element = [0; 32];
    neutral_element[0] = 1;
    let no_point = [0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for bytes in [[0; 32], neutral_element, no_point] {
        assert_eq!(PublicKey::from_bytes(&bytes).unwrap_err(), SignatureError::Key, "{bytes:02x?}");
    }
}

#[test]
fn slots_fall_back_from_a_wrongly_signed_update() {
    let (ours, theirs) = (signed(small().bytes(), &key(1)), signed(small().bytes(), &key(2)));
    let slot = |sequence, file: &[u8]| {
        let record = Record { sequence, model_at: 32, model_len: file.len() as u32 };
        Aligned::new(&[&record.to_bytes()[..], &[0xff; 12], file, &[0xff; 100]].concat())
    };
    let (a, b) = (slot(1, ours.bytes()), slot(2, theirs.bytes()));
    let public = public(&key(1));
    let newest = Slots::new(a.bytes(), b.bytes()).open_by(|file| Model::from_signed_bytes(file, &public)).unwrap();
    assert_eq!((newest.sequence, newest.rejected), (1, Some(SlotError::Model(SignatureError::Wrong))));
}

#[test]
fn models_of_every_kind_are_signed_and_updated_alike() {
    static INT8: &[u8] = edgevae_core::include_model!("data/small-int8-v1.evae");
    static RAW: &[u8] = edgevae_core::include_model!("data/small-v2.evae");
    let public = public(&key(1));
    let slots_of = |file: &[u8]| {
        let slot = |sequence, file: &[u8]| {
            let record = Record { sequence, model_at: 32, model_len: file.len() as u32 };
            Aligned::new(&[&record.to_bytes()[..], &[0xff; 12], file, &[0xff; 100]].concat())
        };
        (slot(1, signed(file, &key(1)).bytes()), slot(2, signed(file, &key(2)).bytes()))
    };
    let wrong = Some(SlotError::Model(SignatureError::Wrong));
    let (a, b) = slots_of(INT8);
    let load = |file| QuantizedModel::from_signed_bytes(file, &public);
    let newest = Slots::new(a.bytes(), b.bytes()).open_by(load).unwrap();
    assert_eq!((newest.sequence, newest.rejected), (1, wrong));
    assert!(QuantizedDetector::<3, 5>::new(&newest.loaded).is_ok());
    let (a, b) = slots_of(RAW);
    let load = |file| RawModel::from_signed_bytes(file, &public);
    let newest = Slots::new(a.bytes(), b.bytes()).open_by(load).unwrap();
    assert_eq!((newest.sequence, newest.rejected), (1, wrong));
    assert_eq!(newest.loaded.encoder().raw(), RawModel::from_bytes(RAW).unwrap().encoder().raw());
}

#[test]
fn the_signature_is_that_of_rfc_8032() {
    // Test 1 of RFC 8032, section 7.1, through the same check: an empty message.
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let secret = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    let key = SigningKey::from_bytes(secret.first_chunk().unwrap());
    assert_eq!(key.verifying_key().to_bytes(), *public);
    assert_eq!(key.sign(b"").to_bytes().to_vec(), hex(signature));
}
