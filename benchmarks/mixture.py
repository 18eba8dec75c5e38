# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Models of the shipped kind, trained from random weights on a mixture of simulated robots.

Frames become tokens by the frame tokenizer of the shipped bundle, which saw all four robots.
Training is that of ``hma train model --self-forced 0``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from hma_ros.bringup import bundle_folder
from hma_ros.cli.train_further import encoded
from hma_ros.core.atomic_file import write_text
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.shards import find_shards
from hma_ros.data.windows import EpisodeWindows, TokenEpisode
from hma_ros.export.pretrained import Pretrained, read_pretrained, save_codec
from hma_ros.network.config import HmaConfig
from hma_ros.network.discrete import DiscreteHma
from hma_ros.sim.generate import generate
from hma_ros.training.configuration import default_length
from hma_ros.training.recordings import domain_of, read_by, standardise_states
from hma_ros.training.trainer import HmaTrainer

_T = TypeVar('_T')
# Of each robot.
EPISODES = {'expert': 110, 'play': 30, 'random': 20}
HELD_OUT = {'expert': 12, 'play': 4, 'random': 4}
# Far from the seeds of the episodes of other commands.
_HELD_OUT_SEED = 7919


@dataclass(frozen=True)
class Mixture:
    """
    What a model is trained on, and its sizes.

    :param robots: simulated ones.
    :param trajectories: of each robot, spread evenly over the kinds of episodes.
    :param width: channels of a token.
    :param layers: blocks of the trunk.
    :param changes: to the configuration of the shipped model beside these sizes.
    """

    robots: tuple[str, ...]
    trajectories: int = sum(EPISODES.values())
    width: int = 128
    layers: int = 6
    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """Tell it from others, for a folder."""
        robots = '_'.join(robot.removeprefix('sim_') for robot in self.robots)
        changes = ''.join(
            f'_{name}_{getattr(value, "value", value)}' for name, value in self.changes
        )
        return f'{robots}_{self.trajectories}_{self.width}x{self.layers}{changes}'


@dataclass(frozen=True)
class Budget:
    """
    How long to train.

    :param steps: optimiser steps.
    :param windows: of each robot in a step.
    """

    steps: int
    windows: int


class Experiment:
    """
    Episodes, their tokens, and runs.

    :param folder: of all of them; what is there already is used again.
    :param bundle: whose frame tokenizer encodes.
    """

    def __init__(self, folder: Path, bundle: str = 'hma_sim') -> None:
        self.folder, self._bundle = folder, bundle

    @cached_property
    def shipped(self) -> Pretrained:
        """The shipped model, of which only sizes and frame tokenizer are taken."""
        pretrained = read_pretrained(bundle_folder(self._bundle))
        save_codec(pretrained.codec, pretrained.tokenizer, self.folder / 'tokenizer')
        return pretrained

    def episodes(self, robot: str, split: str = 'train') -> EpisodeDataset:
        """Open episodes of a robot, ``train`` or ``val``; make them first if there are none."""
        data = self.folder / 'data'
        if not list((data / robot / split).glob('**/metadata.json')):
            counts, seed = (EPISODES, 0) if split == 'train' else (HELD_OUT, _HELD_OUT_SEED)
            generate(robot, data / robot, counts, seed, workers=1, split=split)
        return EpisodeDataset(find_shards(data, robot, split))

    def tokens(self, robot: str, split: str = 'train') -> list[TokenEpisode]:
        """Encode the frames of a robot's episodes, once."""
        return encoded(self.shipped, self.episodes(robot, split), self.folder / 'tokenizer')

    def config(self, mixture: Mixture) -> HmaConfig:
        """Fit the configuration of the shipped model; statistics are of all episodes."""
        domains = tuple(domain_of(self.episodes(robot)) for robot in mixture.robots)
        sizes = {'width': mixture.width, 'layers': mixture.layers}
        config = replace(self.shipped.model.config, **sizes, **dict(mixture.changes))
        return replace(config, domains=tuple(read_by(config, domain) for domain in domains))

    def trained(self, mixture: Mixture, budget: Budget) -> DiscreteHma:
        """
        Train, or read what was trained; an interrupted run goes on.

        The run is one that ``hma finetune --init`` reads.
        """
        config, run = self.config(mixture), self.run_folder(mixture, budget)
        save_codec(self.shipped.codec, self.shipped.tokenizer, run / 'tokenizer')
        length = default_length(config)
        # In float32 on every machine, so that runs can be compared; so short that compiling would
        # take longer than it saves.
        trainer = HmaTrainer(
            *(config, run / 'model', budget.steps, length, budget.windows),
            compiled=False,
            precision='highest',
        )
        sources = {
            domain.name: EpisodeWindows(
                standardise_states(spread(self.tokens(robot), mixture.trajectories)), length
            )
            for domain, robot in zip(config.domains, mixture.robots, strict=True)
        }
        print(run, flush=True)
        return cast('DiscreteHma', trainer.train(sources))

    def scored(
        self, mixture: Mixture, budget: Budget, score: Callable[[DiscreteHma], dict[str, Any]]
    ) -> dict[str, Any]:
        """
        Train and score, unless that was done.

        :param score: what JSON can hold, of the trained model.
        """
        found = self.run_folder(mixture, budget) / 'held_out.json'
        if not found.is_file():
            write_text(found, json.dumps(score(self.trained(mixture, budget))))
        read: dict[str, Any] = json.loads(found.read_text())
        return read

    def run_folder(self, mixture: Mixture, budget: Budget) -> Path:
        """Return where a run is kept."""
        return self.folder / f'{mixture.name}_{budget.steps}x{budget.windows}'


def arguments(name: str, description: str | None, steps: int, windows: int) -> argparse.Namespace:
    """Parse the command line of a benchmark that trains mixtures: out, json, steps, windows."""
    parser = argparse.ArgumentParser(
        prog=f'python -m benchmarks.{name}',
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, json_file = parser.add_argument, Path(f'benchmarks/out/{name}.json')
    add('--out', type=Path, default=Path('runs/scaling'), metavar='DIR', help='runs and episodes')
    add('--json', type=Path, default=json_file, metavar='FILE')
    add('--steps', type=int, default=steps, metavar='N', help=f'optimiser steps ({steps})')
    text = f'windows of a robot in a step ({windows})'
    add('--windows', type=int, default=windows, metavar='N', help=text)
    return parser.parse_args()


def spread(episodes: Sequence[_T], count: int) -> list[_T]:
    """Take so many episodes at even distances, so that every kind has its share."""
    return [episodes[index * len(episodes) // count] for index in range(count)]
