"""Draws the figures of docs/entropy-paths.md, as SVG that looks the same on light and dark pages.

    python docs/figures/draw.py

Blue and solid is integer arithmetic, the same on every machine; orange and dashed is float; violet depends on the rate
point. Arrows have the colour of what they carry.
"""

# ruff: noqa: RUF001 -- minus and multiplication signs as they are printed
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape


class Ink(NamedTuple):
    """Colours of one kind of thing."""

    fill: str
    line: str
    dashes: str = ""


INTEGER = Ink("#dbeafe", "#1d4ed8")
FLOAT = Ink("#ffedd5", "#c2410c", "5 3")
RATE = Ink("#f3e8ff", "#7e22ce")
NEUTRAL = Ink("#eceff3", "#57606a")
BLANK = Ink("#ffffff", "#afb8c1")
DARK = Ink("#1d4ed8", "#1d4ed8")
TEXT, QUIET = "#1f2328", "#57606a"

Point = tuple[float, float]


class Figure:
    """Boxes, arrows and text on a white card."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height = width, height
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="Helvetica, Arial, sans-serif" text-anchor="middle">',
            f"<title>{escape(title)}</title>",
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="#ffffff" stroke="#d0d7de"/>',
        ]

    def text(self, x: float, y: float, words: str, size: int = 12, anchor: str = "", ink: str = TEXT) -> None:
        """Write words centred at x, or beginning or ending there, with y in the middle of the line."""
        anchor = f' text-anchor="{anchor}"' if anchor else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y + size * 0.35:g}" font-size="{size}" fill="{ink}"{anchor}>{escape(words)}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, ink: Ink, *lines: str, corner: int = 5) -> None:
        """Draw a box whose left end and middle are at x and y; the first line of its text is larger."""
        dashes = f' stroke-dasharray="{ink.dashes}"' if ink.dashes else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="{corner}" '
            f'fill="{ink.fill}" stroke="{ink.line}" stroke-width="1.5"{dashes}/>'
        )
        first = y - 8 * (len(lines) - 1)
        for number, line in enumerate(lines):
            colour = "#ffffff" if ink is DARK else QUIET if number else TEXT
            self.text(x + width / 2, first + 16 * number, line, 11 if number else 13, ink=colour)

    def coder(self, x: float, y: float) -> None:
        """Draw a small box for the entropy coder, its middle at x and y."""
        self.box(x - 28, y, 56, 26, INTEGER, "rANS", corner=13)

    def arrow(self, ink: Ink, *points: Point, head: bool = True) -> None:
        """Draw a line of horizontal and vertical pieces through points."""
        (x, y), (before_x, before_y) = points[-1], points[-2]
        right, down = (x > before_x) - (x < before_x), (y > before_y) - (y < before_y)
        back = (x - 7 * right, y - 7 * down) if head else (x, y)
        path = "M" + " L".join(f"{px:g} {py:g}" for px, py in (*points[:-1], back))
        self.parts.append(f'<path d="{path}" fill="none" stroke="{ink.line}" stroke-width="1.5"/>')
        if head:
            corners = [(x, y), *((x - 8 * right + s * 4 * down, y - 8 * down + s * 4 * right) for s in (1, -1))]
            self.parts.append(
                f'<polygon points="{" ".join(f"{px:g},{py:g}" for px, py in corners)}" fill="{ink.line}"/>'
            )

    def dot(self, x: float, y: float, ink: Ink) -> None:
        """Mark where a line forks."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="{ink.line}"/>')

    def legend(self, *entries: tuple[Ink, str]) -> None:
        """Explain inks in the last line of the card."""
        x = 20
        for ink, words in entries:
            self.box(x, self.height - 20, 22, 14, ink, corner=3)
            self.text(x + 30, self.height - 20, words, 12, "start", QUIET)
            x += 30 + round(6.4 * len(words)) + 24

    def svg(self) -> str:
        """Return the file's text."""
        return "\n".join([*self.parts, "</svg>", ""])


