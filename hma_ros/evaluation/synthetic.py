# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Synthetic data: a world model continues recorded episodes (HMA, arXiv 2502.04296).

The model observes the beginning of an episode and imagines what follows, under the recorded
actions, the same with noise, or those that its policy chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.embodiment.joint_motion import joint_motion, joints_after, motion_refusal
from hma_ros.core.errors import ConfigError
from hma_ros.core.file_hash import sha256
from hma_ros.core.progress import Progress
from hma_ros.core.short_text import counted
from hma_ros.data.episodes import Episode, Episodes
from hma_ros.data.synthetic_writer import SyntheticEpisode, continued, needs_last_action
from hma_ros.evaluation.replay import replay
from hma_ros.runtime.fit import serving_stem
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import FILE_NAME
from hma_ros.runtime.world_model import WorldModel

ACTIONS = ('recorded', 'policy')


@dataclass(frozen=True)
class SyntheticConfig:
    """
    How episodes are continued.

    :param observed: true frames at the beginning of each.
    :param steps: frames to imagine at most; recorded actions may end before.
    :param actions: one of :data:`ACTIONS`: those recorded, or those that the policy chooses.
    :param copies: of each episode.
    :param noise: standard deviation of the noise on recorded actions in all copies but the first,
        as a share of the stem's.
    :param episodes: of the source, at most; None for all.
    :param seed: of noise and sampling.
    """

    observed: int = 8
    steps: int = 16
    actions: str = 'recorded'
    copies: int = 1
    noise: float = 0.5
    episodes: int | None = None
    seed: int = 0

    @property
    def is_recorded(self) -> bool:
        """Whether the actions were recorded."""
        return self.actions == 'recorded'


@dataclass(frozen=True)
class Plan:
    """
    What is to be imagined.

    :param stem: of the bundle, for the robot of the episodes.
    :param config: how.
    :param steps_E: frames to imagine of each episode; 0 for one that is left out.
    """

    stem: str
    config: SyntheticConfig
    steps_E: tuple[int, ...]

    @property
    def frames(self) -> int:
        """Frames to imagine, of all copies."""
        return self.config.copies * sum(self.steps_E)

    @property
    def too_short(self) -> int:
        """Episodes left out, because they have no step after the observed frames."""
        return self.steps_E.count(0)


def plan(manifest: Manifest, episodes: Episodes, config: SyntheticConfig) -> Plan:
    """
    Check that a bundle can continue episodes, before its weights are loaded.

    :raises BundleError: no stem for them, or see :func:`~hma_ros.runtime.fit.serving_stem`.
    :raises ConfigError: another size or rate, a count out of range, or actions that do not tell
        where the joints go.
    """
    stem = _stem_of(manifest, episodes)
    episodes.check_frame_size(manifest.image_size, 'the bundle')
    if why := motion_refusal(episodes.spec):
        raise ConfigError(
            f'--data: got episodes of {episodes.embodiment}, whose actions do not tell the joints '
            f'of imagined frames ({why}), expected actions that command every measured joint; '
            'choose episodes of another robot'
        )
    _check_counts(manifest, episodes, config)
    return Plan(stem, config, _lengths(episodes, config))


def provenance(
    manifest: Manifest, episodes: Episodes, folder: Path, config: SyntheticConfig
) -> dict[str, Any]:
    """
    Say where synthetic episodes come from, for their metadata.

    :param folder: of the recorded episodes.
    """
    return {
        'bundle': str(manifest.folder.absolute()),
        'manifest_sha256': sha256(manifest.folder / FILE_NAME),
        'source': str(folder.absolute()),
        'source_sha256_12': episodes.fingerprint,
        **asdict(config),
    }


def imagine_episodes(
    manifest: Manifest, episodes: Episodes, planned: Plan
) -> Iterator[SyntheticEpisode]:
    """
    Let episodes go on as planned: all of them, then the next copy of all.

    :raises BundleError: see :class:`~hma_ros.runtime.world_model.WorldModel`.
    """
    with Progress(total=planned.frames, desc=episodes.embodiment, unit='frame') as bar:

        def drawn() -> bool:
            bar.update()
            return False

        for copy in range(planned.config.copies):
            yield from _Imagining(manifest, episodes, planned, copy).all(drawn)


