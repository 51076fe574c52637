//! Embeds the model and hands `memory.x` to the linker.

fn main() {
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    edgevae_embed::float_model(64 * 1024);
}
