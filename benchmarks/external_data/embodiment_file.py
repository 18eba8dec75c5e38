# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes the embodiment file of a domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from benchmarks.external_data.domain import Robot
from hma_ros.core.vision.image import FRAME_PX

_ROTATION = ('rx', 'ry', 'rz')


def write_embodiment(path: Path, robot: Robot) -> None:
    """Write what ``hma data import --embodiment`` needs; topics and limits are placeholders."""
    path.write_text(yaml.safe_dump(embodiment(robot), sort_keys=False), encoding='utf-8')


def embodiment(robot: Robot) -> dict[str, Any]:
    """Return the content of the file."""
    rate = robot.fps / robot.stride
    return {
        'name': robot.name,
        'description': robot.description,
        'sources': [robot.source],
        'simulated': True,
        'stem': robot.name,
        'camera': {
            'topic': 'camera/image_raw',
            'transport': 'raw',
            'encodings': ['rgb8'],
            'height': robot.side,
            'width': robot.side,
            'crop': None,
            'resize': [FRAME_PX, FRAME_PX],
            'max_age_s': 0.2,
        },
        'state': {
            'sources': [{'topic': 'joint_states', 'joints': list(robot.joints)}],
            'pose': {'topic': 'tool_pose', 'frame_id': 'base'} if _is_tool(robot) else None,
            'max_age_s': 0.2,
        },
        'action': _action(robot),
        'rates': {
            'frame_hz': rate,
            'stride': robot.stride,
            'control_hz': robot.fps,
            'command_hz': 100,
        },
        'commands': [_command(robot)],
        'gripper': _gripper(robot),
        'limits': _limits(robot),
        'stops': [
            {
                'topic': 'emergency_stop',
                'type': 'std_msgs/msg/Bool',
                'field': 'data',
                'stop_values': [True],
                'reason': 'emergency stop',
            }
        ],
        'home': [round(float(value), 4) for value in robot.home],
    }


def _is_tool(robot: Robot) -> bool:
    return robot.semantics.startswith('ee_')


def _action(robot: Robot) -> dict[str, Any]:
    turning = set(robot.joints) if robot.semantics == 'joint_delta' else set()
    units = [
        'open_closed'
        if name == 'gripper'
        else 'rad'
        if name in _ROTATION or name.removeprefix('d_') in turning
        else 'm'
        for name in robot.names
    ]
    found: dict[str, Any] = {
        'semantics': robot.semantics,
        'frame': 'base',
        'names': list(robot.names),
        'units': units,
        'lower': list(robot.lower),
        'upper': list(robot.upper),
        'coordinates': list(robot.coordinates),
    }
    if robot.semantics == 'ee_pose_delta':
        found |= {'rotation': 'rotation_vector', 'delta_frame': 'base', 'verified': True}
    return found


def _command(robot: Robot) -> dict[str, Any]:
    found: dict[str, Any] = {'topic': 'command', 'coordinates': list(robot.coordinates)}
    if _is_tool(robot):
        return {'interface': 'cartesian_pose', **found, 'frame_id': 'base'}
    return {'interface': 'forward_position', **found}


def _gripper(robot: Robot) -> dict[str, Any] | None:
    if robot.gripper is None:
        return None
    opened, closed = robot.gripper
    return {
        'interface': 'forward_position',
        'name': 'gripper/command',
        'joint': 'finger',
        'open_position': 0.08,
        'closed_position': 0.0,
        'max_effort': 0.0,
        'model_open': opened,
        'model_closed': closed,
        'threshold': 0.0,
        'hysteresis': 0.1,
        'min_interval_s': 0.0,
    }


def _limits(robot: Robot) -> dict[str, Any]:
    lower, upper = robot.workspace
    count = len(robot.coordinates)
    found: dict[str, Any] = {
        'lower': list(lower),
        'upper': list(upper),
        'velocity': [2.0] * count,
        'acceleration': [100.0] * count,
        'following_error': [0.5] * count,
    }
    if _is_tool(robot):
        found['orientation'] = {
            'reference_xyzw': [1.0, 0.0, 0.0, 0.0],
            'max_angle': 2.9,
            'velocity': 6.0,
            'acceleration': 100.0,
            'following_error': 1.0,
            'start_margin': 0.05,
        }
    return found
