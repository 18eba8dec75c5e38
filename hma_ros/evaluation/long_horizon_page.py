# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Long rollouts beside the truth: contact sheets, animations, and a page that holds them all."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hma_ros.core.spread import evenly_spread
from hma_ros.evaluation.chart import Axis, line_chart
from hma_ros.evaluation.images import (
    INK,
    PAPER,
    SOFT,
    centred_text,
    font,
    paste_frame,
    save_animation,
)
from hma_ros.evaluation.long_horizon import Film, Rollouts

_CELL_PX, _GAP, _MARGIN, _LABEL_PX, _TEXT_PX = 96, 4, 14, 74, 13
_MOMENTS = 10
# Of an animation: what its columns show, and the height of the line that says so.
_LANES, _HEAD_PX = ('truth', 'tokenizer', 'imagined'), 18
_CURVE_POINTS = 34
# Animations play twice as slow as it happened.
_SLOWER = 2.0
# Lossless ones are five times as large; contact sheets are lossless.
_QUALITY = 90
_STYLE = (
    'body{font:15px sans-serif;max-width:1160px;margin:2em auto;padding:0 1em}'
    'td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}'
    'img{image-rendering:pixelated;max-width:100%}svg{max-width:560px}'
)


def contact_sheet(rollouts: Rollouts) -> Image.Image:
    """Draw the first rollouts, truth above imagination, at moments ever farther ahead."""
    films = rollouts.films
    moments = _moments(len(films[0].truth))
    scale = max(1, round(_CELL_PX / films[0].last.shape[0]))
    side = films[0].last.shape[0] * scale
    left, top = _MARGIN + _LABEL_PX, _MARGIN + 48
    pair = 2 * side + 3 * _GAP
    width = left + (len(moments) + 1) * (side + _GAP) + _MARGIN
    sheet = Image.new('RGB', (width, top + len(films) * (pair + _GAP) + _MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), _title(rollouts), INK, font(18))
    for column, text in enumerate(
        ('last seen', *(f'+{(moment + 1) * films[0].every}' for moment in moments))
    ):
        centred_text(draw, left + column * (side + _GAP) + side // 2, top - 10, text, SOFT)
    for number, film in enumerate(films):
        upper = top + number * (pair + _GAP)
        lower = upper + side + _GAP
        for text, y in (('truth', upper), ('imagined', lower)):
            draw.text((_MARGIN, y + side // 2), text, INK, font(_TEXT_PX), anchor='lm')
        paste_frame(sheet, film.last, (left, upper), scale)
        for column, moment in enumerate(moments, 1):
            x = left + column * (side + _GAP)
            paste_frame(sheet, film.truth[moment], (x, upper), scale)
            paste_frame(sheet, film.imagined[moment], (x, lower), scale)
    return sheet


def animation(rollouts: Rollouts) -> list[Image.Image]:
    """
    Draw the first rollouts moment by moment: truth, as the tokenizer draws it, imagined.

    Two rollouts stand in a row.
    """
    films = rollouts.films
    images = []
    for moment in range(-1, len(films[0].truth)):
        strips = [_strip(film, moment) for film in films]
        columns = [np.concatenate(strips[column::2]) for column in range(min(2, len(strips)))]
        height = max(len(column) for column in columns)
        padded = [
            np.pad(item, ((_HEAD_PX, height - len(item)), (0, 8), (0, 0)), constant_values=255)
            for item in columns
        ]
        image = Image.fromarray(np.concatenate(padded, 1))
        _label(image, len(columns), films[0].last.shape[1] + _GAP)
        images.append(image)
    return images


def _label(image: Image.Image, rollouts: int, step_px: int) -> None:
    """Write above each column of frames what they are; each row has so many rollouts."""
    draw = ImageDraw.Draw(image)
    for rollout in range(rollouts):
        for lane, text in enumerate(_LANES):
            x = rollout * (3 * step_px + 8) + lane * step_px + step_px // 2
            draw.text((x, _HEAD_PX // 2), text, INK, font(min(_TEXT_PX, step_px // 6)), 'mm')


def write_long_horizon(folder: Path, measured: Sequence[Rollouts], table: str) -> Path:
    """
    Write a contact sheet and an animation of each, and a page that needs no other file.

    :param table: of the numbers, as text.
    :returns: the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        '<h1>Long rollouts</h1>',
        '<p>The model observes a few frames, then imagines from actions only. Animations show, '
        "from left to right, the simulator, the tokenizer's reconstruction of its frames, and the "
        f'imagined frames, {_speed(measured[0].every)}. Two rollouts stand side by side.</p>',
        f'<pre>{escape(table)}</pre>',
    ]
    for rollouts in measured:
        name = f'{rollouts.robot}_{rollouts.actions}'
        sheet, film = _png(contact_sheet(rollouts)), _webp(rollouts)
        (folder / f'{name}.png').write_bytes(sheet)
        (folder / f'{name}.webp').write_bytes(film)
        title = escape(_title(rollouts))
        parts += [
            f'<h2>{title}</h2>',
            *_curves(rollouts),
            f'<p><img alt="{title}, animated" width="90%" src="{_inline(film, "webp")}"></p>',
            f'<p><img alt="{title}" src="{_inline(sheet, "png")}"></p>',
        ]
    page = folder / 'long_horizon.html'
    page.write_text(
        '<!doctype html><html lang=en><meta charset=utf-8><title>Long rollouts</title>'
        f'<style>{_STYLE}</style>{"".join(parts)}</html>\n',
        encoding='utf-8',
    )
    return page


def _speed(every: int) -> str:
    """Say how fast animations play."""
    speed = every / _SLOWER
    return 'at half speed' if speed == 0.5 else f'{speed:.3g} times as fast as it happened'


def _title(rollouts: Rollouts) -> str:
    whose = {'wander': 'wandering actions', 'expert': "the expert's actions"}
    return f'{rollouts.robot}: {whose[rollouts.actions]}'


def _moments(horizon: int) -> list[int]:
    """Choose moments from 0 on, at distances that grow."""
    ahead = np.geomspace(1, horizon, _MOMENTS).round().astype(int)
    return sorted({int(step) - 1 for step in ahead})


def _strip(film: Film, moment: int) -> np.ndarray:
    """Set truth, drawn and imagined side by side; before the first moment the last seen frame."""
    frames = [film.last] * 3
    if moment >= 0:
        frames = [film.truth[moment], film.drawn[moment], film.imagined[moment]]
    padded = [np.pad(item, ((0, 4), (0, 4), (0, 0)), constant_values=255) for item in frames]
    return np.concatenate(padded, 1)


def _curves(rollouts: Rollouts) -> list[str]:
    """Draw survival and errors over the steps; SVG."""
    horizon = len(rollouts.films[0].truth)
    ahead = [
        rollouts.at((at + 1) * rollouts.every) for at in evenly_spread(horizon, _CURVE_POINTS)
    ]
    steps = Axis('steps ahead')

    def line(read: str, of: str = '') -> list[tuple[float, float]]:
        values = [(item.steps, getattr(item.tokenizer if of else item, read)) for item in ahead]
        return [(float(x), y) for x, y in values if np.isfinite(y)]

    charts = []
    for title, y_axis, names in (
        ('Parts still there', Axis('share of rollouts'), ('survival', 'tool_survival')),
        ('Places', Axis('error, px of 64'), ('tool_error_px', 'object_error_px')),
    ):
        series = {}
        for name in names:
            series[name] = line(name)
            series[f'{name}, drawn*'] = line(name, 'tokenizer')
        if any(series.values()):
            charts.append(line_chart(title, steps, y_axis, series))
    return charts


def _png(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, 'PNG', optimize=True)
    return target.getvalue()


def _webp(rollouts: Rollouts) -> bytes:
    images = animation(rollouts)
    each_ms = round(1000 * _SLOWER / rollouts.films[0].frame_hz)
    target = io.BytesIO()
    save_animation(images, target, each_ms, format='WEBP', quality=_QUALITY)
    return target.getvalue()


def _inline(data: bytes, kind: str) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
