# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The trunk with its stems: space, action, time, channels (Genie, arXiv 2402.15391).

One code path serves whole windows and single steps: a window is a step without kept steps. Spatial
attention stays within a step and temporal attention is causal, so a past step never changes, and
its keys and values can be kept.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.core.errors import ConfigError
from hma_ros.network.attention import NewSteps, SelfAttention, Steps
from hma_ros.network.conditioning import (
    AnchorSeen,
    Conditioning,
    CrossAttention,
    Modulation,
    Normaliser,
    Stem,
    make_projector,
)
from hma_ros.network.config import Compat, HmaConfig, Injection


class Mlp(nn.Module):
    """Channel mixing."""

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        hidden = int(config.width * config.mlp_ratio)
        self.fc1 = nn.Linear(config.width, hidden, bias=config.mlp_bias)
        self.fc2 = nn.Linear(hidden, config.width, bias=config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Space, action, time, channels; time has a norm only with `pre_norm`, not as released."""

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        self.config = config
        self.norm1 = nn.Identity() if config.qk_norm else nn.LayerNorm(config.width)
        self.spatial_attn = SelfAttention(config)
        self.temporal_norm = nn.LayerNorm(config.width) if config.pre_norm else nn.Identity()
        self.temporal_attn = SelfAttention(config, is_temporal=True)
        self.norm2 = nn.Identity() if config.qk_norm else nn.LayerNorm(config.width)
        self.mlp = Mlp(config)
        projectors = {domain.name: make_projector(config) for domain in config.domains}
        self.action_projectors = nn.ModuleDict(
            {name: module for name, module in projectors.items() if module is not None}
        )

    def forward(
        self, x_BRNC: Tensor, domain: str, given: Conditioning, steps: Steps, layer: int
    ) -> tuple[Tensor, NewSteps]:
        """Return the steps, and their keys and values to keep."""
        past, tokens = steps.kept(layer), slice(x_BRNC.shape[2])
        x = x_BRNC + self.spatial_attn.over_tokens(self.norm1(x_BRNC))
        x, kept_action = self.inject(x, domain, given, steps, layer)
        if past is not None and kept_action is not None:
            past = past.select(tokens)
        normed = self.temporal_norm(x)
        mixed, kept = self.temporal_attn.over_steps(normed, steps, past, self.config.window)
        if kept_action is not None:
            pairs = zip(kept, kept_action, strict=True)
            kept = NewSteps(*(torch.cat(pair, 2) for pair in pairs))
        x = x + mixed
        return x + self.mlp(self.norm2(x)), kept

    def inject(
        self, x: Tensor, domain: str, given: Conditioning, steps: Steps, layer: int
    ) -> tuple[Tensor, NewSteps | None]:
        """Add the actions to the steps; the second part is what cross-attention keeps of them."""
        if given.shift_scale_BRL2C is not None:
            modulation = cast('Modulation', self.action_projectors[domain])
            return x + modulation(x, given.shift_scale_BRL2C[:, :, layer]), None
        if given.injected_BRC is None:
            return x, None
        if self.config.injection is Injection.ADD:
            return x + given.injected_BRC.unsqueeze(2), None
        cross = cast('CrossAttention', self.action_projectors[domain])
        if self.config.compat is Compat.UPSTREAM:
            return x + cross.forward_upstream(x, given.injected_BRC), None
        past = steps.kept(layer)
        past = None if past is None else past.select(slice(x.shape[2], None))
        mixed, kept = cross(x, given.injected_BRC, steps, past, self.config.window)
        return x + mixed, kept


class Decoder(nn.Module):
    """The blocks, under the name they have in the checkpoints."""

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))


class Trunk(nn.Module):
    """
    Stems, places and blocks: what the discrete and the continuous model share.

    :param config: sizes and variant.
    """

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        steps = config.tables
        places = config.positions + config.action_tokens
        self.pos_embed_TSC = nn.Parameter(torch.zeros(1, steps, places, config.width))
        self.action_mask_tokens = nn.Parameter(torch.zeros(1, steps, 1, config.width))
        domains = {domain.name: domain for domain in config.domains}
        if domains:
            self.action_preprocessor = nn.ModuleDict(
                {name: Normaliser(domain, config.anchor) for name, domain in domains.items()}
            )
            self.action_mlp = nn.ModuleDict(
                {name: Stem(domain, config) for name, domain in domains.items()}
            )

    @property
    def blocks(self) -> list[Block]:
        """The blocks of the trunk, in order."""
        return [cast('Block', block) for block in self.decoder.layers]

    def condition(
        self,
        domain: str,
        actions_BRX: Tensor | None,
        steps: Steps,
        masked_BR: Tensor | None = None,
        batch: int = 1,
        is_normalised: bool = False,
        anchor: AnchorSeen | None = None,
    ) -> Conditioning:
        """
        Do the work of a stem, once per step.

        Upstream masks actions in the tokens alone, while the blocks still see them; and
        without actions it injects nothing. Corrected, nothing sees a masked action, and having
        no actions is having all of them masked.

        :param actions_BRX: ``float32[B, R, stride * A]`` in units of the data set; None for none.
        :param masked_BR: which are not known; in compat: upstream counts only in models that
            predict actions.
        :param batch: of the steps, when there are no actions.
        :param is_normalised: whether the actions are normalized already.
        :param anchor: where they led, of a stem with an anchor; None where nothing is known.
        :raises ConfigError: unknown domain, or another chunk size than the domain has.
        """
        if actions_BRX is None and self.config.compat is Compat.UPSTREAM:
            asked = self._mask_tokens(steps, batch) if self.config.predict_actions else None
            return Conditioning(tokens_BRC=asked)
        if actions_BRX is None:
            masked = self._masked_actions(domain, steps, batch)
            masked = self._anchored(domain, masked, anchor)
            return self._conditioning(domain, steps, masked, masked)
        action = self.embed_actions(domain, actions_BRX, is_normalised)
        shown, leaks = action, self.config.compat is Compat.UPSTREAM
        if masked_BR is not None and (self.config.predict_actions or not leaks):
            masked = self._masked_actions(domain, steps, action.shape[0])
            shown = torch.where(masked_BR.bool().unsqueeze(-1), masked, action)
        shown = self._anchored(domain, shown, anchor)
        return self._conditioning(domain, steps, shown, action if leaks else shown)

    def embed_actions(self, domain: str, actions_BRX: Tensor, is_normalised: bool) -> Tensor:
        """Chunks to embeddings ``[B, R, C]``."""
        expected = self.config.domain(domain).chunk_size
        if actions_BRX.shape[-1] != expected:
            raise ConfigError(
                f"actions of stem '{domain}': got {actions_BRX.shape[-1]} numbers in a chunk, "
                f'expected {expected}'
            )
        if not is_normalised:
            actions_BRX = self.action_preprocessor[domain](actions_BRX)
        embedding: Tensor = self.action_mlp[domain](actions_BRX)
        return embedding

    def _anchored(self, domain: str, embedded_BRC: Tensor, anchor: AnchorSeen | None) -> Tensor:
        """Add where the chunk led to its embedding, masked or not."""
        if anchor is None or not self.config.anchor:
            return embedded_BRC
        normalised = self.action_preprocessor[domain].anchor(anchor.anchor_BRK)
        added: Tensor = self.action_mlp[domain].anchor(normalised, anchor.known_BR)
        return embedded_BRC + added

    def place(self, image_BRSC: Tensor, given: Conditioning, steps: Steps) -> Tensor:
        """Append action tokens and add positions: ``[B, R, N, C]``."""
        x = image_BRSC
        if given.tokens_BRC is not None:
            copies = given.tokens_BRC.unsqueeze(2).expand(-1, -1, self.config.action_tokens, -1)
            x = torch.cat([x, copies], 2)
        return x + self._of_steps(self.pos_embed_TSC[0], steps)[:, : x.shape[2]]

    def run(
        self, x_BRNC: Tensor, domain: str, given: Conditioning, steps: Steps
    ) -> tuple[Tensor, tuple[NewSteps, ...]]:
        """
        Run placed steps through all blocks.

        :returns: features ``[B, R, N, C]``, and what to keep of every layer.
        :raises ConfigError: kept steps are given to a model whose past steps change.
        """
        if steps.past_P is not None and not self.config.is_cacheable:
            raise ConfigError(
                'injection: cross_attention with compat: upstream lets past steps see later ones, '
                'expected no kept steps; compute the whole window'
            )
        x, kept = x_BRNC, []
        for layer, block in enumerate(self.blocks):
            x, own = block(x, domain, given, steps, layer)
            kept.append(own)
        return x, tuple(kept)

    def _conditioning(
        self, domain: str, steps: Steps, shown: Tensor, injected: Tensor
    ) -> Conditioning:
        config, tokens = self.config, None
        if config.has_action_tokens:
            # Without concatenation they tell nothing, and only ask for the action.
            tokens = shown if config.concat else self._mask_tokens(steps, shown.shape[0])
        if config.injection is Injection.NONE or not config.domains:
            return Conditioning(tokens)
        if config.injection is not Injection.MODULATE:
            return Conditioning(tokens, self._timed(injected, steps))
        parts = [
            cast('Modulation', block.action_projectors[domain]).shift_scale(injected)
            for block in self.blocks
        ]
        return Conditioning(tokens, shift_scale_BRL2C=torch.stack(parts, 2))

    def _timed(self, action_BRC: Tensor, steps: Steps) -> Tensor:
        """
        Say when each action was, to tokens that attend to many of them.

        Upstream does not; and with rotary positions it is the same of all steps.
        """
        config = self.config
        if config.injection is Injection.ADD or config.compat is Compat.UPSTREAM:
            return action_BRC
        # The place of the first action token.
        return action_BRC + self._of_steps(self.pos_embed_TSC[0, :, config.image_tokens], steps)

    def _masked_actions(self, domain: str, steps: Steps, batch: int) -> Tensor:
        """Embed actions that nothing may see: ``[B, R, C]``."""
        mask = self.action_mlp[domain].mask if self.config.stem_mask else None
        if mask is None:
            return self._mask_tokens(steps, batch)
        return mask.expand(batch, steps.index_R.shape[0], -1)

    def _mask_tokens(self, steps: Steps, batch: int) -> Tensor:
        table = self._of_steps(self.action_mask_tokens[0, :, 0], steps)
        return table.expand(batch, steps.index_R.shape[0], -1)

    def _of_steps(self, table_T: Tensor, steps: Steps) -> Tensor:
        """Pick the entries of steps; a table of one step serves all."""
        return table_T[steps.index_R] if len(table_T) > 1 else table_T
