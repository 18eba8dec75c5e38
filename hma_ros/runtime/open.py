# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Open the world model of a bundle."""

from __future__ import annotations

from pathlib import Path

from hma_ros.core.decoding import Decoding
from hma_ros.runtime.paper.world_model import PaperWorldModel
from hma_ros.runtime.providers import Execution


def open_world_model(
    folder: str | Path,
    stem: str,
    execution: Execution = Execution(),  # noqa: B008
    decoding: Decoding = Decoding(),  # noqa: B008
) -> PaperWorldModel:
    """
    Open a bundle for the robot of one stem.

    :param execution: where and how to run it.
    :param decoding: how to imagine, where that is to be other than the bundle recommends.
    :raises ConfigError: the provider does not work here, or the model has no such decoding.
    :raises BundleError: the bundle cannot be used, or not for a robot.
    """
    return PaperWorldModel(folder, stem, execution, decoding=decoding)