KINDS = ((INTEGER, "integer: the same on every machine"), (FLOAT, "float: nobody has to agree"))
TOP, UPPER, STREAM, LOWER, BOTTOM = 80, 180, 290, 400, 500  # rows of a codec: the decoder mirrors the encoder


def codec(title: str, end: float, header: str = "header: size, model, CRC") -> Figure:
    """Draw what all hyper-prior codecs have, up to the hyper-synthesis; `end` is where the coder of y stands."""
    figure = Figure(round(end) + 70, 590, title)
    figure.text(20, 28, "Encoder", 15, "start")
    figure.text(20, STREAM + 52, "Decoder", 15, "start")
    figure.box(12, STREAM, end + 46, 44, NEUTRAL, corner=8)
    figure.text(24, STREAM - 9, "Stream", 15, "start")
    figure.text(24, STREAM + 11, header, 11, "start", QUIET)
    figure.box(212, STREAM, 120, 32, BLANK, "section 2: z")
    figure.box(end - 66, STREAM, 112, 32, BLANK, "section 1: y")
    # Encoder.
    figure.text(36, TOP, "picture")
    figure.arrow(FLOAT, (60, TOP), (80, TOP))
    figure.box(80, TOP, 115, 40, FLOAT, "analysis")
    figure.arrow(FLOAT, (137, TOP + 20), (137, UPPER - 20))
    figure.text(127, (TOP + UPPER) / 2, "y")
    figure.box(80, UPPER, 115, 40, FLOAT, "hyper-analysis")
    figure.arrow(FLOAT, (195, UPPER), (244, UPPER))
    figure.text(219, UPPER - 11, "z")
    figure.box(244, UPPER, 56, 40, FLOAT, "round")
    figure.arrow(INTEGER, (272, UPPER + 20), (272, 226))
    figure.coder(272, 239)
    figure.arrow(INTEGER, (272, 252), (272, STREAM - 16))
    figure.arrow(INTEGER, (300, UPPER), (375, UPPER))
    figure.text(336, UPPER - 11, "symbols")
    # Decoder.
    figure.arrow(INTEGER, (272, STREAM + 16), (272, 328))
    figure.coder(272, 341)
    figure.arrow(INTEGER, (272, 354), (272, LOWER), (375, LOWER))
    figure.text(336, LOWER - 11, "symbols")
    figure.arrow(FLOAT, (80, BOTTOM), (60, BOTTOM))
    figure.box(80, BOTTOM, 115, 40, FLOAT, "synthesis")
    figure.text(36, BOTTOM, "picture")
    # The coder of y.
    figure.arrow(INTEGER, (end, UPPER + 13), (end, STREAM - 16))
    figure.arrow(INTEGER, (end, STREAM + 16), (end, LOWER - 13))
    return figure


def hyper_prior(title: str, *, means: bool, rates: bool = False) -> Figure:
    """Draw a model whose hyper-synthesis gives the parameters of y at once."""
    end = 660
    figure = codec(title, end, "header: …, rate point p" if rates else "header: size, model, CRC")
    quantised = ("round((y − mean)·g)" if rates else "round(y − mean)") if means else "round(y)"
    figure.arrow(FLOAT, (195, TOP), (355, TOP))
    figure.text(219, TOP - 11, "y")
    figure.box(355, TOP, 160, 40, FLOAT, quantised)
    figure.arrow(INTEGER, (515, TOP), (end, TOP), (end, UPPER - 13))
    figure.text(590, TOP - 11, "symbols")
    for row in (UPPER, LOWER):
        figure.box(375, row, 120, 40, INTEGER, "hyper-synthesis")
        figure.arrow(INTEGER, (495, row), (end - 28, row))
        figure.text(562, row - 11, "indexes")
        figure.coder(end, row)
    if means:
        figure.arrow(INTEGER, (435, UPPER - 20), (435, TOP + 20))
        figure.arrow(INTEGER, (435, LOWER + 20), (435, BOTTOM - 20))
        for middle in ((TOP + UPPER) / 2, (LOWER + BOTTOM) / 2):
            figure.text(443, middle, "means", anchor="start")
    figure.arrow(INTEGER, (end, LOWER + 13), (end, BOTTOM), (515, BOTTOM))
    figure.text(590, BOTTOM - 11, "symbols")
    figure.box(355, BOTTOM, 160, 40, INTEGER, "dequantise")
    figure.arrow(INTEGER, (355, BOTTOM), (195, BOTTOM))
    figure.text(280, BOTTOM - 11, "y_hat")
    if rates:
        figure.box(375, UPPER + 36, 120, 24, RATE, "thresholds[p]", corner=12)
        figure.box(375, LOWER - 36, 120, 24, RATE, "thresholds[p]", corner=12)
        figure.box(375, TOP - 36, 120, 24, RATE, "gain g[p]", corner=12)
        figure.box(315, BOTTOM + 36, 240, 24, RATE, "multiplier, shift, offsets[p]", corner=12)
        figure.legend(*KINDS, (RATE, "chosen by the rate point"))
    else:
        figure.legend(*KINDS)
    return figure


