#!/usr/bin/env bash
# Makes the virtual environment in which CompressAI runs as the oracle of the tests: tests/oracle/create.sh [DIR]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
directory=${1:-$here/../../.venv-oracle}

"${PYTHON:-python3}" -m venv "$directory"
"$directory/bin/pip" install --quiet -r "$here/requirements.txt"
"$directory/bin/pip" install --quiet --no-deps -r "$here/requirements-no-deps.txt"
"$directory/bin/python" "$here/../../evaluation/peers/oracle/compressai_import.py"
