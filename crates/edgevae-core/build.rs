//! Chooses the kernel of int8 models for the target: `cfg(edgevae_kernel = "...")`; `portable` for any that has no other.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let kernels = "\"dsp\", \"helium\", \"pairs\", \"riscv\", \"thumb1\"";
    println!("cargo::rustc-check-cfg=cfg(edgevae_kernel, values(\"portable\", {kernels}))");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let assembly = env::var_os("CARGO_FEATURE_ASM").is_some();
    println!("cargo::rustc-cfg=edgevae_kernel=\"{}\"", kernel(&target, &flags, assembly));
}

/// The DSP extension is part of ARMv7E-M and an option of ARMv8-M, as Helium is of ARMv8.1-M: there the flag
/// `-C target-cpu` says whether the core has it, and lets the assembler take its instructions.
fn kernel(target: &str, flags: &str, assembly: bool) -> &'static str {
    let is_cpu = |names: &[&str]| names.iter().any(|name| flags.contains(&format!("target-cpu={name}")));
    let is_thumb1 = target.starts_with("thumbv6m") || target.starts_with("thumbv8m.base");
    if !assembly {
        if is_thumb1 { "pairs" } else { "portable" }
    } else if is_thumb1 {
        "thumb1"
    } else if target.starts_with("riscv32im") {
        "riscv"
    } else if is_cpu(&["cortex-m55", "cortex-m85", "cortex-m52"]) {
        "helium"
    } else if target.starts_with("thumbv7em") || is_cpu(&["cortex-m33", "cortex-m35p"]) {
        "dsp"
    } else {
        "portable"
    }
}
