#!/usr/bin/env bash
# Makes the microcontroller targets and the emulators usable; without a question, and nothing twice.
#
#   setup.sh               targets and QEMU
#   setup.sh --c           also gcc for Arm and CMake, for the C example
#   setup.sh --toolchain   prints what goes after `cargo` (`+embedded`, or nothing) and sets up nothing that is there
#
# Targets, in this order: those of the active toolchain; a private toolchain made of Debian's packages (the default
# toolchain and the path stay as they are); `rustup target add`. Where none of that works, the last line names the one
# command to run.
#
# EDGEVAE_TARGETS, EDGEVAE_TOOLCHAIN_DIR (default /opt/rust-embedded) and EDGEVAE_TOOLCHAIN (its name, default embedded)
# change what is made and where.
set -euo pipefail

TARGETS=${EDGEVAE_TARGETS:-thumbv6m-none-eabi thumbv7m-none-eabi thumbv7em-none-eabihf thumbv8m.main-none-eabihf
  riscv32imc-unknown-none-elf riscv32imac-unknown-none-elf}
TARGETS=$(echo $TARGETS)
PREFIX=${EDGEVAE_TOOLCHAIN_DIR:-/opt/rust-embedded}
NAME=${EDGEVAE_TOOLCHAIN:-embedded}
SELF=$(realpath "$0")

say() { echo "setup.sh: $*" >&2; }
# The last line of a set-up that did not work: what to do by hand.
give_up() { say "$1"; say "run: $2"; exit 1; }

has_targets() { # RUSTC [+TOOLCHAIN]
  local target folder
  for target in $TARGETS; do
    folder=$("$@" --print target-libdir --target "$target" 2>/dev/null) || return 1
    compgen -G "$folder/libcore-*.rlib" >/dev/null || return 1
  done
}

