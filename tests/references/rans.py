"""The coder once more, with Python integers and no tricks: slow, and easy to compare with its specification.

State x codes a symbol of frequency f and cumulative start c as x // f * 2^16 + x % f + c; a lane whose state would
leave [2^31, 2^63) first gives out its low 32 bits. Decoding runs the other way, so encoding runs backwards.
"""

from __future__ import annotations

LOW = 1 << 31
HIGH = 1 << 63


class Corrupt(Exception):
    """The bytes are not what ``encode`` writes."""


class SymbolRange(Exception):
    """A symbol needs more than 7 nibbles."""


def encode(symbols, indexes, cdf, lengths, offsets, lanes):
    """Bytes of the payload."""
    states = [LOW] * lanes
    words = []

    def put(lane, start, frequency, bits):
        if states[lane] * (1 << bits) // frequency >= HIGH:
            words.append(states[lane] & 0xFFFFFFFF)
            states[lane] >>= 32
        quotient, rest = divmod(states[lane], frequency)
        states[lane] = (quotient << bits) + rest + start

    for i in reversed(range(len(symbols))):
        lane, row = i % lanes, [int(value) for value in cdf[indexes[i]]]
        escape = int(lengths[indexes[i]]) - 2
        value = int(symbols[i]) - int(offsets[indexes[i]])
        symbol = value
        if not 0 <= value < escape:
            symbol = escape
            raw = -2 * value - 1 if value < 0 else 2 * (value - escape)
            nibbles = [int(digit, 16) for digit in reversed(f"{raw:x}")] if raw else []
            if len(nibbles) > 7:
                raise SymbolRange
            for nibble in reversed([len(nibbles), *nibbles]):
                put(lane, nibble, 1, 4)
        put(lane, row[symbol], row[symbol + 1] - row[symbol], 16)
    return b"".join(x.to_bytes(8, "little") for x in states) + b"".join(
        word.to_bytes(4, "little") for word in reversed(words)
    )


def decode(data, indexes, cdf, lengths, offsets, lanes):
    """Symbols, one per index."""
    if len(data) < 8 * lanes or len(data) % 4:
        raise Corrupt
    states = [int.from_bytes(data[8 * lane : 8 * lane + 8], "little") for lane in range(lanes)]
    if not all(LOW <= state < HIGH for state in states):
        raise Corrupt
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(8 * lanes, len(data), 4)]
    words.reverse()

    def get(lane, bits, find):
        slot = states[lane] % (1 << bits)
        symbol, start, frequency = find(slot)
        states[lane] = frequency * (states[lane] >> bits) + slot - start
        if states[lane] < LOW:
            if not words:
                raise Corrupt
            states[lane] = states[lane] << 32 | words.pop()
        return symbol

    def nibble(lane):
        return get(lane, 4, lambda slot: (slot, slot, 1))

    symbols = []
    for i, index in enumerate(indexes):
        lane, row = i % lanes, [int(value) for value in cdf[index][: lengths[index]]]

        def find(slot, row=row):
            symbol = max(s for s in range(len(row) - 1) if row[s] <= slot)
            return symbol, row[symbol], row[symbol + 1] - row[symbol]

        value, escape = get(lane, 16, find), int(lengths[index]) - 2
        if value == escape:
            count = nibble(lane)
            if count > 7:
                raise Corrupt
            nibbles = [nibble(lane) for _ in range(count)]
            if nibbles and nibbles[-1] == 0:
                raise Corrupt
            raw = sum(digit << 4 * n for n, digit in enumerate(nibbles))
            value = -(raw + 1) // 2 if raw % 2 else escape + raw // 2
        symbols.append(value + int(offsets[index]))
    if words or any(state != LOW for state in states):
        raise Corrupt
    return symbols
