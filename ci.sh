#!/usr/bin/env bash
# Every check of the project by name.
#
#   ./ci.sh            all of them, as the continuous integration runs them
#   ./ci.sh test       one or several by name
#   ./ci.sh --list     the names
set -euo pipefail
cd "$(dirname "$0")"

fmt() { # formatting of every Rust file
  cargo fmt --all --check
}

clippy() { # lints are errors
  cargo clippy --workspace --all-targets --locked -- -D warnings
}

doc() { # documentation builds without a warning
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
}

features() { # the core builds without a warning and refuses by name with each head alone
  local head
  for head in mse nll elbo mahalanobis reconstruction-probability joint-mahalanobis neighbours histogram isolation \
    mse,mahalanobis,combination; do
    cargo clippy -p edgevae-core --no-default-features --features "$head" --lib --locked --quiet -- -D warnings
    cargo test -p edgevae-core --no-default-features --features "$head" --test features --locked --quiet
  done
}

test() { # unit tests, doc tests, whole-path tests through the binary
  cargo test --workspace --locked
}

same_bits() { # models have the same bytes under three emulated processors
  cargo build --locked --quiet
  local code=0
  scripts/same_bits.sh target/debug/edgevae || code=$?
  [ "$code" != 3 ] || { skipped qemu-x86_64 "apt-get install qemu-user, on x86-64"; return; }
  return "$code"
}

no_panic() { # the core links as a program without a panic handler
  tests/no_panic/check.sh
}

msrv() { # everything builds with the compiler that Cargo.toml promises
  local version toolchain
  version=$(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml)
  toolchain=$(rustup toolchain list | grep -oE "^$version(\.[0-9]+)?-[^ ]+" | head -n 1) || true
  [ -n "$toolchain" ] || { skipped "Rust $version" "rustup toolchain install $version"; return; }
  cargo "+$toolchain" check --workspace --all-targets --locked
}

deny() { # licences, sources and duplicates of every dependency; known vulnerabilities where the database is reached
  cargo deny --version > /dev/null 2>&1 || { skipped cargo-deny "cargo install cargo-deny --locked"; return; }
  local manifest log database=here
  log=$(mktemp)
  for manifest in Cargo.toml firmware-example/Cargo.toml fuzz/Cargo.toml tests/no_panic/Cargo.toml; do
    # What only one of the lockfiles needs is not met in the others: no more than a warning.
    cargo deny --log-level error --locked --manifest-path $manifest --config deny.toml check licenses bans sources
    cargo deny --locked --manifest-path $manifest --config deny.toml check advisories > "$log" 2>&1 && continue
    grep -q "failed to fetch advisory database" "$log" || { cat "$log" >&2; return 1; }
    database=missing
  done
  [ $database = here ] || skipped "the advisory database" "it is fetched from github.com/RustSec/advisory-db"
}

fuzz() { # a short run of every fuzz target; FUZZ_RUNS for a longer one
  cargo fuzz --version > /dev/null 2>&1 || { skipped cargo-fuzz "cargo install cargo-fuzz --locked"; return; }
  fuzz/seed.sh
  local target
  for target in loader scorer slots csv config checkpoint; do
    cargo fuzz run --sanitizer none --features trainer "$target" -- -runs="${FUZZ_RUNS:-20000}" -max_len=2048 -timeout=10 -rss_limit_mb=512
  done
}

miri() { # the core's tests in an interpreter that finds undefined behaviour
  cargo +nightly miri --version > /dev/null 2>&1 || { skipped Miri "rustup +nightly component add miri rust-src"; return; }
  # Property tests look for a file of earlier failures, which the interpreter refuses by default.
  MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-disable-isolation" \
    cargo +nightly miri test -p edgevae-core --lib --test format --test score --test faults --test int8 --locked
  MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-disable-isolation" cargo +nightly miri test -p edgevae-capi --locked
}

kani() { # proofs for the arithmetic that sizes and slices buffers
  cargo kani --version > /dev/null 2>&1 || { skipped Kani "cargo install kani-verifier --locked && cargo kani setup"; return; }
  cargo kani -p edgevae-core
}

# Says that a check, or a part of it, has not been made, so that nobody takes its silence for success.
skipped() {
  echo "NOT RUN: $1 is not here ($2)" >&2
  NOT_RUN="${NOT_RUN:+$NOT_RUN, }$1"
}

setup() { # cross targets, emulators and C tools for the checks below
  firmware-example/setup.sh --c
}

