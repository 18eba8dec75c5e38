# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the tool will be if the predicted actions are executed."""

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.action_space import targets_from_actions
from hma_ros.core.control.orientation import rotation_vector
from hma_ros.core.embodiment.spec import EmbodimentSpec


def tool_path(
    spec: EmbodimentSpec,
    actions_HA: NDArray[np.float64],
    start_xyz: NDArray[np.float64] | None,
    start_xyzw: NDArray[np.float64] | None = None,
) -> NDArray[np.float64] | None:
    """
    Return tool positions after each low-level step.

    :param actions_HA: ``float64[H, A]``.
    :param start_xyz: where the tool is, ``float64[3]``; increments start there.
    :param start_xyzw: how it is turned, a quaternion of norm 1; ``ee_pose_delta`` needs it.
    :returns: ``float64[H, 3]`` in the frame of the actions, or None where actions do not say
        (joint actions, or increments from an unknown place).
    :raises MessageError: an action that is out of its bounds, where it turns the tool.
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
    if semantics == 'ee_pose_delta' and start_xyz is not None and start_xyzw is not None:
        return _turned_path(spec, actions_HA, start_xyz, start_xyzw)
    return None


def _turned_path(
    spec: EmbodimentSpec,
    actions_HA: NDArray[np.float64],
    start_xyz: NDArray[np.float64],
    start_xyzw: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    if spec.limits.orientation is None:
        return None
    turn = rotation_vector(start_xyzw, spec.limits.orientation.reference_xyzw)
    start_6 = np.concatenate([start_xyz, turn])
    return targets_from_actions(spec, start_6, actions_HA).positions_HD[:, :3]
