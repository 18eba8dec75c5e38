# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Processes that train one model together (data parallel), as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

_LONGEST_WAIT = timedelta(days=7)


class Workers:
    """
    This process among those of a run; a single one where torchrun did not start it.

    Each draws windows of its own and has the same weights: gradients are averaged over all.

    ``rank`` is its number, ``count`` how many there are.
    """

    def __init__(self) -> None:
        self.count = int(os.environ.get('WORLD_SIZE', '1'))
        self.rank = int(os.environ.get('RANK', '0'))
        if self.count > 1 and not distributed.is_initialized():
            # The first may encode a large data set for hours while the others wait.
            distributed.init_process_group('gloo', timeout=_LONGEST_WAIT)

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes files."""
        return self.rank == 0

    def seed(self, step: int) -> int:
        """Return a seed for a step, another in each process."""
        return step * self.count + self.rank

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace the gradients of all processes by their mean, in one transfer."""
        if self.count == 1:
            return
        gradients = [item.grad for item in parameters if item.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = (flat / self.count).split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, choice: int) -> int:
        """Return what the first process chose."""
        if self.count == 1:
            return choice
        chosen: Tensor = torch.tensor(choice)
        distributed.broadcast(chosen, 0)
        return int(chosen)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process do something before all others do it: write a file, read it."""
        if self.count > 1 and not self.is_first:
            distributed.barrier()
        yield
        if self.count > 1 and self.is_first:
            distributed.barrier()
