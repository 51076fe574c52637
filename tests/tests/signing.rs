//! Keys, signed models and who takes them, through the binary.

use std::fs;
use std::path::Path;
use std::process::Command;

use edgevae_core::{Model, PublicKey, SignatureError};
use edgevae_tests::{edgevae, names};
use edgevae_trainer::export::model_file::AlignedBytes;
use edgevae_trainer::export::signing::Public;

/// A small model `m.evae`, rows `rows.csv`, and a key pair `k`, `k.pub` in a folder.
fn prepared(dir: &Path) {
    edgevae(dir, "synth --rows 200 --features 3 --out rows.csv").ok();
    edgevae(dir, "train --data rows.csv --label label --epochs 2 --hidden 4 --latent 1 --quiet --out run").ok();
    fs::rename(dir.join("run/model.evae"), dir.join("m.evae")).unwrap();
    fs::remove_dir_all(dir.join("run")).unwrap();
    let rust = edgevae(dir, "keygen --out k").ok();
    assert!(rust.starts_with("const PUBLIC_KEY: [u8; 32] = ["), "{rust}");
}

fn key_of(dir: &Path, name: &str) -> PublicKey {
    Public::read(&dir.join(name)).unwrap().to_core().unwrap()
}

#[test]
fn a_signed_model_is_taken_by_whoever_has_the_public_key_and_by_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    edgevae(dir, "keygen --out other").ok();
    edgevae(dir, "sign --model m.evae --key k --out s.evae").ok();
    edgevae(dir, "verify --model s.evae --key k.pub").ok();
    edgevae(dir, "verify --model s.evae --key k").ok();
    edgevae(dir, "verify --model s.evae --key other.pub").fails_with(&["s.evae", "another key"]);
    edgevae(dir, "verify --model m.evae --key k.pub").fails_with(&["m.evae", "not signed", "edgevae sign"]);
    edgevae(dir, "verify --model none.evae --key k.pub").fails_with(&["none.evae"]);
    edgevae(dir, "verify --model s.evae --key none.pub").fails_with(&["none.pub"]);
    edgevae(dir, "sign --model s.evae --key k.pub --out t.evae").fails_with(&["k.pub", "secret key"]);

    let signed = fs::read(dir.join("s.evae")).unwrap();
    let mut altered = signed.clone();
    altered[60] ^= 1;
    fs::write(dir.join("altered.evae"), altered).unwrap();
    edgevae(dir, "verify --model altered.evae --key k.pub").fails_with(&["altered.evae", "altered since"]);

    // The device's side of it.
    let bytes = AlignedBytes::new(&signed);
    assert!(Model::from_signed_bytes(bytes.as_slice(), &key_of(dir, "k.pub")).is_ok());
    let refused = Model::from_signed_bytes(bytes.as_slice(), &key_of(dir, "other.pub"));
    assert_eq!(refused.unwrap_err(), SignatureError::Wrong);

    edgevae(dir, "quantize --model m.evae --data rows.csv --label label --out q.evae --quiet").ok();
    edgevae(dir, "sign --model q.evae --key k --out sq.evae").ok();
    edgevae(dir, "verify --model sq.evae --key k.pub").ok();
    edgevae(dir, "verify --model sq.evae --key other.pub").fails_with(&["sq.evae", "another key"]);

    edgevae(dir, "sign --model s.evae --key other --out again.evae").ok();
    edgevae(dir, "verify --model again.evae --key other.pub").ok();
    assert_eq!(fs::metadata(dir.join("again.evae")).unwrap().len(), signed.len() as u64, "the signature is replaced");
}

