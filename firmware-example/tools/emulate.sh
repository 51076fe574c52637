#!/usr/bin/env bash
# Runs one image on one emulated board, and always comes to an end.
#
#   emulate.sh BOARD ELF [ARGUMENT...]
#
# Exit code: that of the firmware; 101 after a panic, 102 after a fault, 124 when it did not end within
# EDGEVAE_TIME_LIMIT seconds (default 120). What goes wrong is told with the function and line that the core was at.
# The firmware opens files relative to the current folder. EDGEVAE_PLUGIN is handed to QEMU's -plugin.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
board=${1:?usage: emulate.sh BOARD ELF [ARGUMENT...]}
elf=${2:?usage: emulate.sh BOARD ELF [ARGUMENT...]}
shift 2
limit=${EDGEVAE_TIME_LIMIT:-120}

IFS=, read -r _ _ target machine _ < <(grep "^$board," "$here/boards/qemu/boards.csv") ||
  { echo "emulate.sh: no board '$board'; boards: $(sed '1d;s/,.*//' "$here/boards/qemu/boards.csv" | xargs)" >&2; exit 2; }
case $target in
  thumb*) qemu=(qemu-system-arm) ;;
  riscv32*) qemu=(qemu-system-riscv32 -bios none) ;;
esac
command -v "${qemu[0]}" >/dev/null || { echo "emulate.sh: no ${qemu[0]}; run: firmware-example/setup.sh" >&2; exit 2; }

semihosting=enable=on,target=native,arg=firmware
for argument; do semihosting+=,arg=$argument; done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; [ -z "${pid:-}" ] || kill -9 "$pid" 2>/dev/null || true' EXIT
mkfifo "$scratch/monitor.in" "$scratch/monitor.out"
"${qemu[@]}" -M "$machine" -display none -serial null -chardev pipe,id=monitor,path="$scratch/monitor" -mon monitor \
  -semihosting-config "$semihosting" ${EDGEVAE_PLUGIN:+-plugin "$EDGEVAE_PLUGIN" -d plugin} -kernel "$elf" \
  2> >(tee "$scratch/said" >&2) &
pid=$!

code=0
for ((tick = 0; tick < 20 * limit; tick++)); do
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.05
done
if kill -0 "$pid" 2>/dev/null; then
  echo 'info registers' >"$scratch/monitor.in"
  pc=$({ timeout 10 grep -m 1 -aoE '(R15=|^ *pc +)[0-9a-f]+' "$scratch/monitor.out" || true; } | sed -E 's/.*[= ]/0x/')
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  code=124
else
  wait "$pid" || code=$?
fi
pid=
case $code in
  124) echo "emulate.sh: $board has not ended after $limit s: at pc ${pc:-unknown}" >&2 ;;
  102) pc=$(sed -nE 's/.* at pc (0x[0-9a-f]+).*/\1/p' "$scratch/said" | tail -n 1) ;;
esac
if [ -n "${pc:-}" ] && command -v addr2line >/dev/null; then addr2line -fCipe "$elf" "$pc" | sed 's/^/  in /' >&2; fi
exit "$code"
