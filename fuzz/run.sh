#!/bin/sh
# run.sh SECONDS TARGET...: fuzzes each target for so long, from the corpus in the repository and from what earlier runs
# found. New inputs go to build/fuzz/corpus/TARGET, a log to build/fuzz/TARGET.log, and an input that fails, which ends
# all, to build/fuzz/TARGET-crash-… (or -timeout-…, -oom-…). Prints one line for each target.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
for target in "$@"; do
  mkdir -p "build/fuzz/corpus/$target" "fuzz/corpus/$target" "fuzz/regressions/$target"
  if [ "$target" = readers ]; then
    set -- "${PYTHON:-python3}" fuzz/fuzz_readers.py -max_len=16384
  else
    set -- "build/fuzz/fuzz/fuzz_$target" -max_len=9000
  fi
  if ! "$@" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2560 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$target-" "build/fuzz/corpus/$target" "fuzz/corpus/$target" "fuzz/regressions/$target" \
    >"build/fuzz/$target.log" 2>&1; then
    tail -n 20 "build/fuzz/$target.log"
    echo "$target: an input fails. Mend what it shows, and keep it as fuzz/regressions/$target/NAME"
    exit 1
  fi >&2
  echo "$target: $(grep -a '^#.*DONE' "build/fuzz/$target.log" | tr -s ' \t' ' ')"
done
