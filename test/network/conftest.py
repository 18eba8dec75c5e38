# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Small discrete models of every variant, in double precision, with nothing left at zero."""

from typing import Any

import pytest
import torch

from hma_ros.network.config import Domain, HmaConfig, Injection
from hma_ros.network.discrete import DiscreteHma

ROBOT = Domain('robot', 2, (0.5, -1.0), (2.0, 0.25))
CONDITIONINGS = {
    f'{"concat+" if concat else ""}{injection.value}-{"joint" if predicts else "video"}': {
        'concat': concat,
        'injection': injection,
        'predict_actions': predicts,
    }
    for concat in (False, True)
    for injection in Injection
    for predicts in (False, True)
    if concat or injection is not Injection.NONE
}


@pytest.fixture(params=CONDITIONINGS.values(), ids=CONDITIONINGS.keys())
def conditioning(request) -> dict[str, Any]:
    """Every way to take in actions, with and without predicting them."""
    return request.param


@pytest.fixture(scope='session')
def make_model():
    """Return a function of the changes to a small configuration."""

    def make(**changes: Any) -> DiscreteHma:
        sizes = {'layers': 2, 'heads': 2, 'width': 16, 'window': 5, 'positions': 3}
        sizes.update(action_tokens=2, factor_size=4, mlp_ratio=1.0, domains=(ROBOT,))
        torch.manual_seed(0)
        model = (
            DiscreteHma(HmaConfig(**{**sizes, **changes})).double().eval().requires_grad_(False)
        )
        for name, parameter in model.named_parameters():
            centre = float('norm' in name and 'weight' in name)
            torch.nn.init.normal_(parameter, centre, parameter.shape[-1] ** -0.5)
        return model

    return make


class Stream:
    """Random steps of one robot."""

    def __init__(self, model: DiscreteHma, steps: int, batch: int = 1) -> None:
        torch.manual_seed(1)
        self.ids_BRS = torch.randint(model.mask_id + 1, (batch, steps, model.config.positions))
        self.actions_BRX = torch.randn(batch, steps, ROBOT.chunk_size, dtype=torch.float64)


@pytest.fixture(scope='session')
def make_stream():
    """Return a function of a model, steps and batch."""
    return Stream
