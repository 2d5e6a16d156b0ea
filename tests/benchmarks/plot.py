"""The ratios as a picture: a dot for the median, a bar from the least to the most, a tick for the target. SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from statistics import median

from tests.benchmarks.figures import MET, MISSED, Line

LEFT, WIDTH, ROW, TOP = 560, 620, 26, 56
DECADES = range(-2, 3)  # ratios from 1/100 to 100
COLOURS = {MET: "#1a7f37", MISSED: "#cf222e"}
NEUTRAL = "#57606a"


def picture(lines: Sequence[Line], words: Mapping[str, str]) -> str:
    """Return an SVG with a row for each comparison that has a ratio."""
    rows = [line for line in lines if line.beside and line.ratios]
    height = TOP + ROW * len(rows) + 60
    drawn = [*_axis(TOP + ROW * len(rows)), *(part for place, line in enumerate(rows) for part in _row(place, line))]
    said = "; ".join(words.get(name, "") for name in ("machine", "date", "python"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 40}" height="{height}" '
        'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        + _text(16, 22, "ours : theirs, in the same rounds on one machine", size=15)
        + _text(16, height - 14, said, colour=NEUTRAL)
        + "".join(drawn) + "</svg>\n"
    )  # fmt: skip


def _axis(bottom: int) -> list[str]:
    drawn = []
    for decade in DECADES:
        x, is_one = _x(10**decade), decade == 0
        drawn.append(_line(x, TOP - 10, x, bottom, "#24292f" if is_one else "#d0d7de"))
        drawn.append(_text(x, bottom + 18, f"{10**decade:g}", anchor="middle"))
    return drawn


def _row(place: int, line: Line) -> list[str]:
    y, ratios, colour = TOP + ROW * place + ROW / 2, line.ratios, COLOURS.get(line.verdict, NEUTRAL)
    middle = median(ratios)
    drawn = [
        _text(LEFT - 12, y + 4, f"{line.measure} : {line.beside}", anchor="end"),
        _line(_x(min(ratios)), y, _x(max(ratios)), y, colour, width=3),
        f'<circle cx="{_x(middle):.1f}" cy="{y}" r="5" fill="{colour}"/>\n',
        _text(_x(max(ratios)) + 10, y + 4, f"{middle:.2f}", colour=colour),
    ]
    if line.target is not None:
        drawn.append(_line(_x(line.target.bound), y - 9, _x(line.target.bound), y + 9, "#24292f"))
    return drawn


def _x(ratio: float) -> float:
    decades = min(max(math.log10(max(ratio, 1e-9)), DECADES[0]), DECADES[-1])
    return LEFT + (decades - DECADES[0]) / (DECADES[-1] - DECADES[0]) * WIDTH


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, *, width: int = 1) -> str:
    place = f'x1="{x:.1f}" y1="{y}" x2="{to_x:.1f}" y2="{to_y}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"/>\n'


def _text(x: float, y: float, said: str, *, anchor: str = "start", size: int = 12, colour: str = "#24292f") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(said)}</text>\n'
    )
