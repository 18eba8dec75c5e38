# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a chunk of actions does to the measured joints, as far as it tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import EmbodimentSpec


def joint_motion(spec: EmbodimentSpec) -> str:
    """Tell what a chunk does to the joints, where it commands all of them: see StemSpec."""
    if motion_refusal(spec):
        return 'unknown'
    return 'sum' if spec.action.is_delta else 'last'


def motion_refusal(spec: EmbodimentSpec) -> str:
    """Say why actions do not tell where the joints go; empty if they do."""
    if spec.action.is_cartesian:
        return 'they move the tool, and many joint positions lead it there'
    if spec.gripper is not None:
        return 'they open and close a gripper, whose opening is not among the joints'
    if spec.action.coordinates != spec.state.joints:
        commanded, measured = ', '.join(spec.action.coordinates), ', '.join(spec.state.joints)
        return f'they command {commanded}, and measured are {measured}'
    return ''


def joints_after(
    motion: str, joints_BJ: NDArray[np.float32], steps_BHA: NDArray[np.float32]
) -> NDArray[np.float32]:
    """
    Return the joints after a chunk.

    :param motion: ``sum`` or ``last``, see :func:`joint_motion`.
    :param joints_BJ: ``float32[B, J]`` before it, rad or m.
    :param steps_BHA: ``float32[B, stride, J]``, rad or m.
    :returns: ``float32[B, J]``.
    """
    moved = steps_BHA[:, -1] if motion == 'last' else joints_BJ + steps_BHA.sum(1)
    return moved.astype(np.float32)