#[test]
fn the_other_commands_take_signed_models_and_say_that_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    edgevae(dir, "sign --model m.evae --key k --out s.evae").ok();
    let score = |model: &str| edgevae(dir, &format!("score --model {model} --data rows.csv --quiet")).ok();
    assert_eq!(score("s.evae"), score("m.evae"));
    let inspect = |model: &str| {
        let text = edgevae(dir, &format!("inspect {model} --json")).ok();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    assert_eq!((&inspect("s.evae")["signed"], &inspect("m.evae")["signed"]), (&true.into(), &false.into()));
    assert_eq!(inspect("s.evae")["file_bytes"], fs::metadata(dir.join("s.evae")).unwrap().len());
    let run = edgevae(dir, "calibrate --model s.evae --data rows.csv --label label --out c.evae");
    assert!(run.stderr.contains("not signed any more"), "{}", run.stderr);
    assert_eq!(inspect("c.evae")["signed"], false);

    // Half a signature is no signature: the file is refused as one that something was appended to.
    let signed = fs::read(dir.join("s.evae")).unwrap();
    fs::write(dir.join("half.evae"), &signed[..signed.len() - 1]).unwrap();
    edgevae(dir, "inspect half.evae").fails_with(&["half.evae", "appended"]);
}

#[test]
fn a_key_is_for_its_owner_and_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    edgevae(dir, "keygen --out k").ok();
    let secret = fs::read(dir.join("k")).unwrap();
    edgevae(dir, "keygen --out k").fails_with(&["k exists", "never replaced"]);
    fs::rename(dir.join("k"), dir.join("moved")).unwrap();
    edgevae(dir, "keygen --out k").fails_with(&["k.pub exists"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", dir.join("link")).unwrap();
        edgevae(dir, "keygen --out link").fails_with(&["link exists", "never replaced"]);
        assert!(dir.join("link").is_symlink() && !dir.join("link.pub").exists());
        fs::remove_file(dir.join("link")).unwrap();
    }
    assert_eq!((names(dir), fs::read(dir.join("moved")).unwrap()), (vec!["k.pub".into(), "moved".into()], secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(dir.join("moved")).unwrap().permissions().mode() & 0o777, 0o600);
        fs::create_dir(dir.join("model")).unwrap();
        prepared(&dir.join("model"));
        fs::set_permissions(dir.join("model/k"), fs::Permissions::from_mode(0o644)).unwrap();
        let run = edgevae(&dir.join("model"), "sign --model m.evae --key k --out s.evae");
        assert!(run.stderr.contains("chmod 600 k"), "{}", run.stderr);
        run.ok();
    }
}

#[test]
fn signing_replaces_models_only() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    edgevae(dir, "keygen --out other").ok();
    for other in ["other", "k.pub", "rows.csv"] {
        let before = fs::read(dir.join(other)).unwrap();
        edgevae(dir, &format!("sign --model m.evae --key k --out {other}")).fails_with(&[other, "is no model file"]);
        assert_eq!(fs::read(dir.join(other)).unwrap(), before);
    }
    edgevae(dir, "sign --model m.evae --key k --out m.evae").ok();
    edgevae(dir, "verify --model m.evae --key k.pub").ok();
}

#[test]
fn openssl_checks_the_signature_and_its_keys_sign() {
    let openssl =
        |dir: &Path, words: &str| Command::new("openssl").args(words.split_whitespace()).current_dir(dir).output().ok();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    if openssl(dir, "version").is_none() {
        eprintln!("SKIPPED: openssl is not installed");
        return;
    }
    prepared(dir);
    let ok = |words: &str| {
        let output = openssl(dir, words).unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    };
    ok("genpkey -algorithm ed25519 -out theirs");
    edgevae(dir, "sign --model m.evae --key theirs --out s.evae").ok();
    ok("pkey -in theirs -pubout -out theirs.pub");
    edgevae(dir, "verify --model s.evae --key theirs.pub").ok();

    edgevae(dir, "sign --model m.evae --key k --out s.evae").ok();
    let signed = fs::read(dir.join("s.evae")).unwrap();
    fs::write(dir.join("signature"), &signed[signed.len() - 64..]).unwrap();
    ok("pkeyutl -verify -rawin -pubin -inkey k.pub -in m.evae -sigfile signature");
}
