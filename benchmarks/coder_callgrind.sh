#!/usr/bin/env bash
# Instructions per symbol of the coder, by valgrind: a number that other load on the machine does not change.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake -S "$root" -B "$work/core" -DLICRT_PYTHON=OFF > "$work/log"
cmake --build "$work/core" >> "$work/log"
c++ -std=c++20 -O2 -I "$root/runtime/native/include" "$root/benchmarks/coder_callgrind.cpp" \
  "$work/core/liblicrt.a" -pthread -o "$work/coder"
for lanes in 1 2 4; do
  for direction in encode decode; do
    symbols=$("$work/coder" "$direction" "$lanes" | cut -d' ' -f1)
    valgrind --tool=callgrind --toggle-collect="licrt_$direction" --callgrind-out-file="$work/out" \
      "$work/coder" "$direction" "$lanes" > "$work/log" 2>&1
    total=$(awk '/^(totals|summary):/ {print $2}' "$work/out" | head -1)
    awk -v d="$direction" -v l="$lanes" -v t="$total" -v n="$symbols" \
      'BEGIN {printf "%s, lanes %d: %.2f instructions per symbol\n", d, l, t / n}'
  done
done
