# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a bundle says of a robot, taken from its embodiment file."""

from __future__ import annotations

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.action_meaning import meaning_of
from hma_ros.core.embodiment.stem_spec import StemSpec


def robot_of(spec: EmbodimentSpec, is_released: bool = False) -> StemSpec:
    """
    Say that a stem serves a robot.

    :param is_released: whether the authors trained it, on a data set whose actions have the
        layout that the file gives; what is trained on this robot's episodes takes its actions.

    Nobody can check that the data set meant the same by its numbers: units, frames, directions.
    Actions are kept within the bounds of the file. The models read no joints.
    """
    return StemSpec(
        action_names=spec.action.names,
        stride=spec.rates.stride,
        frame_hz=spec.rates.frame_hz,
        embodiment=spec.name,
        trained_on='simulation' if spec.simulated else 'robot',
        lower=spec.action.lower,
        upper=spec.action.upper,
        joint_names=(),
        joint_motion='unknown',
        layout=spec.action.layout if is_released else (),
        meaning=meaning_of(spec),
    )
