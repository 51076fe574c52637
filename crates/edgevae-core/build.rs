//! Chooses the kernel of int8 models for the target: `cfg(edgevae_kernel = "...")`; without one, the portable kernel.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(edgevae_kernel, values(\"dsp\", \"thumb1\"))");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let assembly = env::var_os("CARGO_FEATURE_ASM").is_some();
    if let Some(kernel) = kernel(&target, &flags, assembly) {
        println!("cargo::rustc-cfg=edgevae_kernel=\"{kernel}\"");
    }
}

/// The DSP extension is part of ARMv7E-M and an option of ARMv8-M, as Helium is of ARMv8.1-M: there the flag
/// `-C target-cpu` says whether the core has it, and lets the assembler take its instructions.
fn kernel(target: &str, flags: &str, assembly: bool) -> Option<&'static str> {
    let is_cpu = |names: &[&str]| names.iter().any(|name| flags.contains(&format!("target-cpu={name}")));
    if target.starts_with("thumbv6m") || target.starts_with("thumbv8m.base") {
        Some("thumb1")
    } else if !assembly {
        None
    } else if target.starts_with("thumbv7em")
        || is_cpu(&["cortex-m33", "cortex-m35p", "cortex-m55", "cortex-m85", "cortex-m52"])
    {
        Some("dsp")
    } else {
        None
    }
}
