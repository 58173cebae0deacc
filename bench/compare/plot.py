# SPDX-License-Identifier: Apache-2.0
"""CPU per connection as bars, one block for each scenario, as SVG."""

from collections.abc import Sequence
from html import escape

from run import Sample
from table import CPU, Figure, figure, grouped, number

LEFT, BAR, RIGHT = 150, 460, 170
ROW, GAP, TOP = 18, 34, 44
COLOURS = {
    "postscreen": "#7a869a",
    "haproxy": "#b59b5b",
    "fendmail-pass": "#1f6feb",
    "fendmail-proxy": "#54a3ff",
    "fendmail-pass-2w": "#0b3d91",
    "fendmail-proxy-2w": "#2f7fd8",
}


def svg(samples: Sequence[Sample], caption: str) -> str:
    """Each block has its own scale: scenarios differ by a factor of hundreds."""
    parts: list[str] = []
    y = TOP
    for item, by_peer in grouped(samples).items():
        found = {peer: figure(s, CPU) for peer, s in by_peer.items()}
        bars = {peer: f for peer, f in found.items() if f is not None}
        if not bars:
            continue
        parts.append(_text(8, y, item, "bold"))
        y += 8
        most = max(f.largest for f in bars.values()) or 1
        for peer, measured in bars.items():
            parts.append(_bar(y, peer, measured, most))
            y += ROW
        y += GAP - 8
    width = LEFT + BAR + RIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
        f'viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n'
    )
    title = _text(8, 18, f"CPU µs per connection: {caption}", "normal")
    return head + title + "".join(parts) + "</svg>\n"


def _text(x: float, y: float, text: str, weight: str) -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}">{escape(text)}</text>\n'


def _bar(y: float, peer: str, measured: Figure, most: float) -> str:
    """The median, with a line from the smallest to the largest."""
    def at(value: float) -> float:
        return round(LEFT + BAR * value / most, 1)

    middle = y + ROW / 2
    colour = COLOURS.get(peer, "#999999")
    return (
        _text(16, y + ROW - 5, peer, "normal")
        + f'<rect x="{LEFT}" y="{y + 2}" width="{at(measured.median) - LEFT}" '
        f'height="{ROW - 4}" fill="{colour}"/>\n'
        + f'<line x1="{at(measured.smallest)}" x2="{at(measured.largest)}" y1="{middle}" '
        f'y2="{middle}" stroke="black"/>\n'
        + _text(at(measured.largest) + 6, y + ROW - 5, number(measured.median), "normal")
    )