# Whether the private toolchain is there and as new as the project asks for.
has_private() {
  local needed found
  has_targets rustc "+$NAME" || return 1
  needed=$(sed -nE 's/^rust-version = "(.*)"/\1/p' "$(dirname "$SELF")/../Cargo.toml")
  found=$(rustc "+$NAME" --version | awk '{ print $2 }')
  [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" = "$needed" ]
}

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
# Package servers fail now and then.
apt() {
  local try
  for try in 1 2 3; do
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq "$@" >/dev/null 2>"$log" && return
    sleep "$try"
  done
  cat "$log" >&2
  return 1
}
install_packages() {
  say "installing $*"
  command -v apt-get >/dev/null || give_up "this is no Debian" "your package manager for: $*"
  apt update || true
  apt install -y --no-install-recommends "$@" || give_up "apt-get could not install $*" "sudo apt-get install $*"
}

emulators() {
  local missing=()
  command -v qemu-system-arm >/dev/null || missing+=(qemu-system-arm)
  command -v qemu-system-riscv32 >/dev/null || missing+=(qemu-system-misc)
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

c_tools() {
  local missing=()
  command -v arm-none-eabi-gcc >/dev/null || missing+=(gcc-arm-none-eabi libnewlib-arm-none-eabi)
  command -v cmake >/dev/null || missing+=(cmake make)
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# Prints the toolchain argument for cargo; makes the targets first where they are missing.
targets() {
  if has_targets rustc; then return; fi
  if ! has_private; then
    # Two set-ups at the same time would pull the folder from under each other.
    exec 9>"${TMPDIR:-/tmp}/edgevae-setup.lock"
    flock 9
    if ! has_private; then
      if command -v apt-get >/dev/null && has_package rustc-web; then
        assemble
      else
        say "asking rustup for $TARGETS"
        rustup target add $TARGETS >&2 || give_up "rustup could not add the targets" "rustup target add $TARGETS"
        if has_targets rustc; then return; fi
      fi
    fi
    flock -u 9
  fi
  has_private ||
    give_up "the toolchain in $PREFIX is incomplete, or too old" "rm -r $PREFIX && $SELF"
  echo "+$NAME"
}

has_package() {
  apt-cache show "$1" >/dev/null 2>&1 || { apt update && apt-cache show "$1" >/dev/null 2>&1; }
}

# A toolchain in $PREFIX from Debian's rustc and library sources of the same version: unpacked, never installed (the
# packages conflict with rustup's place on the path), `core` and `alloc` built once for each target.
assemble() {
  local version std llvm host bin try package target crate file
  # Package lists of an image that is months old name a version that is too old.
  apt update || true
  version=$(apt-cache policy rustc-web | awk '/Candidate/ { print $2 }')
  std=$(apt-cache show "libstd-rust-web-dev=$version" | awk '/^Depends:/ && !n++ { print $2 }')
  llvm=$(apt-cache show "$std=$version" | awk '/^Depends:/ && !n++ && match($0, /libllvm[0-9]+/) { print substr($0, RSTART, RLENGTH) }')
  [ -n "$std" ] && [ -n "$llvm" ] || give_up "cannot read what rustc-web $version depends on" "rustup target add $TARGETS"
  say "making toolchain '$NAME' in $PREFIX from Debian's rustc-web $version: minutes, once"
  install_packages "$llvm"

  # Below $scratch: debs, root (unpacked), stub (the crate that makes cargo build `core`), build.
  mkdir -p "$scratch/debs"
  for try in 1 2 3; do
    (cd "$scratch/debs" && apt-get -qq download {rustc-web,rust-web-src,"$std",libstd-rust-web-dev}"=$version" 2>"$log") && break
    [ "$try" != 3 ] || { cat "$log" >&2; give_up "cannot download rustc-web" "rustup target add $TARGETS"; }
    sleep "$try"
  done
  for package in "$scratch"/debs/rustc-web_*.deb "$scratch"/debs/libstd-*.deb; do dpkg-deb -x "$package" "$scratch/root"; done
  dpkg-deb --fsys-tarfile "$scratch"/debs/rust-web-src_*.deb |
    tar -x -C "$scratch/root" --wildcards './usr/src/rustc-*/library' './usr/src/rustc-*/Cargo.lock'

  "${as_root[@]}" mkdir -p "$PREFIX" || give_up "cannot write to $PREFIX" "EDGEVAE_TOOLCHAIN_DIR=\$HOME/.rust-embedded $SELF"
  "${as_root[@]}" chown "$(id -u)" "$PREFIX"
  rm -rf "${PREFIX:?}"/{bin,lib}
  mkdir -p "$PREFIX"/{bin,lib}
  find "$scratch/root/usr/lib" -maxdepth 2 \( -name 'librustc_driver*.so' -o -name 'libstd-*.so' -o -name 'libtest-*.so' \) \
    -exec cp -P {} "$PREFIX/lib/" \;
  cp -a "$scratch/root/usr/lib/rustlib" "$PREFIX/lib/"
  rm -rf "$PREFIX/lib/rustlib/src/rust"
  mkdir -p "$PREFIX/lib/rustlib/src/rust"
  cp -a "$scratch"/root/usr/src/rustc-*/library "$PREFIX/lib/rustlib/src/rust/"
  for file in rustc rustdoc; do
    cp "$scratch/root/usr/bin/$file" "$PREFIX/bin/$file.real"
    cat >"$PREFIX/bin/$file" <<EOF
#!/bin/sh
LD_LIBRARY_PATH="$PREFIX/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$PREFIX/bin/$file.real" "\$@"
EOF
    chmod 755 "$PREFIX/bin/$file"
  done
  # Without a cargo of its own rustup would lend the linked toolchain whatever cargo it finds first.
  ln -sf "$(rustup which cargo)" "$PREFIX/bin/cargo"

  # The linker: rustup's, else Debian's, which takes the same `-flavor gnu`.
  host=$("$PREFIX/bin/rustc" -vV | sed -n 's/^host: //p')
  bin=$PREFIX/lib/rustlib/$host/bin
  mkdir -p "$bin"
  file=$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld
  if [ ! -x "$file" ]; then
    command -v lld >/dev/null || install_packages lld
    file=$(command -v lld)
  fi
  ln -sf "$file" "$bin/rust-lld"

  mkdir -p "$scratch/stub/src"
  echo '#![no_std]' >"$scratch/stub/src/lib.rs"
  cat >"$scratch/stub/Cargo.toml" <<'EOF'
[package]
name = "stub"
version = "0.0.0"
edition = "2024"
[profile.release]
opt-level = 3
codegen-units = 1
EOF
  # RUSTC_BOOTSTRAP: building the standard library is not a stable feature of cargo, and this toolchain exists for it.
  (cd "$scratch/stub" && env -u RUSTUP_TOOLCHAIN -u CARGO_BUILD_TARGET RUSTC_BOOTSTRAP=1 RUSTC="$PREFIX/bin/rustc" \
    RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$PREFIX/lib/rustlib/src/rust=/rustc" CARGO_TARGET_DIR="$scratch/build" \
    "$PREFIX/bin/cargo" build --quiet --release -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem \
    $(printf -- '--target %s ' $TARGETS)) >&2 || give_up "\`core\` does not build with Debian's rustc" "rustup target add $TARGETS"
  for target in $TARGETS; do
    rm -rf "$PREFIX/lib/rustlib/$target/lib"
    mkdir -p "$PREFIX/lib/rustlib/$target/lib"
    for crate in core alloc compiler_builtins rustc_std_workspace_core; do
      for file in "$scratch/build/$target/release/deps/lib$crate"-*.rlib; do
        [ ! -e "$file" ] || cp "$file" "$PREFIX/lib/rustlib/$target/lib/"
      done
    done
  done
  rustup toolchain link "$NAME" "$PREFIX"
}

command -v rustup >/dev/null || give_up "no rustup" "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
scratch=$(mktemp -d)
chmod 755 "$scratch"
log=$scratch/log
trap 'rm -rf "$scratch"' EXIT
case ${1:-} in
  '') emulators; toolchain=$(targets); say "ready: cargo ${toolchain:+$toolchain }build --target ..., and QEMU" ;;
  --c) emulators; c_tools; targets >/dev/null; say "ready, C tools included" ;;
  --toolchain) targets ;;
  *) echo "usage: setup.sh [--c | --toolchain]" >&2; exit 2 ;;
esac
