//! Embeds the model; the memory map is esp-hal's.

fn main() {
    edgevae_embed::model(64 * 1024);
}
