#!/bin/sh
# minimise.sh TARGET...: rewrites fuzz/corpus/TARGET with the fewest inputs, of those there and of those that run.sh found,
# that together reach what all of them reach.
set -eu
cd "$(dirname "$0")/.."
for target in "$@"; do
  mkdir -p "build/fuzz/corpus/$target"
  if [ "$target" = readers ]; then
    set -- "${PYTHON:-python3}" fuzz/fuzz_readers.py -merge=1
  else
    set -- "build/fuzz/fuzz/fuzz_$target" -set_cover_merge=1
  fi
  kept=$(mktemp -d)
  "$@" "$kept" "fuzz/corpus/$target" "build/fuzz/corpus/$target" 2>&1 | tail -n 1
  rm -r "fuzz/corpus/$target"
  mv "$kept" "fuzz/corpus/$target"
  chmod 755 "fuzz/corpus/$target"
done
