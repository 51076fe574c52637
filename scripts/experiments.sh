#!/usr/bin/env bash
# Runs every sweep of docs/EXPERIMENTS.md and puts its tables and pictures into the document. Comparisons with programs other
# than edgevae, and times, have a script of their own, named beside them there.
#
#   scripts/experiments.sh            all of them, in runs/experiments; a second start goes on where it was stopped
#   scripts/experiments.sh beta       one or several by name
#   scripts/experiments.sh --list     the names
#
# Finished runs are known by their options, their data and the version of edgevae: after a change of the code remove
# runs/experiments first.
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
  "$EDGEVAE" sweep --synth "$HARD" --train-on all,normal --seeds 0..49 --out "$OUT/hard-seeds" >/dev/null
}

beta() { # beta, constant and annealed, on the reference data
  sweep beta --beta 0,0.5,1,4 --beta-schedule constant,linear
}

latent() { # number of latents
  sweep latent --latent 2,4,8,16
}

reduction() { # per-element means, as the beta that they amount to: half the number of features times theirs
  sweep reduction --beta 0.5,1,2.5,5,20 --beta-schedule constant,linear
}

contamination() { # training on all rows or on normal ones only
  sweep contamination --train-on all,normal --score $SCORES
}

likelihood() { # every likelihood and every score
  sweep likelihood --likelihood mse,gaussian,gaussian-per-feature --score $SCORES
  cost likelihood gaussian
}

