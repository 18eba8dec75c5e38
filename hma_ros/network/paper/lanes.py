# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The trunk cut into lanes: each takes its tokens of every row through a whole layer.

Lanes meet only where a row attends to itself, over keys and values that all of them made. Cores
that share every matrix product instead read in each what the others have just written: on some
machines that costs as much as the product.

| part | in | out |
|---|---|---|
| enter | what the trunk takes of rows | of each lane `x_L`, `query_L`, `key_L`, `value_L` |
| layer | of a lane `x`, `query`, `past_key`, `past_value`; of every lane `key_L`, `value_L`; `layer`; as the trunk does `index`, `past_index`, `rotation`, `injected`, `shift_scale` | of the lane `x_next`, and for the layer to come `query_next`, `key_next`, `value_next`; `kept_key`, `kept_value` |
| leave | `x_L`, `index` | what the trunk says of rows |

`x`, `query`, `key` and `value` are ``float32[B, R, N / lanes, C]``, queries and keys normalised
already; kept rows are those of the trunk, of the lane's tokens; `layer` is ``int64[1]``.
"""  # noqa: E501

from __future__ import annotations

import torch
from torch import Tensor, nn

from hma_ros.core.lanes import LANES
from hma_ros.network.paper.attention import KeptRows, Rows
from hma_ros.network.paper.checkpoint import PaperModel
from hma_ros.network.paper.conditioning import Conditioning
from hma_ros.network.paper.config import Injection, PaperConfig
from hma_ros.network.paper.parts import conditioning, enter, leave
from hma_ros.network.paper.trunk import Block

_MADE = ('query', 'key', 'value')


def has_lanes(config: PaperConfig) -> bool:
    """Whether a trunk can be cut so: with cross-attention a row keeps what is no lane's."""
    is_even = config.row_tokens % LANES == 0
    return is_even and config.injection is not Injection.CROSS_ATTENTION


class EnterPart(nn.Module):
    """Rows to lanes."""

    def __init__(self, model: PaperModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        x = enter(self.model, feeds, Rows(feeds['index']))
        result = {'x': x, **_attention_inputs(self.model.blocks[0], x)}
        return {
            f'{name}_{lane}': part
            for name, whole in result.items()
            for lane, part in enumerate(whole.chunk(LANES, 2))
        }


class LayerPart(nn.Module):
    """
    A layer of one lane, from attention within the row to the next one's.

    :param following: the next block, None behind the last.
    """

    def __init__(self, block: Block, following: Block | None, stem: str) -> None:
        super().__init__()
        self.block, self.following, self.stem = block, following, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        past = (KeptRows(feeds['past_key'], feeds['past_value']),)
        rows = Rows(feeds['index'], feeds.get('rotation'), feeds['past_index'], past)
        x = feeds['x'] + self._over_tokens(feeds)
        # Given and kept rows are those of this layer alone.
        x, kept = self.block.after_space(x, self.stem, self._given(feeds), rows, 0)
        result = {'x_next': x}
        if self.following is not None:
            made = _attention_inputs(self.following, x)
            result |= {f'{name}_next': part for name, part in made.items()}
        return {**result, 'kept_key': kept.key_BRNHD, 'kept_value': kept.value_BRNHD}

    def _given(self, feeds: dict[str, Tensor]) -> Conditioning:
        if 'shift_scale' not in feeds:
            return conditioning(feeds)
        own = feeds['shift_scale'].index_select(2, feeds['layer'])
        return conditioning({**feeds, 'shift_scale': own})

    def _over_tokens(self, feeds: dict[str, Tensor]) -> Tensor:
        key, value = (
            torch.cat([feeds[f'{name}_{lane}'].flatten(0, 1) for lane in range(LANES)], 1)
            for name in ('key', 'value')
        )
        attention = self.block.spatial_attn
        query = feeds['query'].flatten(0, 1)
        mixed = attention.mix(*(attention.by_head(part) for part in (query, key, value)))
        return mixed.unflatten(0, feeds['x'].shape[:2])


class LeavePart(nn.Module):
    """Lanes to what is said of rows."""

    def __init__(self, model: PaperModel, stem: str) -> None:
        super().__init__()
        self.model, self.stem = model, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        x = torch.cat([feeds[f'x_{lane}'] for lane in range(LANES)], 2)
        return leave(self.model, self.stem, x, Rows(feeds['index']))


def _attention_inputs(block: Block, x_BRNC: Tensor) -> dict[str, Tensor]:
    parts = block.spatial_attn.project(block.norm1(x_BRNC))
    return dict(zip(_MADE, parts, strict=True))
