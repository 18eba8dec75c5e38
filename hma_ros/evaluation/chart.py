# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG, small enough to commit and sharp at any size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

# Told apart by people who do not see colours as most do (Okabe and Ito).
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 180, 40, 46
_TICKS = 5
_DASHED = '*'


@dataclass(frozen=True)
class Axis:
    """
    One axis.

    :param label: quantity and unit.
    :param is_logarithmic: powers of ten at even distances; takes positive values only.
    """

    label: str
    is_logarithmic: bool = False


def line_chart(title: str, x_axis: Axis, y_axis: Axis, series: Mapping[str, Points]) -> str:
    """
    Draw named lines.

    :param series: points ``(x, y)`` by name; a name that ends with ``*`` is drawn dashed, in the
        colour of the one before.
    :returns: SVG.
    :raises ValueError: there is no point to draw.
    """
    points = [point for line in series.values() for point in line]
    if not points:
        raise ValueError(f"chart '{title}': no points, expected at least one")
    x_scale = _Scale(x_axis, [x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    y_scale = _Scale(y_axis, [y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12" fill="#202124">',
        f'<title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 22, title, 'font-size="15"'),
        *_grid(x_scale, y_scale),
    ]
    colour = -1
    for index, (name, line) in enumerate(series.items()):
        colour += not name.endswith(_DASHED)
        places = [(x_scale.place(x), y_scale.place(y)) for x, y in line]
        parts += _line(index, _COLOURS[max(colour, 0) % len(_COLOURS)], name, places)
    return '\n'.join([*parts, '</svg>', ''])


class _Scale:
    """Values to pixels along one axis."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self.axis = axis
        self._start, self._end = start, end
        low, high = min(map(self._even, values)), max(map(self._even, values))
        step = _round_step((high - low) / _TICKS or 1.0)
        self._low = math.floor(low / step) * step
        self._high = max(math.ceil(high / step) * step, self._low + step)
        count = round((self._high - self._low) / step)
        self.ticks = [self._low + index * step for index in range(count + 1)]

    def place(self, value: float) -> float:
        return self.place_even(self._even(value))

    def place_even(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def label(self, tick: float) -> str:
        return f'{10**tick:.3g}' if self.axis.is_logarithmic else f'{tick:.4g}'

    def _even(self, value: float) -> float:
        return math.log10(value) if self.axis.is_logarithmic else value


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _grid(x_scale: _Scale, y_scale: _Scale) -> list[str]:
    parts = []
    bottom = _HEIGHT - _BOTTOM
    for tick in y_scale.ticks:
        y = y_scale.place_even(tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e4e6e9"/>')
        parts.append(_text(_LEFT - 6, y + 4, y_scale.label(tick), 'text-anchor="end"'))
    for tick in x_scale.ticks:
        parts.append(
            _text(
                x_scale.place_even(tick), bottom + 16, x_scale.label(tick), 'text-anchor="middle"'
            )
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 10, x_scale.axis.label, 'text-anchor="middle"'))
    centre = (_TOP + bottom) / 2
    turn = f'text-anchor="middle" transform="rotate(-90 14 {centre:.0f})"'
    parts.append(_text(14, centre, y_scale.axis.label, turn))
    return parts


def _line(index: int, colour: str, name: str, places: Points) -> list[str]:
    dash = ' stroke-dasharray="5 4"' if name.endswith(_DASHED) else ''
    path = 'L'.join(f'{x:.1f} {y:.1f}' for x, y in places)
    x, y = _WIDTH - _RIGHT + 14, _TOP + 10 + 18 * index
    style = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
    return [
        f'<path d="M{path}" {style}/>',
        f'<path d="M{x} {y}h22" {style}/>',
        _text(x + 28, y + 4, name.removesuffix(_DASHED)),
    ]


def _text(x: float, y: float, text: str, style: str = '') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
