# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The losses of a training run as a chart."""

from __future__ import annotations

import json
import math
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.evaluation.chart import Axis, line_chart


def losses_chart(name: str, log: Path) -> str:
    """
    Draw each loss of a log over the optimiser steps, where it is finite and positive; SVG.

    :param name: what was trained, for the title.
    :param log: ``log.jsonl`` of a run: lines of JSON with step, time_s and losses; a last line
        that a killed run did not finish is left out.
    :raises ConfigError: the log is missing or malformed, or has nothing to draw.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    for entry in _entries(log):
        for key in entry.keys() - {'step', 'time_s'}:
            if math.isfinite(entry[key]) and entry[key] > 0:
                series.setdefault(key, []).append((entry['step'], entry[key]))
    if not series:
        raise ConfigError(f'{log}: got no positive loss, expected some; train some steps first')
    return line_chart(
        f'Training of {name}',
        Axis('optimiser steps'),
        Axis('loss', is_logarithmic=True),
        {key: series[key] for key in sorted(series)},
    )


def _entries(log: Path) -> list[dict[str, float]]:
    try:
        *lines, _ = log.read_text(encoding='utf-8').split('\n')
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'{log}: got {shortened(str(error))}, expected the log.jsonl of a training run'
        ) from error
    return [_entry(line, f'{log}: line {number}') for number, line in enumerate(lines, 1)]


def _entry(line: str, where: str) -> dict[str, float]:
    try:
        entry = {key: float(value) for key, value in json.loads(line).items()}
        return {'step': entry['step'], **entry}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(
            f'{where}: got {shortened(line)}, expected JSON with step, time_s and losses; name '
            'the log.jsonl of a training run'
        ) from error
