# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What all simulated robots share: physics, commanded targets, steps, and the camera."""

from __future__ import annotations

from abc import ABC, abstractmethod

import mujoco
import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import Scene
from hma_ros.core.vision.image import FRAME_PX
from hma_ros.core.vision.placement import Placement
from hma_ros.data.episode_metadata import TOOL
from hma_ros.sim.kinematics import Kinematics
from hma_ros.sim.random_scene import RandomScene, add_sheets
from hma_ros.sim.rendering import SceneCamera
from hma_ros.sim.robot_tree import RobotTree, placement
from hma_ros.sim.scene import TableTop, View, add_surroundings

TIMESTEP_S = 0.005
# The commanded target is updated this often inside a low-level step, as an executor would.
UPDATE_HZ = 100.0
_SETTLE_S = 0.2
# Separates their random numbers from those of the start and of the explorer.
_SCENE_DRAWS = 2


class Task(ABC):
    """
    A simulated robot with a task.

    A *step* lasts ``stride / control_hz`` seconds and takes a chunk ``[stride, A]`` of actions in
    physical units. A *step action* ``[A]`` sums a chunk up: the whole displacement for delta
    actions, the last target for absolute ones. Build one with :func:`hma_ros.sim.make_task`.

    :param scene: ``random`` draws another at each reset, see :mod:`hma_ros.sim.random_scene`.
    """

    name: str
    control_hz: float
    stride = 2
    horizon_steps: int
    action_names: tuple[str, ...]
    joint_names: tuple[str, ...]
    place_names: tuple[str, ...] = (
        *TOOL,
        'object_x',
        'object_y',
        'object_z',
        'goal_x',
        'goal_y',
        'goal_z',
    )
    view: View
    table: TableTop
    #: Whether actions are increments of the commanded target, rather than targets.
    delta = True
    #: Whether the last action opens (+1) or closes (-1) a gripper.
    gripper = False
    #: Largest change of the commanded target in one low-level step, ``float64[D]``.
    max_step: np.ndarray
    #: Bounds of the commanded target, ``float64[2, D]``.
    limits: np.ndarray
    #: Standard deviation of the noise on a step action while the expert acts, ``float64[A]``.
    noise: np.ndarray

    def __init__(self, scene: Scene = 'fixed') -> None:
        spec, is_random = self._build(), scene == 'random'
        add_surroundings(spec, self.view, self.table, TIMESTEP_S)
        if is_random:
            add_sheets(spec)
        self._model = spec.compile()
        self._scene = RandomScene(self._model, self.table) if is_random else None
        self._data = mujoco.MjData(self._model)
        self._camera = SceneCamera(self._model)
        self._arm = Kinematics(self._model, self.joint_names, 'tool')
        joints = [self._model.joint(name).id for name in self.joint_names]
        self._qpos = self._model.jnt_qposadr[joints]
        self._dofs = self._model.jnt_dofadr[joints]
        self._command = np.zeros(self.limits.shape[1])
        self._opening_m = 0.0
        self._owed_s = self._start_s = 0.0
        self.reset(0)

    @abstractmethod
    def _build(self) -> mujoco.MjSpec:
        """Return robot, objects and goal; the tool carries the site ``tool``."""

    @abstractmethod
    def _place(self, rng: np.random.Generator) -> np.ndarray:
        """Put robot, objects and goal at their start and return the commanded target."""

    @abstractmethod
    def _actuate(self, command: np.ndarray) -> None:
        """Hand the commanded target to the actuators."""

    @abstractmethod
    def _expert_step(self) -> np.ndarray:
        """Return the expert's step action ``float64[A]`` in the present state."""

    @abstractmethod
    def draw_heading(self, rng: np.random.Generator) -> np.ndarray:
        """Draw what :meth:`wander` follows for some steps."""

    @abstractmethod
    def wander(self, heading: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a step action ``float64[A]`` that follows ``heading`` whatever the task."""

    @abstractmethod
    def success(self) -> bool:
        """Return whether the task is done in the present state."""

    @abstractmethod
    def object_position(self) -> np.ndarray:
        """Return the position of the object ``float64[3]`` [m]."""

    @abstractmethod
    def goal_position(self) -> np.ndarray:
        """Return where the object, or the tool, should be ``float64[3]`` [m]."""

    # ---- time

    def reset(self, seed: int) -> None:
        """Start the episode of a seed: the same seed gives the same episode."""
        mujoco.mj_resetData(self._model, self._data)
        rng = np.random.default_rng(seed)
        if self._scene is not None:
            self._scene.draw(np.random.default_rng([seed, _SCENE_DRAWS]))
        self._opening_m = 0.08
        self._owed_s = 0.0
        self._command = np.asarray(self._place(rng), np.float64)
        mujoco.mj_forward(self._model, self._data)
        self.set_target(self._command)
        self.advance(_SETTLE_S)
        self._start_s = self._data.time

    def step(self, chunk: np.ndarray) -> None:
        """
        Execute one step; the commanded target moves linearly within each low-level step.

        Like a robot's driver, the simulator limits what it is asked: see :meth:`feasible`.

        :param chunk: ``float[stride, A]`` in physical units.
        :raises ConfigError: wrong shape or a non-finite value.
        """
        parts = round(UPDATE_HZ / self.control_hz)
        for action in self._checked(chunk):
            start, end = self._command, self._limited(self._command, action)
            opening_m = self._opening_of(action)
            for part in range(1, parts + 1):
                self.set_target(start + (end - start) * (part / parts), opening_m)
                self.advance(1 / UPDATE_HZ)

    def set_target(self, target: np.ndarray, gripper: float | None = None) -> None:
        """
        Set the commanded target at once; it is clipped to the robot's bounds.

        :param target: ``float[D]``: joint targets [rad], tool position or pusher position [m].
        :param gripper: opening width [m], for robots with a separate gripper; None keeps it.
        :raises ConfigError: wrong shape or a non-finite value.
        """
        command = np.array(target, np.float64)
        if command.shape != self._command.shape or not np.isfinite(command).all():
            raise ConfigError(
                f'{self.name}: target {target}, expected {self._command.size} finite values'
            )
        if gripper is not None:
            if not np.isfinite(gripper):
                raise ConfigError(f'{self.name}: gripper width {gripper}, expected metres')
            self._opening_m = float(np.clip(gripper, 0.0, 0.08))
        self._command = np.clip(command, *self.limits)
        self._actuate(self._command)

    def advance(self, dt_s: float) -> None:
        """
        Run the physics for ``dt_s`` seconds with the present target.

        Time shorter than a physics step is kept for the next call.

        :raises ConfigError: ``dt_s`` is negative or not finite.
        """
        if not (np.isfinite(dt_s) and dt_s >= 0):
            raise ConfigError(f'{self.name}: advance by {dt_s} s, expected a time >= 0')
        self._owed_s += dt_s
        steps = int(self._owed_s / TIMESTEP_S + 1e-6)
        self._owed_s -= steps * TIMESTEP_S
        if steps:
            mujoco.mj_step(self._model, self._data, steps)

    # ---- actions

    def expert(self) -> np.ndarray:
        """Return the scripted expert's chunk for the coming step ``float32[stride, A]``."""
        return self.feasible(self.chunk_from(self._expert_step()))

    def chunk_from(self, step_action: np.ndarray) -> np.ndarray:
        """Spread a step action ``[A]`` evenly over a chunk ``float64[stride, A]``."""
        size = self._command.size
        chunk = np.tile(np.asarray(step_action, np.float64), (self.stride, 1))
        if self.delta:
            chunk[:, :size] /= self.stride
        else:
            parts = np.arange(1, self.stride + 1)[:, None] / self.stride
            chunk[:, :size] = self._command + (chunk[:, :size] - self._command) * parts
        return chunk

    def step_from(self, chunk: np.ndarray) -> np.ndarray:
        """Sum a chunk ``[stride, A]`` up to a step action ``float64[A]``."""
        step = np.array(chunk[-1], np.float64)
        if self.delta:
            size = self._command.size
            step[:size] = np.sum(chunk[:, :size], axis=0, dtype=np.float64)
        return step

    def feasible(self, chunk: np.ndarray) -> np.ndarray:
        """
        Return the actions :meth:`step` would really command ``float32[stride, A]``.

        Each low-level step is limited to ``max_step``, the target to the robot's bounds.

        :raises ConfigError: wrong shape or a non-finite value.
        """
        command, actions = self._command, []
        for action in self._checked(chunk):
            end = self._limited(command, action)
            hand = [1.0 if action[-1] > 0 else -1.0] if self.gripper else []
            actions.append(np.concatenate([end - command if self.delta else end, hand]))
            command = end
        return np.array(actions, np.float32)

    def after(self, chunk: np.ndarray) -> np.ndarray:
        """Return the commanded target ``float64[D]`` that a feasible chunk leads to."""
        moves = self._checked(chunk)[:, : self._command.size]
        return self._command + moves.sum(0) if self.delta else moves[-1]

    def _checked(self, chunk: np.ndarray) -> np.ndarray:
        actions = np.asarray(chunk, np.float64)
        expected = (self.stride, self.action_dim)
        if actions.shape != expected:
            raise ConfigError(f'{self.name}: chunk of shape {actions.shape}, expected {expected}')
        if not np.isfinite(actions).all():
            raise ConfigError(f'{self.name}: chunk {actions.tolist()}, expected finite values')
        return actions

    def _limited(self, command: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Return the target after ``action``, within the robot's speed and bounds."""
        wanted = action[: command.size]
        change = self._slowed(wanted if self.delta else wanted - command)
        return np.clip(command + change, *self.limits)

    def _slowed(self, change: np.ndarray) -> np.ndarray:
        return np.clip(change, -self.max_step, self.max_step)

    def _opening_of(self, action: np.ndarray) -> float | None:
        if not self.gripper:
            return None
        return 0.08 if action[-1] > 0 else 0.0

    # ---- what can be read

    @property
    def action_dim(self) -> int:
        """Size ``A`` of an action."""
        return len(self.action_names)

    @property
    def frame_hz(self) -> float:
        """Steps per second."""
        return self.control_hz / self.stride

    @property
    def time_s(self) -> float:
        """Simulated time since the reset."""
        return float(self._data.time - self._start_s)

    def command_target(self) -> np.ndarray:
        """Return the commanded target ``float64[D]``."""
        return self._command.copy()

    def joint_positions(self) -> np.ndarray:
        """Return the measured joints ``float64[J]`` [rad or m]."""
        return self._data.qpos[self._qpos].copy()

    def joint_velocities(self) -> np.ndarray:
        """Return the joint velocities ``float64[J]`` [rad/s or m/s]."""
        return self._data.qvel[self._dofs].copy()

    def gripper_state(self) -> tuple[float, float] | None:
        """Return the width between the fingers [m] and its velocity [m/s]; None without any."""
        return None

    def tool_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the tool's position ``float64[3]`` [m] and quaternion xyzw ``float64[4]``."""
        site = self._data.site('tool')
        quat_wxyz = np.zeros(4)
        mujoco.mju_mat2Quat(quat_wxyz, site.xmat)
        return site.xpos.copy(), np.roll(quat_wxyz, -1)

    def robot_tree(self, root: str) -> RobotTree:
        """Return the links of the robot; ``root`` names the frame in which it stands."""
        return RobotTree(self._model, self.name, root)

    def link_placements(self, tree: RobotTree, fixed: bool) -> list[Placement]:
        """Return where links are in their parents: those that never move, or the others."""
        return tree.placements(self._data.qpos, fixed)

    def camera_placement(self, name: str, root: str) -> Placement:
        """Return where the camera is, looking along z, with x to the right of the image."""
        camera, frame = self._data.camera('main'), np.eye(4)
        # MuJoCo looks along -z, with y upwards.
        frame[:3, :3] = camera.xmat.reshape(3, 3) @ np.diag([1.0, -1.0, -1.0])
        frame[:3, 3] = camera.xpos
        return placement(name, root, frame)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of what :meth:`state` returns."""
        return (*self.place_names, *self.joint_names)

    def state(self) -> np.ndarray:
        """Return the privileged state ``float32[D]``: places [m], joints [rad or m]."""
        places = [self.tool_pose()[0], self.object_position(), self.goal_position()]
        return np.concatenate([*places, self.joint_positions()]).astype(np.float32)

    def frame(self, height: int = FRAME_PX, width: int = FRAME_PX) -> np.ndarray:
        """
        Return what the camera sees ``uint8[height, width, 3]`` RGB.

        :raises ConfigError: a size outside 1..640, or the task was closed.
        """
        return self._camera.image(self._data, height, width)

    def close(self) -> None:
        """Free the renderer; the task has no frames afterwards."""
        self._camera.close()

    def _set_block(self, xy: np.ndarray, yaw: float) -> None:
        height = self._model.geom('block').size[2]
        address = self._model.joint('block').qposadr[0]
        self._data.qpos[address : address + 7] = [
            *xy,
            height,
            np.cos(yaw / 2),
            0,
            0,
            np.sin(yaw / 2),
        ]

    def _block(self) -> np.ndarray:
        return np.array(self._data.body('block').xpos)

    def _set_goal(self, position: np.ndarray) -> None:
        self._data.mocap_pos[0] = position

    def _goal(self) -> np.ndarray:
        return np.array(self._data.mocap_pos[0])