def contextual(title: str, *lines: str) -> Figure:
    """Draw a model whose context model sees the latents that are decoded already."""
    end = 880
    figure = codec(title, end)
    figure.arrow(FLOAT, (195, TOP), (570, TOP))
    figure.text(219, TOP - 11, "y")
    figure.box(570, TOP, 84, 40, FLOAT, "round")
    figure.arrow(INTEGER, (654, TOP), (690, TOP))
    figure.box(690, TOP, 100, 40, INTEGER, "dequantise")
    figure.arrow(INTEGER, (612, TOP - 20), (612, 36), (end, 36), (end, UPPER - 13))
    figure.text(744, 25, "symbols")
    for row, towards in ((UPPER, -1), (LOWER, 1)):
        figure.box(375, row, 120, 40, INTEGER, "hyper-synthesis")
        figure.arrow(INTEGER, (495, row), (570, row))
        figure.text(530, row - 11, "features")
        figure.box(570, row, 220, 64, INTEGER, "context model", *lines)
        figure.arrow(INTEGER, (790, row), (end - 28, row))
        figure.text(820, row - 11, "indexes")
        figure.coder(end, row)
        middle = row + towards * 55
        figure.text(720, middle, "means", anchor="end")
        figure.text(772, middle, "y_hat", anchor="start")
    figure.text(604, UPPER - 55, "means", anchor="end")
    figure.arrow(INTEGER, (612, UPPER - 32), (612, TOP + 20))
    figure.arrow(INTEGER, (728, UPPER - 32), (728, TOP + 20))
    figure.arrow(INTEGER, (764, TOP + 20), (764, UPPER - 32))
    figure.arrow(INTEGER, (728, LOWER + 32), (728, BOTTOM - 20))
    figure.arrow(INTEGER, (764, BOTTOM - 20), (764, LOWER + 32))
    figure.arrow(INTEGER, (end, LOWER + 13), (end, BOTTOM), (790, BOTTOM))
    figure.text(836, BOTTOM - 11, "symbols")
    figure.box(690, BOTTOM, 100, 40, INTEGER, "dequantise")
    figure.arrow(INTEGER, (690, BOTTOM), (195, BOTTOM))
    figure.text(440, BOTTOM - 11, "y_hat, once all of it is there")
    figure.legend(*KINDS)
    return figure