firmware_lint() { # formatting, lints and unit tests of the firmware example, and of the C interface on its targets
  cargo fmt --manifest-path firmware-example/Cargo.toml --all --check
  cargo clippy --manifest-path firmware-example/Cargo.toml -p edgevae-firmware -p edgevae-embed --all-targets --locked -- -D warnings
  cargo test --manifest-path firmware-example/Cargo.toml -p edgevae-firmware -p edgevae-embed --locked --quiet
  local target program
  while IFS=, read -r EDGEVAE_BOARD target; do
    export EDGEVAE_BOARD
    # The kernels in assembly, the emulated boards, the panic handler of the C interface: what no lint above has seen.
    cross_lint "$target" -p edgevae-core --features asm --lib
    cross_lint "$target" -p edgevae-capi --lib
    cross_lint "$target" --manifest-path firmware-example/Cargo.toml -p qemu --lib
    for program in firmware-example/boards/qemu/src/bin/*.rs; do
      cross_lint "$target" --manifest-path firmware-example/Cargo.toml -p qemu --bin "$(basename "$program" .rs)"
    done
  done <<<"an386,thumbv7em-none-eabihf
virt,riscv32imac-unknown-none-elf"
  safety_comments
}

# Lints one crate for a microcontroller: with clippy where the toolchain has it, else with the compiler's own lints.
cross_lint() { # TARGET CARGO_FLAG...
  local target=$1 toolchain lint=(clippy)
  shift
  toolchain=$(firmware-example/setup.sh --toolchain)
  if ! cargo ${toolchain:+"$toolchain"} clippy --version > /dev/null 2>&1; then
    lint=(rustc --profile check)
    [ -n "${NO_CROSS_CLIPPY:-}" ] || skipped "clippy for microcontrollers" "rustup target add $target; the compiler's lints are used"
    NO_CROSS_CLIPPY=told
  fi
  cargo ${toolchain:+"$toolchain"} "${lint[@]}" --quiet --locked --target "$target" "$@" -- -D warnings
}

# That every block of `unsafe` on microcontrollers has its reason above it, as clippy's undocumented_unsafe_blocks asks.
safety_comments() {
  git ls-files 'firmware-example/*.rs' 'crates/edgevae-capi/*.rs' 'crates/edgevae-core/src/quant/kernel/*.rs' | xargs awk '
    FNR == 1 { reason = -9 }
    /SAFETY:/ { reason = FNR }
    /unsafe \{|unsafe impl/ && !/^ *\/\// && FNR > reason + 4 { print FILENAME ":" FNR ": unsafe without a SAFETY comment above it"; bad = 1 }
    END { exit bad }' >&2
}

hardware() { # firmware of every real board builds for its target
  setup
  firmware-example/tools/hardware.sh
}

panic_free() { # no panic is reachable from loading and scoring, on any target; int8 images hold no floating-point routine
  setup
  firmware-example/tools/panic_free.sh
}

firmware() { # emulated boards and the C example give the bits of the desk; every run ends
  setup
  [ -r "${EDGEVAE_DATA:-../shared/data}/cardio.csv" ] ||
    skipped "the test on a real data set" "set EDGEVAE_DATA to the folder of cardio.csv"
  cargo test --locked -p edgevae-tests --test firmware -- --ignored --test-threads 1
}

budget() { # flash, RAM, stack and instructions against the table that is checked in
  setup
  firmware-example/tools/budget.sh
}

ALL="fmt clippy doc features test same_bits no_panic msrv deny fuzz miri kani firmware_lint panic_free firmware budget hardware"

names() { sed -nE 's/^([a-z_]+)\(\) \{ # (.*)/\1\t\2/p' "$0" | expand -t 12; }

case "${1:-}" in
  -l | --list) names; exit ;;
  -*) echo "usage: ./ci.sh [NAME...]; names:" >&2; names >&2; exit 2 ;;
esac
for job in ${*:-$ALL}; do
  names | grep -q "^$job " || { echo "ci.sh: no check named '$job'; there are:" >&2; names >&2; exit 2; }
done
for job in ${*:-$ALL}; do
  echo "== $job" >&2
  SECONDS=0 NOT_RUN=
  "$job"
  if [ -z "$NOT_RUN" ]; then
    echo "== $job: passed in $SECONDS s" >&2
  else
    echo "== $job: NOT RUN without $NOT_RUN; the rest, if any, passed in $SECONDS s" >&2
  fi
done
