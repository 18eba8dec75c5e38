# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How long what a bundle imagines stays true, against the simulator.

An episode is observed for a few frames; then the model imagines on with the actions that were
executed, and sees no frame any more. The same is measured of the true frames as the tokenizer
draws them, which hardly any prediction can exceed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.pool import Pool
from hma_ros.core.progress import Progress
from hma_ros.core.vision.metrics import SquaredError, changed_pixels, squared_error
from hma_ros.data.episodes import Episode
from hma_ros.evaluation.closed_loop import HELD_OUT_SEED
from hma_ros.evaluation.long_horizon_config import (
    LONGEST,
    Actions,
    LongHorizonConfig,
    check_config,
)
from hma_ros.evaluation.replay import replay
from hma_ros.evaluation.scene_parts import PARTS, Seen, base_of, find_parts
from hma_ros.runtime.fit import serving_stem
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_episode
from hma_ros.sim.exploration import Kind
from hma_ros.sim.scene import project
from hma_ros.sim.simulation import Task

# Frames observed before the first imagined one.
OBSERVED = 8
# Rollouts whose films are kept for images.
SHOWN = 6
# Episodes that tell the base of a robot from its arm.
_WANDERINGS = 12
_KINDS: dict[Actions, Kind] = {'wander': 'random', 'expert': 'expert'}


@dataclass(frozen=True)
class Quality:
    """
    Frames so many steps ahead against the simulator's.

    :param survival: share of the rollouts that show every part the truth shows, at 50 to 200 % of
        its area.
    :param object_error_px: median distance of the object from its true place, in pixels of 64,
        over the rollouts that show it; NaN without any.
    :param tool_error_px: likewise of the tool.
    :param gain_db: gain over the last observed frame, on the pixels that changed since.
    :param tool_survival: the share for the tool alone.
    :param object_survival: the share for the object alone.
    """

    survival: float
    object_error_px: float
    tool_error_px: float
    gain_db: float
    tool_survival: float
    object_survival: float


@dataclass(frozen=True)
class LongHorizon(Quality):
    """
    What one robot's rollouts are worth so many steps ahead.

    :param actions: whose.
    :param tokenizer: the same of the true frames as the tokenizer draws them.
    """

    robot: str
    actions: str
    steps: int
    episodes: int
    tokenizer: Quality


@dataclass(frozen=True)
class Film:
    """
    One rollout beside the truth.

    :param seed: of the episode.
    :param frame_hz: steps per second.
    :param last: ``uint8[H, W, 3]``, the last observed frame.
    :param truth: ``uint8[horizon, H, W, 3]``, what followed.
    :param drawn: the same as the tokenizer draws it.
    :param imagined: what the model imagined.
    :param every: steps from frame to frame.
    """

    seed: int
    frame_hz: float
    last: np.ndarray
    truth: np.ndarray
    drawn: np.ndarray
    imagined: np.ndarray
    every: int = 1


@dataclass(frozen=True)
class Judged:
    """What was found in the frames of one film, step after step."""

    imagined: tuple[Judgement, ...]
    drawn: tuple[Judgement, ...]


@dataclass(frozen=True)
class Judgement:
    """The parts of one frame, and its errors on the pixels that changed."""

    parts: tuple[Seen, ...]
    error: SquaredError
    copied: SquaredError


@dataclass(frozen=True)
class Rollouts:
    """All rollouts of one robot under one kind of actions, with the films of the first."""

    robot: str
    actions: Actions
    films: tuple[Film, ...]
    judged: tuple[Judged, ...]

    @property
    def every(self) -> int:
        """Steps from one judged frame to the next."""
        return self.films[0].every

    def at(self, steps: int) -> LongHorizon:
        """Measure so many steps ahead, a multiple of :attr:`every`."""
        moment = steps // self.every - 1
        imagined = self._quality([item.imagined[moment] for item in self.judged])
        drawn = self._quality([item.drawn[moment] for item in self.judged])
        return LongHorizon(
            **asdict(imagined),
            robot=self.robot,
            actions=self.actions,
            steps=steps,
            episodes=len(self.judged),
            tokenizer=drawn,
        )

    def _quality(self, judgements: Sequence[Judgement]) -> Quality:
        roles = [part.role for part in PARTS[self.robot]]
        tool, thing = roles.index('tool'), roles.index('object')
        error = sum((item.error for item in judgements), SquaredError())
        copied = sum((item.copied for item in judgements), SquaredError())
        return Quality(
            float(np.mean([_all_alive(item.parts) for item in judgements])),
            _median_error([item.parts[thing] for item in judgements]),
            _median_error([item.parts[tool] for item in judgements]),
            error.psnr_db - copied.psnr_db,
            float(np.mean([_all_alive(item.parts[tool : tool + 1]) for item in judgements])),
            float(np.mean([_all_alive(item.parts[thing : thing + 1]) for item in judgements])),
        )


