# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The whole model: one trunk, and a stem and a head for every embodiment (HMA, sec. 3)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.network.trunk import Trunk, TrunkConfig

# Places that an action head looks for in the picture.
_POINTS = 16
# Numbers into which it turns the measured joints.
_JOINT_FEATURES = 64


@dataclass(frozen=True)
class StemConfig:
    """
    One embodiment's actions and joints as the model sees them.

    :param name: stem name, as embodiment files write it.
    :param embodiment: whose episodes it is trained on.
    :param trained_on: ``simulation`` or ``robot``: whether that embodiment is a simulated one.
    :param action_names: one per action dimension.
    :param stride: low-level actions in a row's chunk.
    :param frame_hz: rows per second.
    :param mean: per action dimension, physical units.
    :param std: likewise, positive.
    :param lower: likewise, least value the expert ever gave.
    :param upper: likewise, greatest.
    :param joint_names: measured joints that the action head reads.
    :param joint_mean: per joint, rad or m.
    :param joint_std: likewise, positive.
    :param joint_motion: what a chunk does to the joints: they go by its ``sum``, to its ``last``
        action, or ``unknown``.
    :param move_mean: per action dimension, of what the expert advised; with ``last``, of how far
        that is from the joints.
    :param move_std: likewise, positive.
    :param state_size: privileged numbers the auxiliary head predicts in training, 0 for none.
    """

    name: str
    embodiment: str
    trained_on: str
    action_names: tuple[str, ...]
    stride: int
    frame_hz: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    joint_names: tuple[str, ...]
    joint_mean: tuple[float, ...]
    joint_std: tuple[float, ...]
    joint_motion: str
    move_mean: tuple[float, ...]
    move_std: tuple[float, ...]
    state_size: int = 0

    @property
    def chunk_size(self) -> int:
        """Numbers in a chunk."""
        return self.stride * len(self.action_names)


class Stem(nn.Module):
    """Chunk to the shift and scale of every block, once per row."""

    def __init__(self, stem: StemConfig, trunk: TrunkConfig) -> None:
        super().__init__()
        self.shape = (trunk.layers, 2, trunk.width)
        self.register_buffer('mean', torch.tensor(stem.mean).repeat(stem.stride))
        self.register_buffer('std', torch.tensor(stem.std).repeat(stem.stride))
        self.embed = nn.Sequential(
            nn.Linear(stem.chunk_size, trunk.width),
            nn.LayerNorm(trunk.width),
            nn.ReLU(),
            nn.Linear(trunk.width, trunk.width),
        )
        self.unknown = nn.Parameter(torch.zeros(trunk.width))
        self.project = nn.Linear(trunk.width, trunk.layers * 2 * trunk.width)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, chunk_BRX: Tensor, known_BR: Tensor) -> Tensor:
        """
        Embed chunks.

        :param chunk_BRX: ``float[B, R, stride * A]``, physical units.
        :param known_BR: false where the action is not known or to be predicted.
        :returns: ``[B, R, layers, 2, C]``, shift first.
        """
        action = self.embed((chunk_BRX - self.mean) / self.std)
        action = torch.where(known_BR.unsqueeze(-1), action, self.unknown)
        return self.project(F.silu(action)).unflatten(-1, self.shape)


