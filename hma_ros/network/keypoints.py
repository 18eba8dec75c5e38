# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An action head that reads keypoints in the image and the measured joints."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from hma_ros.core.errors import ConfigError
from hma_ros.network.config import Domain, HmaConfig

_POINTS = 16
# Numbers into which the measured joints are turned.
_JOINT_FEATURES = 64


class Keypoints(nn.Module):
    """
    Places in the image, each of a learned kind of thing (spatial softmax, arXiv 1504.00702).

    Every token says how much of the thing it holds, and where in or about itself. What is learned
    at one token holds at all of them, so a few hundred scenes are enough to find things exactly.
    """

    def __init__(self, width: int, image_tokens: int) -> None:
        super().__init__()
        middle = torch.linspace(-1, 1, math.isqrt(image_tokens))
        grid = torch.stack(torch.meshgrid(middle, middle, indexing='ij'), -1)
        self.register_buffer('grid', grid.reshape(-1, 1, 2), persistent=False)
        self.look = nn.Sequential(
            nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, 3 * _POINTS)
        )

    def forward(self, image_BTSC: Tensor) -> Tensor:
        """``float[B, T, S, C]`` to coordinates ``float[B, T, 2 * points]``, image edges at 1."""
        said = self.look(image_BTSC).unflatten(-1, (_POINTS, 3))
        weight = said[..., :1].softmax(2)
        return (weight * (self.grid + said[..., 1:])).sum(2).flatten(2)


class KeypointHead(nn.Module):
    """
    Features of a step, and the joints measured then, to the chunk to execute from it.

    Reads the action tokens whole, and the image tokens as keypoints. The joints tell what pixels
    are too coarse for; where they are not measured, they are estimated from the image. Absolute
    targets are predicted as offsets from the joints.

    :raises ConfigError: the domain has no facts about joints.
    """

    mean: Tensor
    std: Tensor
    joint_mean: Tensor
    joint_std: Tensor

    def __init__(self, domain: Domain, config: HmaConfig) -> None:
        super().__init__()
        if domain.joints is None:
            raise ConfigError(f"stem '{domain.name}': got no joints, expected them for keypoints")
        facts = domain.joints
        self.register_buffer('mean', torch.tensor(facts.move_mean).repeat(domain.stride))
        self.register_buffer('std', torch.tensor(facts.move_std).repeat(domain.stride))
        self.register_buffer('joint_mean', torch.tensor(facts.mean))
        self.register_buffer('joint_std', torch.tensor(facts.std))
        self.split = [config.image_tokens, config.action_tokens]
        self.targets = domain.stride if facts.motion == 'last' else 0
        width, joints, chunk = 3 * config.width, len(facts.names), domain.chunk_size
        self.points = Keypoints(config.width, config.image_tokens)
        read = config.action_tokens * config.width + 2 * _POINTS
        self.guess = _mlp(read, width, joints)
        self.joints = _mlp(joints, width, _JOINT_FEATURES)
        self.chunk = _mlp(read + _JOINT_FEATURES, width, width, width, chunk)
        seen = 2 * _POINTS + _JOINT_FEATURES
        self.state = nn.Linear(seen, facts.state_size) if facts.state_size else None

    def forward(self, features_BTNC: Tensor, joints_BTJ: Tensor, measured_BT: Tensor) -> Tensor:
        """
        Predict chunks.

        :param features_BTNC: ``float[B, T, N, C]`` of the trunk, image tokens first.
        :param joints_BTJ: ``float[B, T, J]``, rad or m.
        :param measured_BT: false where the joints are not known.
        :returns: ``float[B, T, stride * A]`` in units.
        """
        return self.read(features_BTNC, joints_BTJ, measured_BT)[0]

    def read(
        self, features_BTNC: Tensor, joints_BTJ: Tensor, measured_BT: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """
        Like :meth:`forward`, with what only training asks for.

        :returns: chunk; auxiliary state ``float[B, T, D]``, standardised, or None.
        """
        image, action = features_BTNC.split(self.split, 2)
        points, action = self.points(image), action.flatten(2)
        guessed = self.guess(torch.cat([action, points], 2))
        measured = (joints_BTJ - self.joint_mean) / self.joint_std
        joints = torch.where(measured_BT.unsqueeze(-1), measured, guessed)
        seen = torch.cat([points, self.joints(joints)], 2)
        chunk = self.chunk(torch.cat([action, seen], 2)) * self.std + self.mean
        if self.targets:
            chunk = chunk + self.origin(joints * self.joint_std + self.joint_mean)
        # Read off without another layer: the keypoints have to be the places.
        return chunk, self.state(seen) if self.state is not None else None

    def origin(self, joints: Tensor) -> Tensor:
        """Return the chunk that does not move, ``float[..., stride * A]``, at joints in units."""
        if self.targets:
            return joints.repeat(*[1] * (joints.ndim - 1), self.targets)
        return torch.zeros(*joints.shape[:-1], len(self.std))


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers[:-1])
