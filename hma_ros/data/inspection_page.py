# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page about a data set: findings, ranges, curves, frames."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.short_text import counted
from hma_ros.core.vision.strip import strip
from hma_ros.data.inspection import EpisodeView, Inspection
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.synthetic_writer import imagined_by

_COLOURS = ('#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b', '#e377c2')
_WIDTH, _HEIGHT = 640, 120
_MOST_EPISODES = 50
_STYLE = (
    'body{font:15px sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}'
    'td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}'
    'img{image-rendering:pixelated;max-width:100%}svg{background:#f7f7f7}.f{color:#b00020}'
)


def write_page(data: LeRobotData, found: Inspection, path: Path) -> None:
    """Write the page; it needs no other file. At most fifty episodes are shown."""
    spec = data.spec
    findings = ''.join(f'<li class=f>{escape(text)}</li>' for text in found.findings)
    parts = [
        f'<h1>{escape(str(data.folder.name))}: {escape(spec.name)}</h1>',
        f'<p>{counted(len(data), "episode")}, {counted(found.steps, "step")} at '
        f'{spec.rates.frame_hz:g} Hz.</p>',
        *(f'<p>{escape(text)}.</p>' for text in imagined_by(data.synthetic)),
        f'<h2>Findings</h2><ul>{findings or "<li>none</li>"}</ul>',
        '<h2>Topics</h2>' + _topics(data),
    ]
    if found.episodes:
        parts.append('<h2>Actions</h2>' + _ranges(data, found))
    shown = found.episodes[:_MOST_EPISODES]
    parts += [_episode(data, index, view) for index, view in enumerate(shown)]
    page = (
        '<!doctype html><meta charset=utf-8><title>hma data inspect</title>'
        f'<style>{_STYLE}</style>{"".join(parts)}'
    )
    path.write_text(page, encoding='utf-8')


def _topics(data: LeRobotData) -> str:
    keys = ('messages', 'corrupt', 'duplicated', 'out_of_order', 'late', 'dropped')
    rows = [
        [Path(source['source']['path']).name, topic, *(str(counts[key]) for key in keys)]
        for source in data.journal['sources']
        for topic, counts in source['topics'].items()
    ]
    return _table(['source', 'topic', *(key.replace('_', ' ') for key in keys)], rows)


def _ranges(data: LeRobotData, found: Inspection) -> str:
    action = data.spec.action
    values = np.concatenate([item.actions_TA for item in found.episodes])
    columns = (values.min(0), values.max(0), values.mean(0), values.std(0))
    rows = [
        [
            name,
            unit,
            *(f'{column[index]:.4g}' for column in columns),
            f'{action.lower[index]:g} .. {action.upper[index]:g}',
        ]
        for index, (name, unit) in enumerate(zip(action.names, action.units, strict=True))
    ]
    return _table(['action', 'unit', 'least', 'most', 'mean', 'deviation', 'limits'], rows)


def _episode(data: LeRobotData, index: int, view: EpisodeView) -> str:
    return (
        f'<h2>Episode {index}: {counted(len(view.stamps_T), "step")}, {data.outcomes[index]}</h2>'
        f'<img alt="frames" src="data:image/png;base64,{_sheet(view.frames)}">'
        f'{_drawn(view)}'
        f'<h3>Actions</h3>{_curves(view.stamps_T, view.actions_TA, data.spec.action.names)}'
        f'<h3>Joints</h3>{_curves(view.stamps_T, view.joints_TJ, data.spec.state.joints)}'
    )


def _drawn(view: EpisodeView) -> str:
    if not view.drawn:
        return ''
    image = f'<img alt="reconstructed frames" src="data:image/png;base64,{_sheet(view.drawn)}">'
    return f'<p>Reconstructed by the frame tokenizer of the bundle:</p>{image}'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = ''.join(f'<th>{escape(cell)}</th>' for cell in head)
    body = ''.join(
        '<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>' for row in rows
    )
    return f'<table><tr>{top}</tr>{body}</table>'


def _sheet(frames: Sequence[NDArray[np.uint8]]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(strip(frames)).save(file, 'PNG')
    return base64.b64encode(file.getvalue()).decode('ascii')


def _curves(
    seconds: NDArray[np.float64], values: NDArray[np.float32], names: Sequence[str]
) -> str:
    low, high = float(values.min()), float(values.max())
    x = seconds / max(seconds[-1], 1e-9) * _WIDTH
    y = _HEIGHT - (values - low) / max(high - low, 1e-9) * _HEIGHT
    lines, legend = [], []
    for index, name in enumerate(names):
        colour = _COLOURS[index % len(_COLOURS)]
        points = ' '.join(f'{a:.1f},{b:.1f}' for a, b in zip(x, y[:, index], strict=True))
        lines.append(f'<polyline fill=none stroke="{colour}" points="{points}"/>')
        legend.append(f'<span style="color:{colour}">{escape(name)}</span>')
    return (
        f'<svg width={_WIDTH} height={_HEIGHT}>{"".join(lines)}</svg>'
        f'<div>{low:.3g} .. {high:.3g}, {seconds[-1]:.1f} s: {" ".join(legend)}</div>'
    )
