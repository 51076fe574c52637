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

features() { # the core builds and refuses by name with each head alone
  local head
  for head in mse nll elbo mahalanobis reconstruction-probability mse,mahalanobis,combination; do
    cargo test -p edgevae-core --no-default-features --features "$head" --test features --locked --quiet
  done
}

test() { # unit tests, doc tests, whole-path tests through the binary
  cargo test --workspace --locked
}

ALL="fmt clippy doc features test"

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
  SECONDS=0
  "$job"
  echo "== $job: passed in $SECONDS s" >&2
done
