# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Embodiments: one YAML file per robot, read into frozen, validated dataclasses.

``docs/reference/embodiments.md`` describes every key.
"""

from hma_ros.core.embodiment.load import (
    available_embodiments,
    embodiment_folder,
    embodiment_path,
    load_embodiment,
    parse_embodiment,
)
from hma_ros.core.embodiment.spec import (
    ActionSpec,
    CameraSpec,
    CommandSpec,
    CropSpec,
    EmbodimentSpec,
    GripperSpec,
    LimitSpec,
    OrientationSpec,
    PoseSpec,
    RateSpec,
    StateSource,
    StateSpec,
    StopSpec,
)

__all__ = [
    'ActionSpec',
    'CameraSpec',
    'CommandSpec',
    'CropSpec',
    'EmbodimentSpec',
    'GripperSpec',
    'LimitSpec',
    'OrientationSpec',
    'PoseSpec',
    'RateSpec',
    'StateSource',
    'StateSpec',
    'StopSpec',
    'available_embodiments',
    'embodiment_folder',
    'embodiment_path',
    'load_embodiment',
    'parse_embodiment',
]
