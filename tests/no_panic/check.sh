#!/usr/bin/env bash
# Links the core without std and without a panic handler that exists: see src/lib.rs.
#
#   tests/no_panic/check.sh          checks at the optimisation levels that firmware uses, and that the check can fail
set -euo pipefail
cd "$(dirname "$0")"
# What is linked below lies in a folder of its own, wherever the workspace is built.
export CARGO_TARGET_DIR=target

links() { # LEVEL FEATURES ENTRY|-LINKER_OPTION...
  local level=$1 features=$2 entries=()
  shift 2
  for entry in "$@"; do
    case $entry in -*) entries+=("$entry") ;; *) entries+=("-Wl,--undefined=$entry") ;; esac
  done
  CARGO_PROFILE_RELEASE_OPT_LEVEL=$level cargo build --quiet --release --locked --features "$features" || exit 2
  cc -nostdlib -static -Wl,--gc-sections -Wl,--entry=probe_score "${entries[@]}" \
    -Wl,--defsym=memcpy=0,--defsym=memmove=0,--defsym=memset=0,--defsym=memcmp=0,--defsym=bcmp=0 \
    -Wl,--defsym=probe_read=0,--defsym=probe_write=0,--defsym=probe_erase=0 \
    target/release/libedgevae_no_panic.a -o target/probe 2> target/link.log
}

for level in s 2 3; do
  links "$level" update probe_score probe_raw probe_int8 probe_slots probe_update || { grep -m 5 . target/link.log >&2; echo "a panic is reachable at opt-level $level" >&2; exit 1; }
  echo "opt-level $level: no panic is reachable ($(size target/probe | awk 'NR == 2 { print $1 }') bytes of code)"
done
# The libraries of the signature check keep bounds checks in tables of their own, which do not depend on the length of a file.
links 3 signature probe_signature -Wl,--defsym=a_panic_is_reachable=0 || { cat target/link.log >&2; exit 1; }
callers=$(objdump --disassemble --no-show-raw-insn --demangle target/probe |
  awk '/^[0-9a-f]+ </ { name = substr($2, 2, length($2) - 3) } /(call|jmp) .*(panic|_fail)/ && name !~ /^core/ { print name }' | sort -u)
# There are some, as long as docs/RELIABILITY.md names them: none found is a disassembly that was not understood.
[ -n "$callers" ] || { echo "no caller of a panic is found where some are known: this check shows nothing" >&2; exit 1; }
echo "signature check, opt-level 3: bounds checks are left in" $callers
if grep -vE '^(curve25519_dalek|ed25519_dalek|sha2)' <<< "$callers"; then
  echo "a panic is reachable that is not one of these libraries'" >&2
  exit 1
fi
if links s control probe_score || ! grep -q a_panic_is_reachable target/link.log; then
  echo "the control case links although it panics: this check shows nothing" >&2
  exit 1
fi
echo "control: a reachable panic is found"
