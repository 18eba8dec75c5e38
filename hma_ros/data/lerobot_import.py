# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""LeRobot data sets of others to episodes of ours."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from hma_ros.data.episode_import import Mapping, import_episodes
from hma_ros.data.imported_source import ImportedSource, identity, imported_before
from hma_ros.data.lerobot_source import LeRobotSource
from hma_ros.data.lerobot_writer import LeRobotWriter


def import_lerobot(path: Path, writer: LeRobotWriter, mapping: Mapping) -> ImportedSource:
    """
    Append the episodes of a LeRobot data set, v2.1 or v3; it is skipped if it was imported before.

    An episode whose video is missing or broken is left out, and named in the facts; an image that
    is broken drops its step.

    :raises ConfigError: the data set contradicts itself or the embodiment, was imported with
        another mapping, or nothing is left.
    """
    options = asdict(mapping)
    if (known := imported_before(path, writer, options=options)) is not None:
        return known
    facts = {'source': identity(path), 'options': options}
    return import_episodes(LeRobotSource(path), writer, mapping, facts)