def factorised() -> Figure:
    """Draw the model without a hyper-prior."""
    figure = Figure(730, 376, "Data flow of a factorised model")
    figure.text(20, 28, "Encoder", 15, "start")
    figure.text(20, 242, "Decoder", 15, "start")
    figure.box(12, 190, 706, 44, NEUTRAL, corner=8)
    figure.text(24, 181, "Stream", 15, "start")
    figure.text(24, 201, "header: size, model, CRC", 11, "start", QUIET)
    figure.box(594, 190, 112, 32, BLANK, "section 1: y")
    for row in (76, 304):
        figure.text(36, row, "picture")
    figure.arrow(FLOAT, (60, 76), (80, 76))
    figure.box(80, 76, 115, 40, FLOAT, "analysis")
    figure.arrow(FLOAT, (195, 76), (355, 76))
    figure.text(280, 65, "y")
    figure.box(355, 76, 160, 40, FLOAT, "round(y − median)")
    figure.arrow(INTEGER, (515, 76), (650, 76), (650, 114))
    figure.text(578, 65, "symbols")
    figure.coder(650, 127)
    figure.arrow(INTEGER, (650, 140), (650, 174))
    figure.arrow(INTEGER, (650, 206), (650, 240))
    figure.coder(650, 253)
    figure.arrow(INTEGER, (650, 266), (650, 304), (515, 304))
    figure.text(578, 293, "symbols")
    figure.box(355, 304, 160, 40, INTEGER, "symbol + median")
    figure.arrow(INTEGER, (355, 304), (195, 304))
    figure.text(280, 293, "y_hat")
    figure.box(80, 304, 115, 40, FLOAT, "synthesis")
    figure.arrow(FLOAT, (80, 304), (60, 304))
    for row in (127, 253):
        figure.box(355, row, 160, 30, INTEGER, "one table a channel")
        figure.arrow(INTEGER, (515, row), (622, row))
        figure.text(563, row - 11, "indexes")
    figure.legend(*KINDS)
    return figure


def group() -> Figure:
    """Draw the networks of one group of a context model."""
    figure = Figure(740, 280, "One group of a context model")
    rows = (
        (50, "hyper-synthesis", "once a picture", "z", "hyper features"),
        (130, "channel network", "once a group (ELIC)", "earlier groups", "channel features"),
        (210, "masked 5×5 layer", "once a pass", "earlier passes", "spatial features"),
    )
    for row, name, when, reads, gives in rows:
        figure.text(106, row, reads, anchor="end")
        figure.arrow(INTEGER, (112, row), (134, row))
        figure.box(134, row, 150, 44, INTEGER, name, when)
        figure.text(357, row - 11, gives)
    figure.arrow(INTEGER, (284, 50), (430, 50), (430, 110), (460, 110))
    figure.arrow(INTEGER, (284, 130), (460, 130))
    figure.arrow(INTEGER, (284, 210), (430, 210), (430, 150), (460, 150))
    figure.box(460, 130, 130, 64, INTEGER, "1×1 layers", "at the positions", "of the pass")
    figure.arrow(INTEGER, (590, 115), (620, 115), (620, 90), (656, 90))
    figure.arrow(INTEGER, (590, 145), (620, 145), (620, 170), (656, 170))
    figure.text(662, 90, "indexes", anchor="start")
    figure.text(662, 170, "means", anchor="start")
    figure.legend(KINDS[0])
    return figure


CELL = 40


def grid(figure: Figure, left: float, top: float, rows: list[list[tuple[Ink, str]]]) -> None:
    """Draw a table of inked cells with a word each."""
    for y, row in enumerate(rows):
        for x, (ink, word) in enumerate(row):
            middle = top + CELL * y + CELL / 2
            figure.box(left + CELL * x, middle, CELL, CELL, ink, *([word] if word else []), corner=0)


