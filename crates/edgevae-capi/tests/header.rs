//! The header is what cbindgen makes of the sources.

use std::path::Path;

#[test]
fn the_checked_in_header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    let sources = ["src/lib.rs", "src/status.rs"];
    let builder = sources
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), |builder, source| builder.with_src(root.join(source)));
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
