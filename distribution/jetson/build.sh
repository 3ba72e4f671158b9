#!/bin/sh
# Builds the Jetson kit: the wheel for 64-bit ARM, cross-compiled, and what an owner of a board needs to try it.
#   PATH=.venv/bin:$PATH sh distribution/jetson/build.sh WORK_FOLDER OUTPUT_FOLDER
# OFFLINE=1 adds the third-party wheels for Python 3.10 and 3.12 on 64-bit ARM, for boards without a network.
# Needs Debian's g++-aarch64-linux-gnu, the packages of distribution/requirements.txt, and licrt[cpu] for this machine,
# which makes the stream and the picture that the board has to reproduce.
set -eu
work=$1 output=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
command -v aarch64-linux-gnu-g++ >/dev/null || {
  echo "aarch64-linux-gnu-g++ is missing. Run: apt-get install g++-aarch64-linux-gnu" >&2
  exit 1
}
rm -rf "$work"
mkdir -p "$work" "$output"

# The headers of this machine's Python serve: the limited API leaves nothing in the module that depends on them (tested).
_PYTHON_HOST_PLATFORM=linux-aarch64 python -m build --outdir "$work" \
  -C cmake.toolchain-file="$root/cmake/aarch64-linux-gnu.cmake" "$root"
version=$(basename "$work"/licrt-*.tar.gz .tar.gz)
name=licrt-jetson-kit-${version#licrt-}${OFFLINE:+-offline}
kit=$work/$name
mkdir "$kit"
python -m auditwheel repair --wheel-dir "$kit" "$work"/*.whl
python -m abi3audit --strict --verbose "$kit"/*.whl
python "$root/distribution/check.py" --glibc 2.35 "$kit"/*.whl # JetPack 6 is Ubuntu 22.04

cp "$here/README.md" "$here/run.sh" "$here/report.py" "$here/golden.py" "$here/requirements.txt" \
  "$root/LICENSE" "$root/NOTICE" "$root/examples/photo.webp" "$root/examples/CREDITS.md" "$kit"
lic-run encode --quiet "$kit/photo.webp" -o "$kit/golden.lci"
lic-run decode --quiet "$kit/golden.lci" -o "$kit/golden.png"
if [ -n "${OFFLINE:-}" ]; then
  for python in 3.10 3.12; do python "$here/pins.py" "$python" --download "$kit/wheels"; done
fi
(cd "$kit" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$kit"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=a+rX,u+w,go-w \
  --mtime="@${SOURCE_DATE_EPOCH:-0}" "$name" | gzip -9n >"$output/$name.tar.gz"
ls -l "$output/$name.tar.gz"
