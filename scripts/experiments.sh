#!/usr/bin/env bash
# Runs every experiment of docs/EXPERIMENTS.md and puts its tables and pictures into the document.
#
#   scripts/experiments.sh            all of them, in runs/experiments; a second start goes on where it was stopped
#   scripts/experiments.sh beta       one or several by name
#   scripts/experiments.sh --list     the names
#
# The real data sets are looked for in EDGEVAE_DATA, else in ../shared/data beside the repository; where they are not at
# hand their tables are left out with a word.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=runs/experiments
DATA=${EDGEVAE_DATA:-../shared/data}
EDGEVAE=${EDGEVAE_BIN:-target/release/edgevae}
SCORES=mse,nll,elbo,mahalanobis,reconstruction-probability,combined
HARD=shift=2,variance=1

sweep() { # NAME OPTIONS...: a sweep over five seeds
  local name=$1
  shift
  "$EDGEVAE" sweep "$@" --seeds 0..4 --out "$OUT/$name" >/dev/null
}

seeds() { # the reference system on fifty data sets instead of five
  "$EDGEVAE" sweep --train-on all,normal --seeds 0..49 --out "$OUT/seeds" >/dev/null
}

beta() { # beta, constant and annealed, on the reference data
  sweep beta --beta 0,0.5,1,4 --beta-schedule constant,linear
}

latent() { # number of latents
  sweep latent --latent 2,4,8,16
}

reduction() { # the objective per element: beta times the number of features
  sweep reduction --beta 0.25,1,5,10 --beta-schedule constant,linear
}

contamination() { # training on all rows or on normal ones only
  sweep contamination --train-on all,normal --score $SCORES
}

likelihood() { # every likelihood and every score
  sweep likelihood --likelihood mse,gaussian,gaussian-per-feature --score $SCORES
}

best() { # beta and schedule for the scores that a variance makes better
  sweep best --likelihood gaussian --score combined,reconstruction-probability --beta 0.5,1,1.5,2 --beta-schedule constant,linear
}

hard() { # the harder variant: shift 2, variance 1
  sweep hard --synth "$HARD" --likelihood mse,gaussian,gaussian-per-feature --score $SCORES
  sweep hard-beta --synth "$HARD" --beta 0,0.5,1,4 --beta-schedule constant,linear
  sweep hard-best --synth "$HARD" --likelihood gaussian --score combined,reconstruction-probability --beta 0.5,1,1.5,2 \
    --beta-schedule constant,linear
}

real() { # four real data sets of different kind
  local name
  for name in skab_valve1 cardio shuttle wilt; do
    if [ ! -e "$DATA/$name.csv" ]; then
      echo "experiments.sh: $DATA/$name.csv is not there: left out (set EDGEVAE_DATA)" >&2
      continue
    fi
    sweep "real-$name" --data "$DATA/$name.csv" --label label --train-on all,normal --likelihood mse,gaussian --score $SCORES
    sweep "real-beta-$name" --data "$DATA/$name.csv" --label label --beta 0,0.5,1,4 --beta-schedule constant,linear
  done
}

reports() { # report.html of the reference run and of the best
  "$EDGEVAE" train --seed 0 --quiet --force --out "$OUT/report-reference"
  "$EDGEVAE" train --likelihood gaussian --score combined --seed 0 --quiet --force --out "$OUT/report-best"
}

# FILE ID NAME: a picture of a page as a file of the document.
picture() {
  [ -e "$1" ] || return 0
  perl -0ne "print \$1 if /(<svg[^>]*aria-labelledby=\"$2-title.*?<\/svg>\n)/s" "$1" > "docs/images/$3.svg"
}

# Replaces each table of the document by the sweep of its name, where that has been run.
tables() {
  OUT=$OUT perl -i -0pe 's{(<!-- table (\S+) -->\n).*?(<!-- end -->)}{
    my ($begin, $name, $end, $old) = ($1, $2, $3, $&);
    if (open my $f, "<", "$ENV{OUT}/$name/sweep.md") { local $/; "$begin\n" . <$f> . "\n$end" } else { $old }
  }gse' docs/EXPERIMENTS.md
}

ALL="seeds beta latent reduction contamination likelihood best hard real reports"

# The experiments, which alone have a word about them on their line.
names() { sed -nE 's/^([a-z_]+)\(\) \{ # (.*)/\1\t\2/p' "$0" | grep -v ^sweep | expand -t 16; }

case "${1:-}" in
  -l | --list) names; exit ;;
  -*) echo "usage: scripts/experiments.sh [NAME...]; names:" >&2; names >&2; exit 2 ;;
esac
[ -n "${EDGEVAE_BIN:-}" ] || cargo build --release --locked --package edgevae-trainer
for experiment in ${*:-$ALL}; do
  names | grep -q "^$experiment " || { echo "experiments.sh: no experiment '$experiment'; there are:" >&2; names >&2; exit 2; }
done
for experiment in ${*:-$ALL}; do
  echo "== $experiment" >&2
  "$experiment"
done
tables
picture "$OUT/beta/sweep.html" option-0 beta
picture "$OUT/latent/sweep.html" option-0 latent
picture "$OUT/hard-beta/sweep.html" option-0 beta-hard
picture "$OUT/likelihood/sweep.html" configurations likelihood
picture "$OUT/report-reference/report.html" latent-map latents
picture "$OUT/report-reference/report.html" latent-kl kl
picture "$OUT/report-best/report.html" score-panels scores-compared
echo "docs/EXPERIMENTS.md holds the tables, docs/images the pictures; every page is under $OUT" >&2
