# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a domain is: a robot of somebody else with a task, and how it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

KINDS = ('expert', 'noisy', 'random')
IMAGE_SIDE = 128


class Frame(NamedTuple):
    """
    A frame with the action that is executed from it to the next one.

    :param image: ``uint8[height, width, 3]``.
    :param joints: in rad or m.
    :param action: in m, rad and the numbers of the gripper.
    """

    image: np.ndarray
    joints: np.ndarray
    action: np.ndarray


@dataclass(frozen=True)
class Robot:
    """
    What an embodiment file says of it.

    :param semantics: ``ee_pose_delta``, ``ee_delta``, ``joint_delta`` or ``position``.
    :param bound: largest absolute value of each action, or its range.
    :param gripper: its values when open and closed; None without.
    :param workspace: lowest and highest value of each commanded coordinate.
    :param fps: frames, and actions, per second.
    :param stride: actions in a step of the model.
    """

    name: str
    description: str
    source: str
    semantics: str
    joints: tuple[str, ...]
    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    coordinates: tuple[str, ...]
    workspace: tuple[tuple[float, ...], tuple[float, ...]]
    home: tuple[float, ...]
    fps: float
    gripper: tuple[float, float] | None = None
    stride: int = 1
    side: int = IMAGE_SIDE


class Domain(Protocol):
    """A robot with a task."""

    robot: Robot
    is_success: bool

    def episode(self, kind: str, rng: np.random.Generator) -> Iterator[Frame]:
        """Run one episode, then say in ``is_success`` whether the task was done."""

    def close(self) -> None:
        """Free what the simulator holds."""


@dataclass
class Disturbance:
    """
    Makes the actions of an expert worse, smoothly.

    :param kind: ``expert`` leaves them, ``noisy`` adds to them, ``random`` replaces them.
    """

    kind: str
    rng: np.random.Generator
    _state: np.ndarray | None = field(default=None, init=False)

    def __call__(self, action: Any) -> np.ndarray:
        """Return the action to execute, of one between -1 and 1."""
        action = np.asarray(action, float)
        if self.kind != 'expert':
            before = np.zeros_like(action) if self._state is None else self._state
            self._state = 0.8 * before + 0.6 * self.rng.normal(size=action.shape)
            scale = 0.4 if self.kind == 'noisy' else 1.0
            action = scale * self._state + (action if self.kind == 'noisy' else 0.0)
        return np.clip(action, -1.0, 1.0)


class Camera:
    """
    Renders without what costs most: shadows, reflections and multisampling.

    :param view: a camera of the model by name, or a free one.
    :param upside_down: whether the camera hangs upside down.
    :param hidden: groups of geoms that are not drawn, such as those for collisions.
    """

    def __init__(
        self, model: Any, view: Any, upside_down: bool = False, hidden: tuple[int, ...] = ()
    ) -> None:
        import mujoco

        model.vis.quality.shadowsize = 0
        model.vis.quality.offsamples = 0
        self._renderer = mujoco.Renderer(model, IMAGE_SIDE, IMAGE_SIDE)
        flags = mujoco.mjtRndFlag
        for flag in (flags.mjRND_SHADOW, flags.mjRND_REFLECTION):
            self._renderer.scene.flags[flag] = 0
        self._view, self._upside_down = view, upside_down
        self._option = mujoco.MjvOption()
        for group in hidden:
            self._option.geomgroup[group] = 0

    def __call__(self, data: Any) -> np.ndarray:
        """Return an image, ``uint8[128, 128, 3]``."""
        self._renderer.update_scene(data, self._view, self._option)
        image = self._renderer.render()
        return np.ascontiguousarray(image[::-1, ::-1] if self._upside_down else image)

    def close(self) -> None:
        """Free the graphics context."""
        self._renderer.close()