class Points(nn.Module):
    """
    Places in the picture, each of the learned kind of thing (spatial softmax, arXiv 1504.00702).

    Every token says how much of the thing it holds, and where in or about itself. What is learned
    at one token holds at all of them, so a few hundred scenes are enough to find things exactly.
    """

    def __init__(self, trunk: TrunkConfig) -> None:
        super().__init__()
        side = math.isqrt(trunk.image_tokens)
        middle = torch.linspace(-1, 1, side)
        grid = torch.stack(torch.meshgrid(middle, middle, indexing='ij'), -1)
        self.register_buffer('grid', grid.reshape(-1, 1, 2), persistent=False)
        self.look = nn.Sequential(
            nn.Linear(trunk.width, trunk.width // 2),
            nn.GELU(),
            nn.Linear(trunk.width // 2, 3 * _POINTS),
        )

    def forward(self, image_BRSC: Tensor) -> Tensor:
        """``float[B, R, S, C]`` to rows and columns ``float[B, R, 2 * points]``, edges at 1."""
        said = self.look(image_BRSC).unflatten(-1, (_POINTS, 3))
        weight = said[..., :1].softmax(2)
        return (weight * (self.grid + said[..., 1:])).sum(2).flatten(2)


class Head(nn.Module):
    """
    Features of a row, and the joints measured then, to the chunk to execute from it.

    Reads the action tokens whole, and the image tokens as points: so it knows where things are,
    and not only that they are there. The joints tell what pixels are too coarse for; where they
    are not measured, they are guessed from the picture. Absolute targets are read as ways from
    the joints, which are short and alike wherever the robot is.
    """

    def __init__(self, stem: StemConfig, trunk: TrunkConfig) -> None:
        super().__init__()
        self.register_buffer('mean', torch.tensor(stem.move_mean).repeat(stem.stride))
        self.register_buffer('std', torch.tensor(stem.move_std).repeat(stem.stride))
        self.register_buffer('joint_mean', torch.tensor(stem.joint_mean))
        self.register_buffer('joint_std', torch.tensor(stem.joint_std))
        self.split = [trunk.image_tokens, trunk.action_tokens]
        self.targets = stem.stride if stem.joint_motion == 'last' else 0
        width, joints, chunk = 3 * trunk.width, len(stem.joint_names), stem.chunk_size
        self.points = Points(trunk)
        read = trunk.action_tokens * trunk.width + 2 * _POINTS
        self.guess = _mlp(read, width, joints)
        self.joints = _mlp(joints, width, _JOINT_FEATURES)
        self.chunk = _mlp(read + _JOINT_FEATURES, width, width, width, chunk)
        seen = 2 * _POINTS + _JOINT_FEATURES
        self.state = nn.Linear(seen, stem.state_size) if stem.state_size else None

    def forward(self, features_BRNC: Tensor, joints_BRJ: Tensor, measured_BR: Tensor) -> Tensor:
        """
        Read rows.

        :param features_BRNC: ``float[B, R, N, C]`` of the trunk, image tokens first.
        :param joints_BRJ: ``float[B, R, J]``, rad or m.
        :param measured_BR: false where the joints are not known.
        :returns: chunk ``float[B, R, stride * A]`` in physical units.
        """
        return self.read(features_BRNC, joints_BRJ, measured_BR)[0]

    def read(
        self, features_BRNC: Tensor, joints_BRJ: Tensor, measured_BR: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """
        Like :meth:`forward`, with what only training asks for.

        :returns: chunk; auxiliary state ``float[B, R, D]``, standardised, or None.
        """
        image, action = features_BRNC.split(self.split, 2)
        points, action = self.points(image), action.flatten(2)
        guessed = self.guess(torch.cat([action, points], 2))
        measured = (joints_BRJ - self.joint_mean) / self.joint_std
        joints = torch.where(measured_BR.unsqueeze(-1), measured, guessed)
        seen = torch.cat([points, self.joints(joints)], 2)
        chunk = self.chunk(torch.cat([action, seen], 2)) * self.std + self.mean
        if self.targets:
            chunk = chunk + (joints * self.joint_std + self.joint_mean).repeat(1, 1, self.targets)
        # Read off without another layer: the points have to be the places.
        return chunk, self.state(seen) if self.state is not None else None


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers[:-1])


class Hma(nn.Module):
    """
    Trunk, stems and heads.

    :param trunk: sizes of the shared part.
    :param stems: one entry per embodiment.
    """

    def __init__(self, trunk: TrunkConfig, stems: list[StemConfig]) -> None:
        super().__init__()
        self.stem_configs = {stem.name: stem for stem in stems}
        self.trunk = Trunk(trunk)
        self.stems = nn.ModuleDict({stem.name: Stem(stem, trunk) for stem in stems})
        self.heads = nn.ModuleDict({stem.name: Head(stem, trunk) for stem in stems})

    def config(self) -> dict[str, Any]:
        """Everything needed to build this model again, as plain data."""
        stems = [asdict(stem) for stem in self.stem_configs.values()]
        return {'trunk': asdict(self.trunk.config), 'stems': stems}

    @staticmethod
    def from_config(config: dict[str, Any]) -> Hma:
        """Build an untrained model from :meth:`config`."""
        return Hma(
            TrunkConfig(**config['trunk']), [_stem_config(stem) for stem in config['stems']]
        )


def _stem_config(facts: dict[str, Any]) -> StemConfig:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    return StemConfig(**values)
