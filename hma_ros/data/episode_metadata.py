# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The file ``metadata.json`` of a folder of episodes, read strictly."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened

FLAT_FILES = (
    'video.bin',
    'segment_ids.bin',
    'actions/actions.bin',
    'labels.bin',
    'joints.bin',
    'states.bin',
)
_CHUNK_FILES = ('actions/actions.bin', 'labels.bin')
# What episodes of one robot have in common.
FACTS = ('embodiment', 'hz', 'stride', 'action_names', 'state_names')
# State names of the tool's position.
TOOL = ('tool_x', 'tool_y', 'tool_z')
# Kind of the episodes that a world model continued.
IMAGINED = 'imagined'
# Key of how they were made, here and of a source in the journal of an import.
SYNTHETIC = 'synthetic'
# Sizes of one entry that are fixed.
_DIMENSIONS = {'video.bin': 3, 'segment_ids.bin': 0}


@dataclass(frozen=True)
class EpisodeRecord:
    """Where an episode lies in its folder, and how it was made."""

    start: int
    steps: int
    kind: str
    seed: int
    success: bool


def read_metadata(path: Path) -> tuple[dict[str, Any], list[EpisodeRecord]]:
    """
    Read the metadata of a folder.

    :returns: the file's content, checked, and one record per episode.
    :raises ConfigError: missing, malformed, or contradicting itself.
    """
    try:
        facts = json.loads(path.read_text())
        _check(facts)
        records = [_record(record, facts['num_images']) for record in facts['episodes']]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ConfigError(
            f'{path}: got {shortened(repr(error))}, expected the metadata of an episode folder'
        ) from error
    return facts, records


def _check(facts: Any) -> None:
    for key in ('action_names', 'state_names'):
        names = facts[key]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f'{key}: got {names!r}, expected a list of texts')
    if not isinstance(facts['embodiment'], str):
        raise ValueError(f'embodiment: got {facts["embodiment"]!r}, expected a text')
    _check_integer('stride', facts['stride'], 1)
    _check_integer('num_images', facts['num_images'], 0)
    rate = facts['hz']
    if not isinstance(rate, int | float) or not 0.0 < rate < math.inf:
        raise ValueError(f'hz: got {rate!r}, expected a rate')
    if SYNTHETIC in facts:
        _check_synthetic(facts[SYNTHETIC])
    for name in FLAT_FILES if facts['num_images'] else ():
        _check_shape(name, facts)


def _check_synthetic(facts: Any) -> None:
    if not isinstance(facts, dict):
        raise ValueError(f'{SYNTHETIC}: got {facts!r}, expected an object')
    for key in ('bundle', 'manifest_sha256', 'source'):
        if not isinstance(facts[key], str):
            raise ValueError(f'{SYNTHETIC}: {key}: got {facts[key]!r}, expected a text')
    _check_integer(f'{SYNTHETIC}: observed', facts['observed'], 1)


def _check_shape(name: str, facts: dict[str, Any]) -> None:
    shape = facts['shapes'][name]
    if not isinstance(shape, list):
        raise ValueError(f'shape of {name}: got {shape!r}, expected a list')
    for size in shape:
        _check_integer(f'shape of {name}', size, 0)
    if len(shape) != _DIMENSIONS.get(name, 1):
        raise ValueError(f'shape of {name}: got {shape}, expected other dimensions')
    chunk = [facts['stride'] * len(facts['action_names'])]
    if name in _CHUNK_FILES and shape != chunk:
        raise ValueError(f'shape of {name}: got {shape}, expected {chunk} (stride x action_names)')


def _record(facts: Any, frames: int) -> EpisodeRecord:
    record = EpisodeRecord(**facts)
    for field in fields(record):
        value = getattr(record, field.name)
        if type(value).__name__ != field.type:
            raise ValueError(f'{field.name} of an episode: got {value!r}, expected {field.type}')
    if record.start < 0 or record.steps < 0 or record.start + record.steps >= frames:
        raise ValueError(f'{record}, expected it within {frames} frames')
    return record


def _check_integer(name: str, value: Any, least: int) -> None:
    if type(value) is not int or value < least:
        raise ValueError(f'{name}: got {value!r}, expected an integer from {least} on')