def wavefront(now: int = 9) -> Figure:
    """Draw the waves of a small latent, and when the taps of the mask were decoded."""
    figure = Figure(660, 316, "Wavefront order, and what the masked layer sees")
    figure.text(190, 26, "wave t = x + 3·y of each position", 13)
    times = [[x + 3 * y for x in range(8)] for y in range(5)]
    inks = [[INTEGER if t < now else DARK if t == now else BLANK for t in row] for row in times]
    grid(figure, 30, 50, [[(i, str(t)) for i, t in zip(*row, strict=True)] for row in zip(inks, times, strict=True)])
    figure.text(190, 270, "x →", 12, ink=QUIET)
    figure.text(16, 150, "y", 12, ink=QUIET)
    figure.text(16, 166, "↓", 12, ink=QUIET)
    figure.text(510, 26, "5×5 mask: waves, counted from t", 13)
    seen = [[dx + 3 * dy for dx in range(-2, 3)] for dy in range(-2, 3)]
    live = [[dy < 0 or (dy == 0 and dx < 0) for dx in range(-2, 3)] for dy in range(-2, 3)]
    cells = [
        [(INTEGER, str(t).replace("-", "−")) if alive else (BLANK, "") for t, alive in zip(*row, strict=True)]
        for row in zip(seen, live, strict=True)
    ]
    cells[2][2] = (DARK, "0")
    grid(figure, 410, 50, cells)
    figure.legend((INTEGER, "decoded"), (DARK, f"being decoded, side by side (t = {now})"), (BLANK, "not yet"))
    return figure


def checkerboard() -> Figure:
    """Draw the two passes of a small latent, and which taps the mask has."""
    figure = Figure(640, 300, "Checkerboard order, and what the masked layer sees")
    figure.text(190, 26, "pass of each position", 13)
    rows = [[(INTEGER, "1") if (x + y) % 2 == 0 else (DARK, "2") for x in range(7)] for y in range(5)]
    grid(figure, 50, 50, rows)
    figure.text(510, 26, "5×5 mask in pass 2", 13)
    cells = [[(INTEGER, "1") if (x + y) % 2 else (BLANK, "") for x in range(5)] for y in range(5)]
    cells[2][2] = (DARK, "2")
    grid(figure, 410, 50, cells)
    figure.legend((INTEGER, "pass 1"), (DARK, "pass 2"), (BLANK, "not seen"))
    return figure


def sources() -> Figure:
    """Draw which groups each group of the two versions of ELIC sees."""
    figure = Figure(640, 350, "Which groups the channel networks of ELIC see")
    sizes = (16, 16, 32, 64, 192)
    for left, name, sees in (
        (80, "elic2022-official", lambda k, j: j < k),
        (410, "elic2022-chandelier", lambda k, j: j < k and j in (0, k - 1)),
    ):
        figure.text(left + 2.5 * CELL, 26, name, 13)
        figure.text(left + 2.5 * CELL, 52, "sees group", 12, ink=QUIET)
        cells = []
        for k in range(5):
            figure.text(left + CELL * (k + 0.5), 72, str(k))
            figure.text(left - 8, 84 + CELL * (k + 0.5), f"{k}: {sizes[k]}", anchor="end")
            row = [(INTEGER, str(sizes[j])) if sees(k, j) else (BLANK, "") for j in range(5)]
            row[k] = (DARK, "own")
            cells.append(row)
        grid(figure, left, 84, cells)
    figure.text(20, 304, "Rows: group and its channels. Cells: channels that its networks read.", 12, "start", QUIET)
    figure.legend((INTEGER, "by the channel network"), (DARK, "its own first pass, by the masked 5×5 layer"))
    return figure


def figures() -> dict[str, str]:
    """Return the text of every file, by name."""
    drawn = {
        "factorised": factorised(),
        "scale-hyperprior": hyper_prior("Data flow of a scale hyper-prior", means=False),
        "mean-scale": hyper_prior("Data flow of a mean-scale hyper-prior", means=True),
        "variable-rate": hyper_prior("Data flow of a variable-rate model", means=True, rates=True),
        "autoregressive": contextual("Data flow of an autoregressive model", "wave by wave"),
        "checkerboard": contextual("Data flow of a checkerboard model", "two passes"),
        "channel-groups": contextual("Data flow of ELIC", "five groups of channels,", "two passes each"),
        "context-group": group(),
        "order-wavefront": wavefront(),
        "order-checkerboard": checkerboard(),
        "sources": sources(),
    }
    return {f"{name}.svg": figure.svg() for name, figure in drawn.items()}


if __name__ == "__main__":
    for file, text in figures().items():
        (Path(__file__).parent / file).write_text(text, encoding="utf-8")
