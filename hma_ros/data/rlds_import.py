# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""RLDS data sets of others to episodes of ours."""

from __future__ import annotations

from dataclasses import asdict

from hma_ros.data.episode_import import Mapping, import_episodes
from hma_ros.data.imported_source import ImportedSource, identity, imported_before
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.rlds_source import RldsSource


def import_rlds(source: RldsSource, writer: LeRobotWriter, mapping: Mapping) -> ImportedSource:
    """
    Append the episodes of one split; it is skipped if it was imported before.

    A record that is damaged, or a file that is absent, is left out and named in the facts.

    :raises ConfigError: the data set contradicts the embodiment, was imported with other options,
        or nothing is left.
    """
    path, pattern, options = source.folder, source.pattern, {**asdict(mapping), **source.options}
    if (known := imported_before(path, writer, pattern, options)) is not None:
        return known
    facts = {'source': identity(path, pattern), 'options': options}
    return import_episodes(source, writer, mapping, facts)
