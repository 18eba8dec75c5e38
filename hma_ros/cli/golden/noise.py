# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the research code drew at random, in the order in which it was drawn."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hma_ros.cli.golden.golden import GoldenArrays
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.diffusion import Noise, Sampling
from hma_ros.network.continuous import ContinuousDraws, ContinuousHma
from hma_ros.network.diffusion_head import DiffusionDraws

_ROLLOUT = re.compile(r's([1-9]\d*)_T(\d+(?:\.\d+)?)')
_DRAW = re.compile(r'draw(\d+)_\w+')


class TrainingDraws(NamedTuple):
    """
    Randomness of a training loss.

    :param first: ``int64[B, 1]``, the step from which on chunks are predicted; None without one.
    :param draws: of the heads.
    """

    first: Tensor | None
    draws: ContinuousDraws


def training_draws(golden: GoldenArrays, prefix: str) -> TrainingDraws:
    """
    Read the draws of a training loss, ``{prefix}/draw{number}_{function}``, whatever there are.

    In this order: the step from which on chunks are predicted, which may be missing; times and
    noise of patches; times and noise of chunks, which models that predict no actions do not draw.

    :raises ConfigError: draws that are none of this.
    """
    found = {}
    for key in golden:
        match = _DRAW.fullmatch(key.removeprefix(f'{prefix}/'))
        if match and key.startswith(f'{prefix}/'):
            found[int(match[1])] = torch.from_numpy(golden[key])
    drawn = [found[number] for number in sorted(found)]
    kinds = ''.join('n' if one.is_floating_point() else 't' for one in drawn)
    if not re.fullmatch('t?(tn){1,2}', kinds):
        raise ConfigError(
            f'{golden.path}: {prefix}: got {len(drawn)} draws ({kinds or "none"}), expected '
            'integers (t) and noise (n) in one of the orders tn, ttn, tntn, ttntn'
        )
    first = drawn.pop(0) if len(drawn) % 2 else None
    heads = [DiffusionDraws(*pair) for pair in zip(drawn[::2], drawn[1::2], strict=True)]
    return TrainingDraws(first, ContinuousDraws(heads[0], heads[1] if heads[1:] else None))


class Replay:
    """
    Hands out recorded noise in the order in which it was drawn.

    :param prefix: of the arrays; ends in ``s{mask steps}_T{temperature}``.
    :param nudge: moves the last bit of every number up, down or not at all; None for none.
    """

    def __init__(
        self,
        model: ContinuousHma,
        golden: GoldenArrays,
        prefix: str,
        nudge: np.random.Generator | None = None,
    ) -> None:
        name = _ROLLOUT.fullmatch(prefix.rpartition('/')[2])
        if name is None:
            raise ConfigError(
                f'{golden.path}: {prefix}: got no mask steps and temperature in the name, '
                "expected 's2_T1'"
            )
        self.mask_steps, self._temperature = int(name[1]), np.float32(name[2])
        self.sampling = Sampling(model.parts.steps, is_karras=False)
        self._source, self._left = f'{golden.path}: {prefix}', golden[f'{prefix}/noise_flat']
        self._shapes = golden[f'{prefix}/noise_shapes'].tolist()
        if nudge is not None:
            bits = nudge.integers(-1, 2, self._left.shape).astype(np.float32)
            self._left = self._left * (1 + np.finfo(np.float32).eps * bits)

    def draw(self, shape: tuple[int, int]) -> Noise:
        """Return where sampling began, then what was added at each step."""
        count = 1 + self.sampling.steps
        recorded, self._shapes = self._shapes[:count], self._shapes[count:]
        if recorded != [list(shape)] * count:
            raise ConfigError(
                f'{self._source}/noise_shapes: got {recorded}, expected {count} of {list(shape)}'
            )
        flat, self._left = np.split(self._left, [count * shape[0] * shape[1]])
        start, *added = flat.reshape(count, *shape)
        return Noise(start, self._temperature * np.stack(added))
