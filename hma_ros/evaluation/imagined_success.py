# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Policies judged inside the world model (HMA, arXiv 2502.04296, policy evaluation).

Each episode is run twice from one start: in the simulator, and from its first frames on in frames
that the world model imagines under the chunks that the policy chooses there. Its two
success rates agree as far as the world model is accurate. In imagined frames the policy knows
where its commands led; it knows no measured joints where these differ. Noise is drawn anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import Pool
from hma_ros.core.progress import Progress
from hma_ros.data.episodes import Episode
from hma_ros.evaluation.closed_loop import HELD_OUT_SEED, ModelActor
from hma_ros.evaluation.images import OpenLoopRollout
from hma_ros.evaluation.replay import replay
from hma_ros.evaluation.success_judge import JUDGED, SuccessJudge
from hma_ros.runtime.fit import serving_stem
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_actor
from hma_ros.sim.simulation import Task

# Frames of the simulator that both are shown first.
OBSERVED = 4
# Frames imagined after success, for the images.
_AFTER = 4


@dataclass(frozen=True)
class Contender:
    """
    A policy to judge.

    :param label: the bundle as it was named, for tables.
    :param bundle: its folder; its policy acts.
    :param noise: standard deviation of the noise on its step actions, in multiples of the
        expert's; it makes the policy worse by degrees.
    """

    label: str
    bundle: str
    noise: float = 0.0

    @property
    def name(self) -> str:
        """For a table."""
        return self.label + (f', noise {self.noise:g}' if self.noise else '')


@dataclass(frozen=True)
class ImaginedSuccess:
    """
    How often one policy succeeds.

    :param world: bundle in whose frames they act, as it was named.
    :param simulated: episodes that succeed at their end, by the simulator's state.
    :param seen: episodes of the simulator that look done at some time, see
        :class:`~hma_ros.evaluation.success_judge.SuccessJudge`.
    :param imagined: episodes that look done in imagined frames at some time.
    :param agreed: episodes with the same outcome in ``simulated`` and ``imagined``.
    """

    world: str
    robot: str
    policy: str
    episodes: int
    simulated: int
    seen: int
    imagined: int
    agreed: int


@dataclass(frozen=True)
class Verdict:
    """One episode; only the first two keep a film."""

    simulated: bool
    seen: bool
    imagined: bool
    film: OpenLoopRollout | None


@dataclass(frozen=True)
class _Order:
    robot: str
    world: Contender
    contender: Contender
    seed: int
    is_shown: bool


def judge_policies(
    world: Contender,
    robot: str,
    contenders: Sequence[Contender],
    episodes: int,
    pool: Pool,
    seed: int = 0,
) -> Iterator[tuple[ImaginedSuccess, list[OpenLoopRollout]]]:
    """
    Judge policies from the same starts, one policy after the other.

    :param world: bundle whose frames they act in, by its own policy's name.
    :param pool: runs the episodes.
    :param seed: selects the starts.
    :returns: for each policy its result, and the films of its first episodes.
    :raises ConfigError, BundleError: see :func:`check_contenders`.
    """
    check_contenders(world, robot, contenders)
    first = HELD_OUT_SEED + seed
    for contender in contenders:
        orders = [
            _Order(robot, world, contender, first + number, number < 2)
            for number in range(episodes)
        ]
        title = f'{robot} {contender.name}'
        done = pool.map(_work, orders)
        verdicts = list(Progress(done, title, len(orders), unit='episode'))
        films = [item.film for item in verdicts if item.film is not None]
        yield _counted(world, robot, contender, verdicts), films


