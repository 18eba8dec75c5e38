# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What goes into the blocks of a model, and what comes out of the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from hma_ros.cli.golden.golden import GoldenArrays, at


@torch.no_grad()
def block_activations(
    golden: GoldenArrays, domain: str, blocks: Iterable[nn.Module], run: Callable[[], object]
) -> Iterator[tuple[str, Tensor]]:
    """
    Yield the input of every block and the output of the last, by name, if golden has them.

    :param blocks: of the model, in order.
    :param run: computes them once.
    """
    prefix = at('hidden', domain)
    if f'{prefix}/0' not in golden:
        return
    seen: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _, given, made: seen.extend([given[0], made[0]]))
        for block in blocks
    ]
    run()
    for hook in hooks:
        hook.remove()
    for index, activation in enumerate([*seen[::2], seen[-1]]):
        yield f'{prefix}/{index}', activation
