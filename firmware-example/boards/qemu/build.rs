//! Writes the memory map of the board that `EDGEVAE_BOARD` names, and embeds the model.

use std::path::PathBuf;
use std::{env, fs};

const BOARDS: &str = include_str!("boards.csv");
/// RAM that is not the detector's: stack, output buffer.
const OTHER_RAM: usize = 6 * 1024;

fn main() {
    println!("cargo::rerun-if-env-changed=EDGEVAE_BOARD");
    println!("cargo::rerun-if-changed=boards.csv");
    let target = env::var("TARGET").expect("cargo sets TARGET for build scripts");
    let name = env::var("EDGEVAE_BOARD").unwrap_or_default();
    let [_, _, board_target, _, flash_origin, flash_bytes, ram_origin, ram_bytes, _] = board(&name);
    assert_eq!(target, board_target, "board {name} has target {board_target}: build with --target {board_target}");

    let mut map = format!(
        "MEMORY {{\n  FLASH : ORIGIN = {flash_origin}, LENGTH = {flash_bytes}\n  \
         RAM : ORIGIN = {ram_origin}, LENGTH = {ram_bytes}\n}}\n"
    );
    if target.starts_with("riscv") {
        for region in ["TEXT", "RODATA"] {
            map += &format!("REGION_ALIAS(\"REGION_{region}\", FLASH);\n");
        }
        for region in ["DATA", "BSS", "HEAP", "STACK"] {
            map += &format!("REGION_ALIAS(\"REGION_{region}\", RAM);\n");
        }
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    fs::write(out.join("memory.x"), map).expect("OUT_DIR is writable");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");

    let ram: usize = ram_bytes.parse().expect("boards.csv: ram_bytes is a number");
    edgevae_embed::any_model(ram - OTHER_RAM);
}

/// The line of `boards.csv` that begins with `name`.
fn board(name: &str) -> [&'static str; 9] {
    let line = BOARDS.lines().skip(1).find(|line| line.split(',').next() == Some(name));
    let names: Vec<&str> = BOARDS.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let line = line.unwrap_or_else(|| panic!("EDGEVAE_BOARD is `{name}`; boards are {}", names.join(", ")));
    let fields: Vec<&str> = line.split(',').collect();
    fields.try_into().expect("boards.csv: nine fields a line")
}
