# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What HMA learns from: our episodes, or token folders of the authors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.action_meaning import meaning_of
from hma_ros.core.embodiment.joint_motion import joint_motion
from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.core.errors import ConfigError
from hma_ros.data.episode_metadata import TOOL
from hma_ros.data.episodes import Episodes
from hma_ros.data.steps import check_joints, floored_deviation
from hma_ros.data.token_folders import TokenFolder
from hma_ros.data.token_windows import TokenWindows
from hma_ros.data.windows import (
    EpisodeWindows,
    FolderWindows,
    TokenEpisode,
    Windows,
    factors_of,
    patches_of,
)
from hma_ros.network.config import Anchor, Domain, HmaConfig, Joints
from hma_ros.network.factors import factor_size
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.training.tokens import latents_once, tokens_once

_LEAST_STD = 1e-6


@dataclass(frozen=True)
class EpisodeRecordings:
    """
    Our episodes of one embodiment.

    :param dataset: images, actions, joints.
    :param tokenizer: of the images.
    :param folder: of the file that keeps tokens or latents.
    """

    dataset: Episodes
    tokenizer: FrameTokenizer
    folder: Path

    @property
    def domain(self) -> Domain:
        """See :func:`domain_of`."""
        return domain_of(self.dataset)

    @property
    def image_pixels(self) -> int:
        """Tokens or latent pixels of a frame."""
        return self.tokenizer.config.image_tokens

    @property
    def channels(self) -> int:
        """Numbers of a latent pixel."""
        return self.tokenizer.config.factors

    def check_kind(self, kind: str) -> None:
        """Our tokenizer serves both kinds."""

    def factors(self, count: int) -> dict[str, int]:
        """Return how its tokens are factored, however many factors were asked for."""
        return {
            'factors': self.tokenizer.config.factors,
            'factor_size': self.tokenizer.config.levels,
        }

    def windows(self, config: HmaConfig, steps: int) -> Windows:
        """Return windows of the kind of a model."""
        if config.diffusion is None:
            episodes = tokens_once(self.tokenizer, self.dataset, self.folder)
            if config.anchor:
                episodes = with_anchors(episodes, self.dataset)
        else:
            patch = config.diffusion.patch
            episodes = latents_once(self.tokenizer, self.dataset, self.folder, patch)
        return EpisodeWindows(standardise_states(episodes), steps)


@dataclass(frozen=True)
class FolderRecordings:
    """
    A data set of the authors.

    :param folder: tokens for a discrete model, latents for a continuous one.
    """

    folder: TokenFolder

    @property
    def domain(self) -> Domain:
        """Its action space, by the name of the folder's domain."""
        mean, std = self.folder.action_statistics()
        floor = np.maximum(std, _LEAST_STD)
        numbers = tuple(map(float, mean)), tuple(map(float, floor))
        return Domain(self.folder.domain, self.folder.stride, *numbers)

    @property
    def image_pixels(self) -> int:
        """Tokens or latent pixels of a frame."""
        return int(np.prod(self.folder.video.shape[-2:]))

    @property
    def channels(self) -> int:
        """Numbers of a latent pixel; one of tokens."""
        return 1 if self.folder.vocabulary is not None else int(self.folder.video.shape[1])

    def check_kind(self, kind: str) -> None:
        """Refuse latents for a discrete model and tokens for a continuous one: ConfigError."""
        found = 'latents' if self.folder.vocabulary is None else 'tokens'
        wanted = 'tokens' if kind == 'discrete' else 'latents'
        if found != wanted:
            raise ConfigError(f'{self.folder.path}: got {found}, expected {wanted} for this kind')

    def factors(self, count: int) -> dict[str, int]:
        """
        Split its ids into so many factors of one size.

        :raises ConfigError: they cannot be.
        """
        vocabulary = self.folder.vocabulary or 0
        size = factor_size(vocabulary, count)
        if size is None:
            raise ConfigError(
                f'{self.folder.path}: got a vocabulary of {vocabulary}, expected a number to the '
                f'power of {count} factors; set --factors'
            )
        return {'factors': count, 'factor_size': size}

    def windows(self, config: HmaConfig, steps: int) -> Windows:
        """Return windows of the kind of a model."""
        windows = TokenWindows(self.folder, steps)
        if config.diffusion is None:
            return FolderWindows(windows, factors_of(config.factors, config.factor_size))
        return FolderWindows(windows, patches_of(config.diffusion.patch))


Recordings = EpisodeRecordings | FolderRecordings


def windows_of(
    recordings: Sequence[Recordings], config: HmaConfig, steps: int
) -> Mapping[str, Windows]:
    """Open windows of every embodiment of a model."""
    domains = (domain.name for domain in config.domains)
    return {
        name: item.windows(config, steps) for name, item in zip(domains, recordings, strict=True)
    }


