#!/bin/sh
# minimise.sh TARGET...: rewrites fuzz/corpus/TARGET with the fewest inputs, of those there and of those that run.sh found,
# that together reach what all of them reach, and those of seeds.py (real-…). Large ones are left out: blobs reach the
# same with fewer channels.
set -eu
cd "$(dirname "$0")/.."
for target in "$@"; do
  most=2500
  set -- "build/fuzz/fuzz/fuzz_$target" -set_cover_merge=1
  case $target in
  context) most=3500 ;;
  decoder) most=5000 ;;
  readers)
    most=8000
    # It starts itself again and again, by its name.
    PATH=$(cd "$(dirname "${PYTHON:-/usr/bin/python3}")" && pwd):$PATH
    set -- fuzz/fuzz_readers.py -set_cover_merge=1
    ;;
  esac
  folder=$(mktemp -d)
  mkdir "$folder/all" "$folder/kept"
  for inputs in "fuzz/corpus/$target" "build/fuzz/corpus/$target"; do
    if [ -d "$inputs" ]; then find "$inputs" -type f -size "-${most}c" -exec cp {} "$folder/all" ';'; fi
  done
  "$@" "$folder/kept" "$folder/all" 2>&1 | tail -n 1
  test -n "$(ls "$folder/kept")"
  find "fuzz/corpus/$target" -name 'real-*' -exec cp {} "$folder/kept" ';'
  rm -rf "fuzz/corpus/$target"
  mkdir -p "fuzz/corpus/$target"
  cp "$folder"/kept/* "fuzz/corpus/$target"
  rm -r "$folder"
done
