# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training of HMA on many embodiments together: one trunk, a stem and a head for each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.progress import Progress
from hma_ros.core.stem_spec import StemSpec
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.windows import TokenEpisode, WindowBatch, WindowSampler
from hma_ros.network.checkpoint import save_hma
from hma_ros.network.conditioning import Conditioning, Modulation
from hma_ros.network.config import Domain, HmaConfig, Joints, preset
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.training.objective import (
    ObjectiveConfig,
    Rows,
    action_losses,
    frame_loss,
    layout,
    prepare,
)
from hma_ros.training.run import TrainingRun

_ENCODE_BATCH = 256


def tokenise(tokenizer: FrameTokenizer, dataset: EpisodeDataset) -> list[TokenEpisode]:
    """Encode every frame of a data set, with a progress bar."""
    levels = encode_frames(tokenizer.encode, dataset).astype(np.uint8)
    ends = np.cumsum([episode.rows + 1 for episode in dataset])
    return [
        TokenEpisode.from_episode(episode, part)
        for episode, part in zip(dataset, np.split(levels, ends[:-1]), strict=True)
    ]


@torch.no_grad()
def encode_frames(encode: Callable[[Tensor], Tensor], dataset: EpisodeDataset) -> np.ndarray:
    """
    Encode every frame of a data set, one after the other, with a progress bar.

    :param encode: from ``uint8[B, H, W, 3]``, always as many.
    """
    encode, parts = torch.compile(encode), []
    for chunk in Progress(list(_frame_batches(dataset)), dataset.embodiment, unit='batch'):
        padded = np.zeros((_ENCODE_BATCH, *chunk.shape[1:]), np.uint8)
        padded[: len(chunk)] = chunk
        parts.append(encode(torch.from_numpy(padded)).numpy()[: len(chunk)])
    return np.concatenate(parts)


def tokenise_once(
    tokenizer: FrameTokenizer, dataset: EpisodeDataset, cache: Path
) -> list[TokenEpisode]:
    """
    Like :func:`tokenise`, but keep the tokens in a file, and read them if it is there.

    :param cache: start of the file's name; the rest tells the tokenizer that made it.
    :raises ConfigError: the file does not hold the frames of this data set, or those are of
        another size than the tokenizer takes.
    """
    dataset.check_frame_size(tokenizer.config.image_size, 'the frame tokenizer')
    path = cache.with_name(f'{cache.name}_{fingerprint(tokenizer)}.npy')
    if not path.exists():
        episodes = tokenise(tokenizer, dataset)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix('.partial.npy')
        np.save(partial, np.concatenate([episode.levels for episode in episodes]))
        partial.replace(path)
        return episodes
    ends = np.cumsum([episode.rows + 1 for episode in dataset])
    try:
        levels = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f'{path}: {error}; expected tokens, remove it to make them') from error
    if len(levels) != ends[-1]:
        raise ConfigError(
            f'{path}: {len(levels)} frames, expected {ends[-1]} as in the episodes; remove it'
        )
    return [
        TokenEpisode.from_episode(episode, part)
        for episode, part in zip(dataset, np.split(levels, ends[:-1]), strict=True)
    ]


def fingerprint(tokenizer: FrameTokenizer) -> str:
    """Tell tokenizers apart by their weights: tokens of one mean nothing to another."""
    digest = hashlib.sha256()
    for tensor in tokenizer.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:12]


def _frame_batches(dataset: EpisodeDataset) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    for episode in dataset:
        waiting.extend(episode.frames)
        while len(waiting) >= _ENCODE_BATCH:
            yield np.stack(waiting[:_ENCODE_BATCH])
            del waiting[:_ENCODE_BATCH]
    if waiting:
        yield np.stack(waiting)


def domain_of(dataset: EpisodeDataset) -> Domain:
    """
    Describe an embodiment's actions and joints, with statistics of the episodes.

    :raises EmbodimentError: there is no embodiment file of the data set's name.
    :raises ConfigError: the episodes hold another number of joints than that file.
    """
    spec = load_embodiment(dataset.embodiment)
    joints = np.concatenate([episode.joints for episode in dataset])
    if joints.shape[1] != len(spec.state.joints):
        raise ConfigError(
            f'{dataset.embodiment}: episodes with {joints.shape[1]} joints, expected '
            f'{len(spec.state.joints)} as in {spec.path}'
        )
    names = tuple(dataset.metadata['action_names'])
    labels = np.concatenate([episode.labels.reshape(-1, len(names)) for episode in dataset])
    actions = np.concatenate([episode.actions.reshape(-1, len(names)) for episode in dataset])
    every, motion = np.concatenate([actions, labels]), joint_motion(spec)
    moves = labels if motion != 'last' else labels - _before(dataset)
    facts = Joints(
        spec.state.joints,
        *_statistics(joints, 1e-3),
        motion,
        *_statistics(moves),
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
    )
    return Domain(spec.stem, dataset.stride, *_statistics(every), facts, robot)