def check_contenders(world: Contender, robot: str, contenders: Sequence[Contender]) -> None:
    """
    Refuse what cannot be judged, before anything runs.

    :raises ConfigError: a robot without a judge, a bundle without a policy, or images of another
        size than the world's.
    :raises BundleError: a bundle does not serve the robot.
    """
    if robot not in JUDGED:
        raise ConfigError(
            f'--robot: got {robot}, expected one of {", ".join(JUDGED)}: a single camera does not '
            'show whether the others succeed'
        )
    spec, image_size = load_embodiment(robot), Manifest.read(world.bundle).image_size
    for item in (world, *contenders):
        manifest = Manifest.read(item.bundle)
        serving_stem(spec, manifest)
        if manifest.image_size != image_size:
            raise ConfigError(
                f'--policies: got {item.label} with images of {manifest.image_size} px, expected '
                f'{image_size} px as of {world.label}'
            )
    for item in contenders:
        if refusal := Manifest.read(item.bundle).policy_refusal:
            raise ConfigError(
                f'--policies: got {item.label}, expected a bundle with a policy: {refusal}'
            )


def _counted(
    world: Contender, robot: str, contender: Contender, verdicts: Sequence[Verdict]
) -> ImaginedSuccess:
    return ImaginedSuccess(
        world.label,
        robot,
        contender.name,
        len(verdicts),
        sum(item.simulated for item in verdicts),
        sum(item.seen for item in verdicts),
        sum(item.imagined for item in verdicts),
        sum(item.simulated == item.imagined for item in verdicts),
    )


def _work(order: _Order) -> Verdict:
    # New for each episode, so that what is left to chance does not depend on those before.
    task, (world, policy) = _task(order.robot), _models(order)
    size, noise = world.manifest.image_size, order.contender.noise
    actor = ModelActor(task, policy, noise, order.seed)
    episode = run_actor(task, actor, order.seed, size)
    seen = SuccessJudge(order.robot, episode.frames[0]).is_ever_done(episode.frames[1:])
    actor = ModelActor(task, policy, noise, order.seed)
    frames, is_done = imagine_episode(order.robot, task, world, actor, episode)
    film = None
    if order.is_shown:
        count = min(len(frames), episode.steps - OBSERVED + 1)
        film = OpenLoopRollout(
            f'{order.robot}: the policy {order.contender.name} in the simulator, and in imagined '
            'frames',
            world.stem.frame_hz,
            episode.frames[OBSERVED - 1],
            episode.frames[OBSERVED : OBSERVED + count],
            np.stack(frames[:count]),
        )
    return Verdict(episode.success, seen, is_done, film)


def imagine_episode(
    robot: str, task: Task, world: WorldModel, actor: ModelActor, episode: Episode
) -> tuple[list[np.ndarray], bool]:
    """
    Let a policy go on in imagined frames from the first frames of an episode.

    :param task: limits what is commanded; its physics stands still.
    :param world: whose frames they are.
    :param actor: the policy; it has seen nothing yet.
    :param episode: of more than ``OBSERVED`` steps.
    :returns: the imagined frames, and whether the task looks done in them.
    """
    judge, frames, left = SuccessJudge(robot, episode.frames[0]), [], _AFTER
    task.reset(episode.seed)
    for _ in zip(range(OBSERVED), replay(world, episode), strict=False):
        pass
    for step in range(OBSERVED):
        actor.observe(episode.frames[step])
        if step < OBSERVED - 1:
            actor.follow(episode.actions[step])
            task.step(episode.actions[step])
    is_new = False

    def choose(frame: np.ndarray) -> np.ndarray:
        nonlocal is_new
        if is_new:
            actor.observe_imagined(frame)
        is_new, chunk = True, actor.decide()
        task.set_target(task.after(chunk))
        return chunk

    is_done = False
    for frame in world.interact(choose, task.horizon_steps - OBSERVED + 1):
        frames.append(frame)
        is_done = is_done or judge.is_done(frame)
        left -= is_done
        if left < 0:
            break
    return frames, is_done


@cache
def _task(name: str) -> Task:
    """Build the robot once in each worker process."""
    return make_task(name)


def _models(order: _Order) -> tuple[WorldModel, WorldModel]:
    """Open the world and the policy; each has a context of its own."""
    spec, seed = load_embodiment(order.robot), order.seed % 2**32
    world, policy = (
        WorldModel(
            item.bundle,
            serving_stem(spec, Manifest.read(item.bundle)),
            Execution(threads=1),
            seed=seed,
        )
        for item in (order.world, order.contender)
    )
    return world, policy
