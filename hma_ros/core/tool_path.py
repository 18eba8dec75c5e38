# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the tool will be if the predicted actions are executed."""

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import EmbodimentSpec


def tool_path(
    spec: EmbodimentSpec, actions_HA: NDArray[np.float64], start_xyz: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """
    Return tool positions after each low-level step.

    :param actions_HA: ``float64[H, A]``.
    :param start_xyz: where the tool is, ``float64[3]``; increments start there.
    :returns: ``float64[H, 3]`` in the frame of the actions, or None where actions do not say
        (joint actions, or increments from an unknown place).
    """
    semantics = spec.action.semantics
    if semantics in ('ee_position', 'ee_pose'):
        return actions_HA[:, :3].copy()
    if semantics == 'position':
        missing = 3 - len(spec.action.coordinates)
        return np.pad(actions_HA[:, : 3 - missing], ((0, 0), (0, missing)))
    if semantics == 'ee_delta' and start_xyz is not None:
        path: NDArray[np.float64] = start_xyz + np.cumsum(actions_HA[:, :3], axis=0)
        return path
    return None