def _statistics(
    values: np.ndarray, least: float = 1e-6
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each column, the latter never 0."""
    return tuple(map(float, values.mean(0))), tuple(map(float, values.std(0) + least))


def initialised(config: HmaConfig) -> DiscreteHma:
    """Build a model whose actions change nothing yet."""
    model = DiscreteHma(config)
    torch.nn.init.normal_(model.pos_embed_TSC, std=0.02)
    for module in model.modules():
        if isinstance(module, Modulation):
            for parameter in module.adaLN_modulation[-1].parameters():
                torch.nn.init.zeros_(parameter)
    return model


def _hidden(config: HmaConfig) -> tuple[str, ...]:
    """Name what the stems share in the blocks."""
    parts = ('spatial_attn', 'temporal_attn', 'mlp')
    return tuple(f'decoder.layers.{i}.{part}' for i in range(config.layers) for part in parts)


def _before(dataset: EpisodeDataset) -> np.ndarray:
    """Joints from which each low-level action was advised, ``float32[N, J]``."""
    joints = np.concatenate([episode.joints[:-1] for episode in dataset])
    return np.repeat(joints, dataset.stride, axis=0)


def joint_motion(spec: EmbodimentSpec) -> str:
    """Tell what a chunk does to the joints, where it commands all of them: see StemSpec."""
    if spec.gripper is not None or spec.action.coordinates != spec.state.joints:
        return 'unknown'
    return 'sum' if spec.action.is_delta else 'last'


def standardise_states(episodes: Sequence[TokenEpisode]) -> list[TokenEpisode]:
    """Bring every privileged number to mean zero and deviation one over the data set."""
    states = np.concatenate([episode.states for episode in episodes])
    mean, std = states.mean(0), states.std(0) + 1e-3
    return [replace(item, states=(item.states - mean) / std) for item in episodes]


class HmaTrainer:
    """
    One training run of HMA.

    :param domains: action space of each embodiment, in the order of the batches.
    :param folder: checkpoint, state and log.
    :param steps: optimiser steps of the whole run.
    :param windows: windows per embodiment and step.
    :param config: of the model; None for the preset `small`.
    """

    def __init__(
        self,
        domains: Sequence[Domain],
        folder: Path,
        steps: int,
        windows: int = 8,
        config: HmaConfig | None = None,
    ) -> None:
        torch.manual_seed(0)
        self._config = config or preset('small', domains)
        self._windows, self._folder = windows, folder
        self.model = initialised(self._config)
        self.run = TrainingRun(self.model, folder, steps, 3e-3, _hidden(self._config))
        torch.manual_seed(self.run.step)
        self._rows = layout(self._config.rows, self._config.rows)
        self._pass = torch.compile(self._trunk_pass)
        self._objective = ObjectiveConfig()

    def train(self, episodes: Mapping[str, Sequence[TokenEpisode]]) -> None:
        """Train on tokenised episodes of every stem to the end, then save a checkpoint."""
        samplers = {
            name: WindowSampler(items, self._config.rows, self.run.step)
            for name, items in episodes.items()
        }
        self.run.train(lambda _: self._losses(samplers))
        save_hma(cast(DiscreteHma, self.run.averaged), self._folder)

    def _losses(self, samplers: Mapping[str, WindowSampler]) -> dict[str, Tensor]:
        batches = {name: item.draw(self._windows) for name, item in samplers.items()}
        rows = {
            name: prepare(batch, self._objective, self._config.factor_size)
            for name, batch in batches.items()
        }
        given = [
            self.model.condition(name, item.actions, self._rows, ~item.known)
            for name, item in rows.items()
        ]
        joined = _join(list(rows.values()))
        logits, features = self._pass(
            TokensSeen(joined.levels, joined.masked, joined.previous),
            torch.cat([cast(Tensor, item.tokens_BRC) for item in given]),
            torch.cat([cast(Tensor, item.shift_scale_BRL2C) for item in given]),
        )
        return self._sum(logits, features, rows, batches)

    def _trunk_pass(
        self, seen: TokensSeen, tokens: Tensor, shift_scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of the masked half of each sequence, and features of the clean one."""
        model, count = self.model, self._config.rows
        given = Conditioning(tokens, shift_scale_BRL2C=shift_scale)
        # Without gates blocks have nothing of a stem: one pass serves all.
        stem = self._config.domains[0].name
        x, _ = model.run(model.embed(seen, given, self._rows), stem, given, self._rows)
        x = model.out_norm(x)
        previous = cast(Tensor, seen.previous_BRSF)
        return model.logits(x[:, count:], previous[:, count:]), x[:, :count]

    def _sum(
        self,
        logits: Tensor,
        features: Tensor,
        rows: Mapping[str, Rows],
        batches: Mapping[str, WindowBatch],
    ) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        share = 1 / len(rows)
        for index, name in enumerate(rows):
            part = slice(index * self._windows, (index + 1) * self._windows)
            action, state = action_losses(
                self.model, name, features[part], batches[name], self._objective
            )
            frames = frame_loss(logits[part], rows[name], self._objective.change_weight)
            terms |= {
                f'{name}/frame': frames * share,
                f'{name}/action': action * share,
                f'{name}/state': state * share,
            }
        return terms


def _join(parts: Sequence[Rows]) -> Rows:
    """Stack the token rows of all embodiments; actions stay apart, their widths differ."""
    empty = torch.zeros(0)
    return Rows(
        levels=torch.cat([part.levels for part in parts]),
        previous=torch.cat([part.previous for part in parts]),
        masked=torch.cat([part.masked for part in parts]),
        actions=empty,
        known=empty,
        targets=empty,
    )
