# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files of results, as ``hma evaluate --out`` and the benchmarks write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import json_fault


@dataclass(frozen=True)
class Measurements:
    """
    One file of results.

    :param command: what to type to measure again.
    :param machine: see :func:`hma_ros.evaluation.measurements.describe_machine`.
    :param results: plain data; ``name`` says of which kind each is.
    :param took_s: duration of the command; None where that was not measured.
    """

    command: str
    machine: dict[str, str]
    results: tuple[dict[str, Any], ...]
    took_s: float | None = None

    def section(self, name: str) -> list[dict[str, Any]]:
        """Return the results that are shown together; most are alone under their name."""
        return [item for item in self.results if section_of(item) == name]


def section_of(result: Mapping[str, Any]) -> str:
    """Tell where a result is shown."""
    return str(result.get('section', result['name']))


def read_measurements(folder: str | Path) -> list[Measurements]:
    """
    Read all files of results in a folder, by name.

    :raises ConfigError: there is none, or one is malformed.
    """
    paths = sorted(Path(folder).glob('*.json'))
    if not paths:
        raise ConfigError(
            f'{folder}: got no *.json, expected results of `hma evaluate` or `make bench`'
        )
    return [_read(path) for path in paths]


def _read(path: Path) -> Measurements:
    try:
        facts = json.loads(path.read_text(encoding='utf-8'))
        if not isinstance(facts, dict):
            raise ConfigError(f'{path}: got {type(facts).__name__}, expected a JSON object')
        results = tuple({'name': str(result['name']), **result} for result in facts['results'])
        machine = {'processor': facts['machine']['processor'], **facts['machine']}
        took_s = facts.get('took_s')
        took_s = None if took_s is None else float(took_s)
        return Measurements(facts['command'], machine, results, took_s)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{path}: got {_fault(error)}, expected command, machine and results, as '
            '`hma evaluate --out` writes them; move other files away'
        ) from error


def _fault(error: Exception) -> str:
    return f'no {error.args[0]!r}' if isinstance(error, KeyError) else json_fault(error)
