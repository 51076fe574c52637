//! Embeds the model; the memory map is esp-hal's.

fn main() {
    edgevae_embed::float_model(64 * 1024);
}
