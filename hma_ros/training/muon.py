# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Muon: momentum, made orthogonal (Jordan et al. 2024), in float32.

`torch.optim.Muon` iterates in bfloat16, which processors without bfloat16 units emulate: there
it takes longer than the rest of the step. This one is the same update in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

# Quintic iteration that drives all singular values towards one.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
# Nesterov's.
_MOMENTUM = 0.95
# Decoupled.
_WEIGHT_DECAY = 0.05


class Muon(torch.optim.Optimizer):
    """
    Optimiser of hidden weight matrices.

    :param parameters: matrices only.
    :param lr: rate; updates are scaled to the size AdamW's would have, so its rates fit.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {'lr': lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            for parameter in group['params']:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group['lr'])

    def _update(self, parameter: nn.Parameter, grad: Tensor, lr: float) -> None:
        state = self.state[parameter]
        if 'momentum_buffer' not in state:
            state['momentum_buffer'] = torch.zeros_like(parameter)
        buffer = state['momentum_buffer'].lerp_(grad, 1 - _MOMENTUM)
        direction = orthogonalise(grad.lerp(buffer, _MOMENTUM))
        size = 0.2 * max(parameter.shape) ** 0.5
        parameter.mul_(1 - lr * _WEIGHT_DECAY)
        parameter.add_(direction, alpha=-lr * size)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Nearest (semi-)orthogonal matrix, roughly: singular values end within about 0.7 to 1.2."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    first, second, third = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = first * x + (second * gram + third * gram @ gram) @ x
    return x.T if tall else x
