# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How far the published code departs from what it means to do: the numbers in ``model.md``.

Of the golden models, which compute what that code computes; shares are of the largest logit, or of
the largest number that the action head says.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from hma_ros.network.checkpoint import load_released
from hma_ros.network.config import Compat, Injection
from hma_ros.network.discrete import DiscreteHma

GOLDEN = Path(__file__).parents[1] / 'data/golden'


class Moved(NamedTuple):
    """
    What other actions change that should change nothing.

    :param earlier: frames, by an action of a later step.
    :param sample: frames, by the actions of another sample of the batch.
    :param frames: by actions that are all masked, when they differ by one deviation.
    :param actions: the predicted ones, likewise.
    """

    earlier: float
    sample: float
    frames: float
    actions: float


PUBLISHED = {
    'concat': Moved(0, 0, 0, 0),
    'add': Moved(0, 0, 0.22, 0.16),
    'concat_add': Moved(0, 0, 0.15, 0.13),
    'modulate': Moved(0, 0, 0.18, 0.07),
    'concat_modulate': Moved(0, 0, 0.43, 0.15),
    'cross_attention': Moved(0.17, 0.23, 0.46, 0.15),
    'concat_cross_attention': Moved(0.20, 0.14, 0.17, 0.22),
}


def share(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Largest change of each sample and step: ``[B, R]``."""
    return (before - after).abs().flatten(2).amax(2) / before.abs().max()


def measure(model: DiscreteHma, ids: torch.Tensor, actions: torch.Tensor) -> Moved:
    deviation = model.action_preprocessor['franka'].std.repeat(model.config.domains[0].stride)
    later, other = actions.clone(), actions.clone()
    later[:, -1] += 1
    other[1] += 1
    masked = torch.ones(ids.shape[:2])
    shown = model(ids, 'franka', actions).logits_BRSFV
    asked, moved = (model(ids, 'franka', a, masked) for a in (actions, actions + deviation))
    return Moved(
        share(shown, model(ids, 'franka', later).logits_BRSFV)[:, :-1].max().item(),
        share(shown, model(ids, 'franka', other).logits_BRSFV)[0].max().item(),
        share(asked.logits_BRSFV, moved.logits_BRSFV).max().item(),
        share(asked.chunk_BRX, moved.chunk_BRX).max().item(),
    )


@pytest.mark.parametrize('compat', Compat)
@pytest.mark.parametrize('name', PUBLISHED)
def test_what_should_change_nothing(name, compat):
    folder = GOLDEN / f'disc_{name}'
    model = load_released(folder).requires_grad_(False)
    if compat is Compat.CORRECTED:
        weights = model.state_dict()
        model = DiscreteHma(replace(model.config, compat=compat)).requires_grad_(False)
        if model.config.injection is Injection.CROSS_ATTENTION:
            # The published one has eight heads, and so another width of their norm.
            weights = {n: weights[n] for n in weights if 'franka.norm' not in n}
        model.load_state_dict(weights, strict=False)
    with np.load(folder / 'golden.npz') as file:
        ids = torch.from_numpy(file['tokens_masked']).flatten(2)
        actions = torch.from_numpy(file['actions_in/franka'])
    moved = measure(model, ids, actions)
    if compat is Compat.CORRECTED:
        assert moved == Moved(0, 0, 0, 0)
    else:
        assert moved == pytest.approx(PUBLISHED[name], abs=0.006)