def domain_of(dataset: Episodes, stem: str | None = None) -> Domain:
    """
    Describe an embodiment's actions and joints, with statistics of the episodes.

    :param stem: name of the stem; None takes that of the embodiment file.
    :raises EmbodimentError: there is no embodiment file of the data set's name.
    :raises ConfigError: the episodes hold another number of joints than that file.
    :raises JointRangeError: joints far beyond the limits of that file.
    """
    spec = dataset.spec
    joints = np.concatenate([episode.joints for episode in dataset])
    if joints.shape[1] != len(spec.state.joints):
        raise ConfigError(
            f'{dataset.embodiment}: episodes with {joints.shape[1]} joints, expected '
            f'{len(spec.state.joints)} as in {spec.path}'
        )
    for episode in dataset:
        check_joints(spec, episode.joints, episode.place)
    names = tuple(dataset.metadata['action_names'])
    labels = np.concatenate([episode.labels.reshape(-1, len(names)) for episode in dataset])
    actions = np.concatenate([episode.actions.reshape(-1, len(names)) for episode in dataset])
    every, motion = np.concatenate([actions, labels]), joint_motion(spec)
    moves = labels if motion != 'last' else labels - _before(dataset)
    facts = Joints(
        spec.state.joints,
        *_statistics(joints, 1e-3),
        motion,
        *_action_statistics(spec, moves),
        state_size=len(dataset.metadata['state_names']),
    )
    robot = StemSpec(
        action_names=names,
        stride=dataset.stride,
        frame_hz=float(dataset.metadata['hz']),
        embodiment=spec.name,
        trained_on='simulation' if spec.simulated else 'robot',
        lower=tuple(map(float, labels.min(0))),
        upper=tuple(map(float, labels.max(0))),
        joint_names=spec.state.joints,
        joint_motion=motion,
        # The file describes only actions with these names.
        meaning=meaning_of(spec) if names == spec.action.names else None,
    )
    anchor, names = None, anchor_names(spec, dataset)
    if names:
        anchors = np.concatenate(list(_anchors(spec, dataset)))
        anchor = Anchor(names, *_statistics(anchors, 1e-3))
        moves_by = 'sum' if spec.action.is_delta else 'last'
        robot = replace(robot, anchor=names, anchor_motion=moves_by)
    numbers = _action_statistics(spec, every)
    return Domain(stem or spec.stem, dataset.stride, *numbers, robot, facts, anchor)


def anchor_names(spec: EmbodimentSpec, dataset: Episodes) -> tuple[str, ...]:
    """
    Name the commanded coordinates of which episodes tell where each chunk brought them.

    :returns: joints, or x, y, z of the tool; empty where increments are in the tool's axes, or
        the episodes do not hold its position.
    """
    if not spec.action.is_cartesian:
        return spec.action.coordinates
    if spec.action.delta_frame == 'tool' or not set(TOOL) <= set(dataset.metadata['state_names']):
        return ()
    return spec.action.coordinates[: len(TOOL)]


def with_anchors(episodes: Sequence[TokenEpisode], dataset: Episodes) -> list[TokenEpisode]:
    """
    Tell of every frame of episodes where the commanded coordinates were measured.

    :returns: the same episodes where they do not hold them, see :func:`anchor_names`.
    """
    spec = dataset.spec
    if not anchor_names(spec, dataset):
        return list(episodes)
    pairs = zip(episodes, _anchors(spec, dataset), strict=True)
    return [replace(episode, anchors=anchors) for episode, anchors in pairs]


def _anchors(spec: EmbodimentSpec, dataset: Episodes) -> Iterator[np.ndarray]:
    """Yield of each episode ``float32[T + 1, K]``."""
    is_tool, names = spec.action.is_cartesian, dataset.metadata['state_names']
    wanted, among = spec.action.coordinates, spec.state.joints
    if is_tool:
        wanted, among = TOOL, tuple(names)
    places = [among.index(name) for name in wanted]
    for episode in dataset:
        yield np.asarray(episode.states if is_tool else episode.joints)[:, places]


def read_by(config: HmaConfig, domain: Domain) -> Domain:
    """Return what a model may say of an embodiment: anchor and joints only if it reads them."""
    robot = domain.robot
    if not config.anchor:
        robot = robot and replace(robot, anchor=(), anchor_motion='last')
        domain = replace(domain, anchor=None)
    if not config.keypoints:
        robot = robot and replace(robot, joint_names=(), joint_motion='unknown')
        domain = replace(domain, joints=None)
    return replace(domain, robot=robot)


def standardise_states(episodes: Sequence[TokenEpisode]) -> list[TokenEpisode]:
    """Bring every privileged number to mean 0 and std 1; unknown ones (NaN) stay so."""
    states = np.concatenate([episode.states for episode in episodes])
    known = states[np.isfinite(states).all(1)]
    mean, std = known.mean(0), known.std(0) + 1e-3
    return [replace(item, states=(item.states - mean) / std) for item in episodes]


def _statistics(values: np.ndarray, least: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each column, the latter never 0."""
    return tuple(map(float, values.mean(0))), tuple(map(float, values.std(0) + least))


def _action_statistics(
    spec: EmbodimentSpec, actions_NA: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each action dimension; see :func:`floored_deviation`."""
    deviation = floored_deviation(spec, actions_NA.std(0, dtype=np.float64))
    return tuple(map(float, actions_NA.mean(0))), tuple(map(float, deviation))


def _before(dataset: Episodes) -> np.ndarray:
    """Joints from which each low-level action was advised, ``float32[N, J]``."""
    joints = np.concatenate([episode.joints[:-1] for episode in dataset])
    return np.repeat(joints, dataset.stride, axis=0)
