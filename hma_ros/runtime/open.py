# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Open the world model of a bundle, of whatever family."""

from __future__ import annotations

from pathlib import Path

from hma_ros.core.decoding import Decoding
from hma_ros.core.errors import ConfigError
from hma_ros.runtime.bundle import Bundle
from hma_ros.runtime.families import read_manifest
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.paper.world_model import PaperWorldModel
from hma_ros.runtime.providers import TORCH, Execution
from hma_ros.runtime.world import World
from hma_ros.runtime.world_model import WorldModel


def open_world_model(
    folder: str | Path,
    stem: str,
    execution: Execution = Execution(),  # noqa: B008
    decoding: Decoding = Decoding(),  # noqa: B008
) -> World:
    """
    Open a bundle for the robot of one stem.

    :param execution: where and how to run it.
    :param decoding: how to imagine, where that is to be other than the bundle recommends.
    :raises ConfigError: the provider does not work here, or cannot run this family.
    :raises BundleError: the bundle cannot be used, or not for a robot.
    """
    if isinstance(read_manifest(folder), Manifest):
        if execution.provider == TORCH:
            raise ConfigError(
                f"provider: {TORCH} runs bundles of the paper's models, {folder} is none; "
                'expected auto, cpu, cuda or tensorrt'
            )
        if chosen := decoding.chosen:
            raise ConfigError(
                f'{chosen[0]}: got {getattr(decoding, chosen[0])!r}, expected none for {folder}, '
                "which is no bundle of the paper's models; leave it out"
            )
        return WorldModel(Bundle(folder, stem, execution))
    return PaperWorldModel(folder, stem, execution, decoding=decoding)
