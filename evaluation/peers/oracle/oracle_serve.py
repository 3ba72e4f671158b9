"""The oracle's side of the protocol: answers requests on stdin until it closes."""

import importlib
import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np
from oracle_protocol import save_arrays, take_arrays


def main(file: Path, folder: Path) -> None:
    """Reads requests and writes answers; anything else that the libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # After the redirection, because importing torch and CompressAI may print; CompressAI the way that works first.
    import compressai_import  # noqa: F401

    sys.path.insert(0, str(file.parent))
    calls = importlib.import_module(file.stem).CALLS

    numbers = itertools.count(2, 2)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            outcome = calls[request["call"]](**request["arguments"], **take_arrays(request["arrays"]))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        else:
            arrays = {name: value for name, value in outcome.items() if isinstance(value, np.ndarray)}
            plain = {name: value for name, value in outcome.items() if name not in arrays}
            answer = {"result": plain, "arrays": save_arrays(folder, next(numbers), arrays)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