class _Imagining:
    """
    One copy of all episodes.

    It has a model of its own: what is left to chance depends on the seed of a model and the step
    alone, so one model would imagine equal actions alike every time.
    """

    def __init__(self, manifest: Manifest, episodes: Episodes, planned: Plan, copy: int) -> None:
        chance = np.random.SeedSequence([planned.config.seed, copy])
        seed = int(chance.generate_state(1, np.uint64)[0])
        self._model = WorldModel(manifest.folder, planned.stem, seed=seed)
        self._episodes, self._steps_E, self._copy = episodes, planned.steps_E, copy
        self._config, self._stem = planned.config, manifest.stem(planned.stem)
        self._spec = episodes.spec
        self._motion = joint_motion(self._spec)
        self._spare = int(needs_last_action(episodes))
        self._random = np.random.default_rng([planned.config.seed, copy, 1])

    def all(self, drawn: Callable[[], bool]) -> Iterator[SyntheticEpisode]:
        """Let every episode go on that is long enough."""
        for episode, steps in zip(self._episodes, self._steps_E, strict=False):
            if steps:
                yield self._go_on(episode, steps, drawn)

    def _go_on(self, episode: Episode, steps: int, drawn: Callable[[], bool]) -> SyntheticEpisode:
        """Observe the beginning, and imagine so many steps."""
        seen = self._config.observed
        begun = replace(episode, frames=np.stack(list(islice(iter(episode.frames), seen))))
        for step in replay(self._model, begun):
            if step == seen - 1:
                break
        recorded = begun.actions[seen - 1 : seen - 1 + steps + self._spare]
        if self._config.is_recorded:
            chunks = self._near(recorded) if self._copy else recorded
            frames = self._model.imagine(chunks[:steps], steps, drawn).frames
        else:
            frames, chunks = self._chosen(steps, drawn)
        done = chunks[:steps]
        joints = self._joints(begun.joints[seen - 1], done)
        after = chunks[steps] if self._spare else None
        return SyntheticEpisode(continued(begun, frames, done, joints), after, self._copy)

    def _chosen(self, steps: int, drawn: Callable[[], bool]) -> tuple[np.ndarray, np.ndarray]:
        """Let the policy act, and ask it once more after the last frame if need be."""
        chunks: list[np.ndarray] = []

        def decided(chunk: np.ndarray) -> bool:
            chunks.append(chunk.copy())
            return len(chunks) > steps

        rollout = self._model.imagine(None, steps + self._spare, drawn, decided)
        return rollout.frames, np.stack(chunks)

    def _near(self, chunks: np.ndarray) -> np.ndarray:
        """
        Add noise to recorded chunks, within the bounds of the stem.

        The noise of increments is independent, that of absolute targets a random walk, whose last
        step has the standard deviation asked for: the robot does not jump to and fro.
        """
        stem, robot = self._stem, self._model.stem
        numbers = robot.numbers_of(chunks).reshape(-1, stem.width)
        drawn = self._random.standard_normal(numbers.shape)
        if not self._spec.action.is_delta:
            drawn = drawn.cumsum(0) / np.sqrt(len(drawn))
        changed = numbers + self._config.noise * np.array(stem.std) * drawn
        limited = stem.limit(changed.astype(np.float32).reshape(len(chunks), -1))
        return robot.actions_of(limited.reshape(len(chunks), stem.stride, -1))

    def _joints(self, joints: np.ndarray, chunks: np.ndarray) -> np.ndarray:
        """Follow the joints through some chunks: ``float32[M, J]``."""
        followed = []
        for chunk in chunks:
            joints = joints_after(self._motion, joints[None], chunk[None])[0]
            followed.append(joints)
        return np.stack(followed)


def _stem_of(manifest: Manifest, episodes: Episodes) -> str:
    """Find the stem that was trained on the robot; the episodes may be older than its file."""
    name, known = serving_stem(episodes.spec, manifest), episodes.metadata
    stem = manifest.robot(name)
    for what, got, expected in (
        ('action names', tuple(known['action_names']), tuple(stem.action_names)),
        ('stride', episodes.stride, stem.stride),
        ('steps per second', float(known['hz']), float(stem.frame_hz)),
    ):
        if got != expected:
            raise ConfigError(
                f'--data: {what}: got {got}, expected {expected} of the stem {name!r} '
                f'in {manifest.folder}; choose another bundle'
            )
    return name


def _check_counts(manifest: Manifest, episodes: Episodes, config: SyntheticConfig) -> None:
    if not config.is_recorded and manifest.policy_refusal:
        raise ConfigError(
            f'--actions: got policy, expected recorded: {manifest.folder} has no policy, '
            f'{manifest.policy_refusal}'
        )
    spare = int(not config.is_recorded and needs_last_action(episodes))
    if config.steps + spare > manifest.max_horizon:
        raise ConfigError(
            f'--steps: got {config.steps}, expected 1 to {manifest.max_horizon - spare} for '
            f'{manifest.folder}'
        )
    is_changed = config.is_recorded and config.noise > 0
    if config.copies > 1 and not is_changed and _is_certain(manifest):
        raise ConfigError(
            f'--copies: got {config.copies}, expected 1: {manifest.folder} imagines at '
            'temperature 0, so all copies would be equal; give --noise with recorded actions'
        )


def _is_certain(manifest: Manifest) -> bool:
    """Whether nothing is left to chance."""
    decoding = manifest.decoding
    return not decoding.temperature and decoding.unmasking == 'confident'


def _lengths(episodes: Episodes, config: SyntheticConfig) -> tuple[int, ...]:
    """Say how many frames to imagine of each episode, up to the last one wanted."""
    spare, lengths, wanted = int(needs_last_action(episodes)), list[int](), config.episodes
    for episode in episodes:
        if wanted is not None and sum(map(bool, lengths)) == wanted:
            break
        left = episode.steps - (config.observed - 1)
        if config.is_recorded:
            lengths.append(max(0, min(config.steps, left - spare)))
        else:
            lengths.append(config.steps if left > 0 else 0)
    if not any(lengths):
        longest = max((episode.steps + 1 for episode in episodes), default=0)
        raise ConfigError(
            f'--observed: got {counted(config.observed, "frame")}, expected fewer, as the longest '
            f'episode has {counted(longest, "frame")} and needs a step after the observed ones'
        )
    return tuple(lengths)
