#!/bin/sh
# Installs licrt beside this script, tries it on this board, and writes licrt-jetson-report.json. Changes nothing else.
#   sh run.sh [--no-install] [options of report.py]
# --no-install: licrt is installed already, for the Python named by $PYTHON (python3).
set -eu
python=${PYTHON:-python3}
kit=$(cd "$(dirname "$0")" && pwd)
fail() {
  echo "run.sh: $*" >&2
  exit 1
}
command -v "$python" >/dev/null || fail "there is no $python here. Run: sudo apt-get install python3-venv"
(cd "$kit" && sha256sum --quiet --check SHA256SUMS) || fail "the kit is damaged; unpack its archive again"

if [ "${1:-}" = --no-install ]; then
  shift
else
  [ "$(uname -m)" = aarch64 ] || fail "this is $(uname -m), and the kit's wheel is for aarch64"
  "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || fail \
    "$("$python" --version) does not serve; Python 3.10 to 3.12 does. Run: PYTHON=/path/to/python3.10 sh run.sh"
  venv=$kit/venv
  if ! [ -e "$venv/installed" ]; then
    "$python" -m venv --clear "$venv" || fail "no virtual environment. Run: sudo apt-get install python3-venv"
    pip="$venv/bin/python -m pip --disable-pip-version-check install --quiet --only-binary=:all:"
    if [ -d "$kit/wheels" ]; then offline="--no-index --find-links $kit/wheels"; else offline=; fi
    # shellcheck disable=SC2086 # words are options, and pip reads $kit from them
    (cd "$kit" && $pip $offline --require-hashes -r requirements.txt && $pip --no-index --no-deps licrt-*.whl) ||
      fail "installation failed; see above. Without a network, use the offline kit"
    touch "$venv/installed"
  fi
  python=$venv/bin/python
fi
exec "$python" "$kit/report.py" "$@"