def measure_long_horizon(
    bundle: str | Path, robot: str, config: LongHorizonConfig, pool: Pool
) -> Iterator[Rollouts]:
    """
    Imagine long rollouts of a simulated robot, one kind of actions after the other.

    :param pool: runs the rollouts.
    :raises ConfigError: not a simulated robot, or see :func:`check_config`.
    :raises BundleError: the bundle cannot serve this robot.
    """
    if robot not in PARTS:
        raise ConfigError(f'robot: got {robot!r}, expected one of {", ".join(PARTS)}')
    manifest = Manifest.read(bundle)
    config.decoding.check_model(manifest.kind, manifest.hides_actions)
    check_config(config, manifest.max_horizon if manifest.time == 'learned' else LONGEST)
    for actions in config.actions:
        orders = [
            _Order(
                robot,
                str(bundle),
                actions,
                HELD_OUT_SEED + config.seed + number,
                config,
                number < SHOWN,
            )
            for number in range(config.episodes)
        ]
        found, title = pool.map(_work, orders), f'{robot} {actions}'
        done = Progress(found, title, len(orders), unit='episode')
        films, judged = zip(*done, strict=True)
        yield Rollouts(robot, actions, tuple(filter(None, films)), judged)


@dataclass(frozen=True)
class _Order:
    robot: str
    bundle: str
    actions: Actions
    seed: int
    config: LongHorizonConfig
    is_shown: bool


def _work(order: _Order) -> tuple[Film | None, Judged]:
    """Record, imagine and judge one episode; its film is large, and returned only if shown."""
    task = _task(order.robot)
    model = _model(order.bundle, order.robot, order.config.decoding)
    steps = OBSERVED - 1 + order.config.horizon
    size = model.manifest.image_size
    episode = run_episode(task, _KINDS[order.actions], order.seed, size, steps)
    film = imagine_film(model, episode, order.config.every)
    tools_xy = project(task.view, _thinned(episode.states, film.every)[:, :3], size)
    judged = judge(order.robot, film, tools_xy, _base(order.robot, size))
    return film if order.is_shown else None, judged


def imagine_film(model: WorldModel, episode: Episode, every: int = 1) -> Film:
    """
    Observe the first frames of an episode, and imagine the others.

    :param episode: of more than ``OBSERVED - 1`` steps.
    :param every: steps from one frame of the film to the next.
    """
    for step in replay(model, episode):
        if step == OBSERVED - 1:
            break
    chunks = episode.actions[OBSERVED - 1 :]
    truth = np.ascontiguousarray(_thinned(episode.frames, every))
    imagined = islice(model.imagine_frames(chunks), every - 1, None, every)
    return Film(
        episode.seed,
        model.stem.frame_hz,
        episode.frames[OBSERVED - 1],
        truth,
        np.stack([model.reconstruct(frame) for frame in truth]),
        np.stack(list(imagined)),
        every,
    )


def _thinned(steps: np.ndarray, every: int) -> np.ndarray:
    """Pick what belongs to the frames of a film out of ``[T + 1, ...]`` of its episode."""
    picked: np.ndarray = steps[OBSERVED + every - 1 :: every]
    return picked


def judge(robot: str, film: Film, tools_xy: np.ndarray, base: np.ndarray) -> Judged:
    """
    Find the parts in every frame of a film, and its errors.

    :param tools_xy: ``float[horizon, 2]``, where the tool truly is [px].
    :param base: ``bool[H, W]``, see :func:`hma_ros.evaluation.scene_parts.base_of`.
    """
    still = find_parts(PARTS[robot], film.last, film.last, tools_xy[0], base)
    imagined, drawn = (
        [
            _judgement(robot, film.last, truth, frame, tool_xy, base)
            for truth, frame, tool_xy in zip(film.truth, frames, tools_xy, strict=True)
        ]
        for frames in (film.imagined, film.drawn)
    )
    parts = [still, *(item.parts for item in imagined)]
    full_areas = [max(seen.true_area for seen in views) for views in zip(*parts, strict=True)]
    return Judged(*(tuple(_with_full(items, full_areas)) for items in (imagined, drawn)))


def _with_full(
    judgements: Sequence[Judgement], full_areas: Sequence[float]
) -> Iterator[Judgement]:
    for item in judgements:
        pairs = zip(item.parts, full_areas, strict=True)
        yield replace(item, parts=tuple(replace(seen, full_area=full) for seen, full in pairs))


def _judgement(
    robot: str,
    last: np.ndarray,
    truth: np.ndarray,
    frame: np.ndarray,
    tool_xy: np.ndarray,
    base: np.ndarray,
) -> Judgement:
    changed = changed_pixels(last, truth)
    return Judgement(
        tuple(find_parts(PARTS[robot], truth, frame, tool_xy, base)),
        squared_error(frame, truth, changed),
        squared_error(last, truth, changed),
    )


def _all_alive(parts: Sequence[Seen]) -> bool:
    return all(part.is_alive for part in parts if part.is_visible)


def _median_error(parts: Sequence[Seen]) -> float:
    errors = [part.error for part in parts if part.is_visible and part.is_alive]
    return float(np.median(errors)) if errors else float('nan')


@cache
def _task(name: str) -> Task:
    """Build the robot once in each worker process."""
    return make_task(name)


@cache
def _base(name: str, size: int) -> np.ndarray:
    """Look at the robot in many postures, if its arm has one colour; its state is lost."""
    if not any(part.is_end_of_arm for part in PARTS[name]):
        return np.zeros((size, size), bool)
    images = [
        frame
        for seed in range(_WANDERINGS)
        for frame in run_episode(_task(name), 'random', seed, size, steps=60).frames[12::12]
    ]
    return base_of(PARTS[name], images)


@cache
def _model(bundle: str, robot: str, decoding: Decoding) -> WorldModel:
    stem = serving_stem(load_embodiment(robot), Manifest.read(bundle))
    return WorldModel(bundle, stem, Execution(threads=1), decoding)
