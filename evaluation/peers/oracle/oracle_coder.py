"""Entropy coders of others on symbols with given scales: `compressai.ans`, and constriction.

Each from arrays to bytes and back to an array. CompressAI's coder takes lists; making them counts, as it does in
CompressAI. constriction gets the scales as they come out of a network, and evaluates its models as it codes.
"""

import platform
import time
from importlib import metadata

import numpy as np
from compressai import ans

try:
    import constriction
except ImportError:  # no wheel for this machine
    constriction = None

# What to code, and coders by name: a pair of functions, from arrays to bytes, and from bytes to symbols.
_session = {}


def versions():
    """Versions of what is compared with."""
    names = ("compressai", "constriction", "torch")
    found = {name: metadata.version(name) for name in names if name != "constriction" or constriction}
    return {"python": platform.python_version(), **found}


def prepare_coders(symbols, indexes, scales, cdf, lengths, offsets):
    """Takes symbols and the table of each, codes them once with every coder, and checks that decoding gives them back.

    Bytes by coder, and what `compressai.ans` wrote.
    """
    symbols, indexes = symbols.ravel(), indexes.ravel()
    tables = cdf.tolist(), lengths.tolist(), offsets.tolist()
    coders = {"compressai.ans": _compressai(tables, indexes)}
    if constriction:
        coders["constriction ANS"] = _constriction(symbols, scales[indexes])
    coded = {name: encode(symbols) for name, (encode, _) in coders.items()}
    for name, (_, decode) in coders.items():
        if not np.array_equal(decode(coded[name]), symbols):
            raise ValueError(f"{name} does not decode what it encoded")
    _session.update(coders=coders, symbols=symbols, data=coded)
    sizes = {name: data.nbytes if isinstance(data, np.ndarray) else len(data) for name, data in coded.items()}
    return {"bytes": sizes, "ans": np.frombuffer(coded["compressai.ans"], np.uint8)}


def run_coder(name, direction, repeat):
    """Seconds of this thread's processor time that some runs took, one after the other."""
    encode, decode = _session["coders"][name]
    run, argument = (encode, _session["symbols"]) if direction == "encode" else (decode, _session["data"][name])
    seconds = []
    for _ in range(repeat):
        begin = time.thread_time()
        run(argument)
        seconds.append(time.thread_time() - begin)
    return {"seconds": seconds}


def _compressai(tables, indexes):
    encoder, decoder = ans.RansEncoder(), ans.RansDecoder()
    return (
        lambda symbols: encoder.encode_with_indexes(symbols.tolist(), indexes.tolist(), *tables),
        lambda data: np.array(decoder.decode_with_indexes(data, indexes.tolist(), *tables), np.int32),
    )


def _constriction(symbols, scales):
    model = constriction.stream.model.QuantizedGaussian(int(symbols.min()), int(symbols.max()))
    scales, means = scales.astype(np.float64), np.zeros(scales.size)

    def encode(values):
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(values, model, means, scales)
        return coder.get_compressed()

    return encode, lambda data: constriction.stream.stack.AnsCoder(data).decode(model, means, scales)