# NAME LIKELIHOOD: what each score costs the device, as a table of its own, cheapest first.
cost() {
  mkdir -p "$OUT/cost"
  perl -ne '
    chomp;
    my @cells = map { s/^"(.*)"$/$1/r } /\G("[^"]*"|[^,]*)(?:,|$)/g;
    if ($. == 1) { %at = map { $cells[$_] => $_ } 0 .. $#cells; next }
    my ($likelihood, $score, $adds, $bytes) = @cells[@at{qw(likelihood score multiply_adds model_bytes)}];
    $cost{$score} = [$adds, $bytes] if $likelihood eq $ARGV_LIKELIHOOD;
    END {
      sub grouped { scalar reverse join ",", unpack "(A3)*", reverse $_[0] }
      print "| score | multiply-adds | model file, bytes |\n|---|---|---|\n";
      for (sort { $cost{$a}[0] <=> $cost{$b}[0] || $a cmp $b } keys %cost) {
        print "| $_ | " . join(" | ", map { grouped($_) } @{$cost{$_}}) . " |\n";
      }
    }
    BEGIN { $ARGV_LIKELIHOOD = pop @ARGV }
  ' "$OUT/$1/sweep.csv" "$2" >"$OUT/cost/sweep.md"
}

best() { # beta and schedule for the scores that a variance makes better
  sweep best --likelihood gaussian --score combined,reconstruction-probability --beta 0.5,1,1.5,2 --beta-schedule constant,linear
}

best_seeds() { # the best settings on fifty data sets that had no part in choosing them
  local best=(--likelihood gaussian --beta 1.5 --beta-schedule constant --score combined,reconstruction-probability)
  "$EDGEVAE" sweep "${best[@]}" --train-on all,normal --seeds 5..54 --out "$OUT/best-seeds" >/dev/null
  "$EDGEVAE" sweep --synth "$HARD" "${best[@]}" --train-on all,normal --seeds 5..54 --out "$OUT/hard-best-seeds" >/dev/null
}

hard() { # the harder variant: shift 2, variance 1
  sweep hard --synth "$HARD" --train-on all,normal --likelihood mse,gaussian,gaussian-per-feature --score $SCORES
  # Per-element beta 1 is 5 here.
  sweep hard-beta --synth "$HARD" --beta 0,0.5,1,4,5 --beta-schedule constant,linear
  sweep hard-latent --synth "$HARD" --latent 2,4,8,16
  sweep hard-best --synth "$HARD" --likelihood gaussian --score combined,reconstruction-probability --beta 0.5,1,1.5,2 \
    --beta-schedule constant,linear
}

# NAME BETAS: one of them is per-element beta 1, half the number of features.
real_set() {
  local data=(--preset reference --data "$DATA/$1.csv" --label label)
  if [ ! -e "$DATA/$1.csv" ]; then
    echo "experiments.sh: $DATA/$1.csv is not there: left out (set EDGEVAE_DATA)" >&2
    return
  fi
  sweep "real-$1" "${data[@]}" --train-on all,normal --likelihood mse,gaussian,gaussian-per-feature --score $SCORES
  sweep "real-best-$1" "${data[@]}" --train-on all,normal --likelihood gaussian --beta 1.5 --beta-schedule constant --score $SCORES
  sweep "real-beta-$1" "${data[@]}" --train-on all,normal --beta "$2" --beta-schedule constant,linear
  sweep "real-latent-$1" "${data[@]}" --train-on all,normal --latent 2,4,8,16
}

real() { # four real data sets of different kind
  real_set skab_valve1 0,0.5,1,4
  real_set cardio 0,0.5,1,4,10.5
  real_set shuttle 0,0.5,1,4,4.5
  real_set wilt 0,0.5,1,2.5,4
}

reports() { # report.html of the reference run and of the best
  "$EDGEVAE" train --seed 0 --quiet --force --out "$OUT/report-reference"
  "$EDGEVAE" train --likelihood gaussian --beta 1.5 --beta-schedule constant --score combined --seed 0 --quiet --force \
    --out "$OUT/report-best"
}

# FILE ID NAME: a picture of a page as a file of the document, where the page has been made.
picture() {
  [ -e "$1" ] || return 0
  local new=$OUT/$3.svg
  ID=$2 perl -0ne 'print $1 if /(<svg[^>]*aria-labelledby="\Q$ENV{ID}\E-title.*?<\/svg>\n)/s' "$1" >"$new"
  [ -s "$new" ] || { echo "experiments.sh: $1 has no picture '$2'; expected one for docs/images/$3.svg" >&2; exit 1; }
  mv "$new" "docs/images/$3.svg"
}

# Replaces each table of the document by the sweep of its name, where that has been run. A pivot is one column of it
# ("ROC-AUC by score"): a row for each value of one option, a column for each combination of the others.
tables() {
  OUT=$OUT perl -i -0pe '
    sub cells { map { s/^\s+|\s+$//gr } split /\|/, $_[0] =~ s/^\|//r }
    sub pivot {
      my ($text, $number, $option) = @_;
      my ($head, undef, @lines) = split /\n/, $text;
      my @names = cells($head);
      my ($runs) = grep { $names[$_] eq "runs" } 0 .. $#names;
      my ($of) = grep { $names[$_] eq $number } 0 .. $#names;
      my ($row) = grep { $names[$_] eq $option } 0 .. $runs - 1;
      die "no $number or no $option\n" unless defined $of && defined $row;
      my (@rows, @columns, %at);
      for my $line (@lines) {
        my @values = cells($line);
        my $column = join ", ", map { "$names[$_] $values[$_]" } grep { $_ != $row } 0 .. $runs - 1;
        push @rows, $values[$row] unless grep { $_ eq $values[$row] } @rows;
        push @columns, $column unless grep { $_ eq $column } @columns;
        $at{$values[$row]}{$column} = $values[$of];
      }
      my $out = "| " . join(" | ", $option, map { $_ || $number } @columns) . " |\n" . "|---" x (1 + @columns) . "|\n";
      return $out . join "", map { my $r = $_; "| " . join(" | ", $r, map { $at{$r}{$_} // "" } @columns) . " |\n" } @rows;
    }
    s{(<!-- table (\S+?)(?:: (.+?) by (\S+))? -->\n).*?(<!-- end -->)}{
      my ($begin, $name, $number, $option, $end, $old) = ($1, $2, $3, $4, $5, $&);
      if (open my $f, "<", "$ENV{OUT}/$name/sweep.md") {
        my $text = do { local $/; <$f> };
        $text = pivot($text, $number, $option) if $number;
        "$begin\n$text\n$end"
      } else { $old }
    }gse' docs/EXPERIMENTS.md
}

ALL="seeds beta latent reduction contamination likelihood best best_seeds hard real reports"

# The experiments, which alone have a word about them on their line.
names() { sed -nE 's/^([a-z_]+)\(\) \{ # (.*)/\1\t\2/p' "$0" | grep -v ^sweep | expand -t 16; }

case "${1:-}" in
  -l | --list) names; exit ;;
  -*) echo "usage: scripts/experiments.sh [NAME...]; names:" >&2; names >&2; exit 2 ;;
esac
for experiment in ${*:-$ALL}; do
  names | grep -q "^$experiment " || { echo "experiments.sh: no experiment '$experiment'; there are:" >&2; names >&2; exit 2; }
done
[ -n "${EDGEVAE_BIN:-}" ] || cargo build --release --locked --package edgevae-cli
for experiment in ${*:-$ALL}; do
  echo "== $experiment" >&2
  "$experiment"
done
tables
picture "$OUT/beta/sweep.html" option-0 beta
picture "$OUT/latent/sweep.html" option-0 latent
picture "$OUT/hard-beta/sweep.html" option-0 beta-hard
picture "$OUT/real-beta-shuttle/sweep.html" option-0 beta-shuttle
picture "$OUT/likelihood/sweep.html" configurations likelihood
picture "$OUT/report-reference/report.html" score-histogram scores
picture "$OUT/report-reference/report.html" latent-map latents
picture "$OUT/report-reference/report.html" latent-kl kl
picture "$OUT/report-best/report.html" score-panels scores-compared
echo "docs/EXPERIMENTS.md holds the tables, docs/images the pictures; every page is under $OUT" >&2
