//! The header is what cbindgen makes of the sources, and compiles without a warning and without a C library.

use std::path::Path;
use std::process::Command;

#[test]
fn the_checked_in_header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    // `lib.rs` leads to the modules below it; a file that is named beside it would be there twice.
    let builder = cbindgen::Builder::new().with_config(config).with_src(root.join("src/lib.rs"));
    builder.generate().unwrap().write(&mut header);
    let path = root.join("include/edgevae.h");
    if std::env::var_os("EDGEVAE_WRITE_HEADER").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    let found = std::fs::read(&path).unwrap_or_default();
    assert!(
        found == header,
        "edgevae.h is not what the sources say; run: EDGEVAE_WRITE_HEADER=1 cargo test -p edgevae-capi"
    );
}

#[test]
fn the_header_compiles_with_the_headers_of_a_freestanding_compiler_alone() {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/edgevae.h");
    let cc = |arguments: &[&str]| {
        let output = Command::new("cc").args(arguments).output().expect("cc, which links this test too");
        assert!(output.status.success(), "cc {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let own_headers = cc(&["-print-file-name=include"]);
    let path = header.to_str().unwrap();
    for language in [["-x", "c", "-std=c99"], ["-x", "c++", "-std=c++11"]] {
        let warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wredundant-decls", "-Werror", "-fsyntax-only"];
        let freestanding = ["-ffreestanding", "-nostdinc", "-isystem", own_headers.trim()];
        cc(&[&language[..], &warnings, &freestanding, &["-include", path, "/dev/null"]].concat());
    }
}
