# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies in closed loop in the simulator, to be counted or to be learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import Pool
from hma_ros.core.progress import Progress
from hma_ros.core.settings import POLICIES, Scene
from hma_ros.data.episodes import Episode, EpisodeWriter
from hma_ros.evaluation.replay import measured
from hma_ros.runtime.fit import serving_stem
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel
from hma_ros.sim import make_task
from hma_ros.sim.episode import Actor, run_actor
from hma_ros.sim.simulation import Task

# Far from the seeds that episode generation draws.
HELD_OUT_SEED = 2**33
# Noise of the policy in DAgger episodes, which the expert labels.
_EXPLORING = 0.5
_TWO = Pool(2)


@dataclass(frozen=True)
class PolicyResult:
    """
    How often a policy did the task.

    :param mean_steps: steps until success, over the successful episodes; NaN without one.
    """

    task: str
    policy: str
    episodes: int
    successes: int
    mean_steps: float

    @property
    def rate(self) -> float:
        """Share of successful episodes."""
        return self.successes / self.episodes


class ModelActor:
    """
    HMA as a policy: it sees the camera, the joints, and what was executed.

    :param noise: deviation of the executed step action, as a share of the task's own expert noise;
        0 to evaluate, more to collect states worth learning from.
    """

    def __init__(self, task: Task, model: WorldModel, noise: float = 0.0, seed: int = 0) -> None:
        self._task, self._model, self._noise = task, model, noise
        self._rng = np.random.default_rng(seed)
        self._executed: np.ndarray | None = None
        model.reset()

    def act(self, frame: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Observe, decide, and remember what the robot will make of it."""
        self.observe(frame)
        return self.decide()

    def observe(self, frame: np.ndarray) -> None:
        """Take in a frame, with what is measured of the task."""
        joints, tool_xyz = self._task.joint_positions(), self._task.tool_pose()[0]
        observed = measured(self._model.stem, joints, tool_xyz)
        self._model.observe(frame, self._executed, observed)

    def observe_imagined(self, frame: np.ndarray) -> None:
        """Take in a frame that was imagined; of the robot only the commanded target is known."""
        stem, target = self._model.stem, self._task.command_target().astype(np.float32)
        joints = None if stem.joint_motion == 'unknown' else target
        anchor = target[: len(stem.anchor)] if stem.anchor else None
        self._model.observe(frame, self._executed, joints, anchor)

    def decide(self) -> np.ndarray:
        """Choose a chunk that the robot can follow, and remember it."""
        step = self._task.step_from(self._model.act())
        step = step + self._rng.normal(0.0, 1.0, step.shape) * self._noise * self._task.noise
        chunk = self._task.feasible(self._task.chunk_from(step))
        self.follow(chunk)
        return chunk

    def follow(self, chunk: np.ndarray) -> None:
        """Remember what is executed."""
        self._executed = chunk


class ExpertActor:
    """The scripted expert without noise."""

    def act(self, frame: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Do what the label says."""
        return label


class RandomActor:
    """Every step another direction: what success is worth by luck."""

    def __init__(self, task: Task, seed: int) -> None:
        self._task, self._rng = task, np.random.default_rng(seed)

    def act(self, frame: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Wander."""
        heading = self._task.draw_heading(self._rng)
        return self._task.feasible(self._task.chunk_from(self._task.wander(heading, self._rng)))


@dataclass(frozen=True)
class _Order:
    task: str
    bundle: str
    policy: str
    seed: int
    noise: float = 0.0
    scene: Scene = 'fixed'


def evaluate_policies(
    task_name: str,
    bundle: str | Path,
    seeds: Sequence[int],
    policies: Sequence[str] = POLICIES,
    pool: Pool = _TWO,
    scene: Scene = 'fixed',
) -> list[PolicyResult]:
    """
    Count the successes of policies from the same starts.

    :param seeds: one episode each; see :data:`HELD_OUT_SEED`.
    :param pool: runs the episodes.
    :param scene: see :func:`hma_ros.sim.make_task`; the results name it unless it is ``fixed``.
    :raises ConfigError: unknown policy.
    :raises BundleError: the bundle cannot serve this robot.
    """
    results = []
    for policy in policies:
        if policy not in POLICIES:
            raise ConfigError(f"policy '{policy}', expected one of {POLICIES}")
        orders = [_Order(task_name, str(bundle), policy, seed, scene=scene) for seed in seeds]
        episodes = list(_run(orders, pool, f'{task_name} {policy}'))
        steps = [episode.steps for episode in episodes if episode.success]
        results.append(
            PolicyResult(
                task_name,
                policy if scene == 'fixed' else f'{policy}, {scene} scenes',
                len(episodes),
                len(steps),
                float(np.mean(steps)) if steps else float('nan'),
            )
        )
    return results


def collect(
    task_name: str,
    bundle: str | Path,
    out_folder: Path,
    episodes: int,
    seed: int,
    workers: int = 2,
) -> float:
    """
    Let the policy act and write what the expert would have done (DAgger, arXiv 1011.0686).

    :param out_folder: new folder of episodes of kind ``policy``.
    :returns: share of successful episodes.
    """
    seeds = np.random.default_rng(seed).integers(2**31, 2**32, episodes)
    orders = [_Order(task_name, str(bundle), 'model', int(item), _EXPLORING) for item in seeds]
    task, successes = make_task(task_name), 0
    with EpisodeWriter(
        out_folder, task_name, task.control_hz, task.stride, task.action_names, task.state_names
    ) as writer:
        task.close()
        for episode in _run(orders, Pool(workers), f'{task_name} collect'):
            writer.add(episode)
            successes += episode.success
    return successes / episodes


def _run(orders: Sequence[_Order], pool: Pool, title: str) -> Iterator[Episode]:
    _model.cache_clear()  # The bundle of an earlier call may have been replaced.
    _image_size.cache_clear()
    done = pool.map(_work, orders)
    yield from Progress(done, title, len(orders), unit='episode')


def _work(order: _Order) -> Episode:
    task = _task(order.task, order.scene)
    return run_actor(task, _actor(order, task), order.seed, _image_size(order.bundle))


def _actor(order: _Order, task: Task) -> Actor:
    if order.policy == 'expert':
        return ExpertActor()
    if order.policy == 'random':
        return RandomActor(task, order.seed)
    return ModelActor(task, _model(order.bundle, order.task), order.noise, order.seed)


@cache
def _task(name: str, scene: Scene) -> Task:
    """Build the robot once in each worker process."""
    return make_task(name, scene)


@cache
def _image_size(bundle: str) -> int:
    """Pixels of a side: the simulator draws frames as the bundle takes them."""
    return Manifest.read(bundle).image_size


@cache
def _model(bundle: str, embodiment: str) -> WorldModel:
    stem = serving_stem(load_embodiment(embodiment), Manifest.read(bundle))
    return WorldModel(bundle, stem, Execution(threads=1))
