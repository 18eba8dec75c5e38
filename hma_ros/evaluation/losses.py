# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The losses of a training run as a chart."""

from __future__ import annotations

import json
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.evaluation.chart import Axis, line_chart


def losses_chart(name: str, log: Path) -> str:
    """
    Draw each loss of a log over the optimiser steps, where it is positive; SVG.

    :param name: what was trained, for the title.
    :param log: ``log.jsonl`` of a run: lines of JSON with step, time_s and losses.
    :raises ConfigError: the log is missing or malformed.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    try:
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        for entry in entries:
            for key in entry.keys() - {'step', 'time_s'}:
                if entry[key] > 0:
                    series.setdefault(key, []).append((float(entry['step']), float(entry[key])))
        ordered = {key: series[key] for key in sorted(series)}
        return line_chart(
            f'Training of {name}',
            Axis('optimiser steps'),
            Axis('loss', is_logarithmic=True),
            ordered,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{log}: got {error!r}, expected lines with step, time_s and losses; name the '
            'log.jsonl of a training'
        ) from error
