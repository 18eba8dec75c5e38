# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The continuous model: latent patches in, what a diffusion head samples from out (MAR kind)."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from hma_ros.core.errors import ConfigError
from hma_ros.network.attention import NewSteps, Steps
from hma_ros.network.conditioning import Conditioning
from hma_ros.network.config import Compat, Diffusion, HmaConfig
from hma_ros.network.diffusion_head import DiffusionDraws, DiffusionHead
from hma_ros.network.trunk import Trunk


class ContinuousSteps(NamedTuple):
    """
    What the trunk says of some steps.

    :param z_BRSC: what the head samples a patch from.
    :param z_action_BRC: what an action head samples a chunk from; None without one.
    :param kept: keys and values to keep, of every layer.
    """

    z_BRSC: Tensor
    z_action_BRC: Tensor | None
    kept: tuple[NewSteps, ...]


class ContinuousHma(Trunk):
    """
    Trunk with patch embedding, a diffusion head for patches and one per embodiment for chunks.

    A patch is E numbers, Q pixels of some channels each (see
    :mod:`hma_ros.core.generation.patches`). Pixels are masked, not patches: upstream trains with
    patches that are masked in part.

    :raises ConfigError: the configuration has no diffusion head.
    """

    def __init__(self, config: HmaConfig) -> None:
        super().__init__(config)
        if config.diffusion is None:
            raise ConfigError('diffusion: none, expected a configuration of the continuous kind')
        self.parts: Diffusion = config.diffusion
        parts, width = self.parts, config.width
        size = parts.patch**2 * parts.latent_channels
        self.mask_token = nn.Parameter(torch.randn(1, 1, parts.latent_channels) * 0.02)
        self.token_embed = nn.Linear(size, width, bias=False)
        self.z_proj_ln = nn.LayerNorm(width, eps=1e-6)
        self.out_x_proj = nn.Linear(width, width)
        self.decoder_norm = nn.LayerNorm(width, eps=1e-6)
        places = torch.randn(1, config.tables * config.image_tokens, width) * 0.02
        self.diffusion_pos_embed_learned = nn.Parameter(places)
        self.diffloss = DiffusionHead(size, width, parts)
        self.action_diff_losses = nn.ModuleDict(
            {
                domain.name: DiffusionHead(domain.chunk_size, width, parts)
                for domain in config.domains
            }
            if config.predict_actions
            else {}
        )

    def forward(
        self,
        patches_BRSE: Tensor,
        masked_BRSQ: Tensor,
        domain: str,
        actions_BRX: Tensor | None,
        masked_BR: Tensor | None = None,
        steps: Steps | None = None,
        is_normalised: bool = False,
    ) -> ContinuousSteps:
        """
        Say what is to be expected of every patch and chunk.

        :param patches_BRSE: ``float32[B, R, S, E]``.
        :param masked_BRSQ: which pixels of each patch are masked; Q = 1 masks whole patches.
        :param actions_BRX: ``float32[B, R, stride * A]`` in units of the data set, or None.
        :param masked_BR: actions to predict, see :meth:`Trunk.condition`; upstream never
            masks them in the continuous model, so it predicts what it sees.
        :param steps: None for a window of its own.
        """
        steps = steps or Steps.window(self.config, patches_BRSE.shape[1], patches_BRSE.device)
        if self.config.compat is Compat.UPSTREAM:
            masked_BR = None
        batch = len(patches_BRSE)
        given = self.condition(domain, actions_BRX, steps, masked_BR, batch, is_normalised)
        return self.steps(patches_BRSE, masked_BRSQ, domain, given, steps)

    def steps(
        self,
        patches_BRSE: Tensor,
        masked_BRSQ: Tensor,
        domain: str,
        given: Conditioning,
        steps: Steps,
    ) -> ContinuousSteps:
        """Run steps whose stem work is done; what a masked pixel holds does not matter."""
        x, kept = self.run(
            self.embed(patches_BRSE, masked_BRSQ, given, steps), domain, given, steps
        )
        return self.read(x, steps, kept)

    def embed(
        self, patches_BRSE: Tensor, masked_BRSQ: Tensor, given: Conditioning, steps: Steps
    ) -> Tensor:
        """Do what is done before the blocks: ``[B, R, N, C]``."""
        image = self.token_embed(self.mask(patches_BRSE, masked_BRSQ))
        placed: Tensor = self.z_proj_ln(self.place(image, given, steps))
        return placed

    def read(
        self, x_BRNC: Tensor, steps: Steps, kept: tuple[NewSteps, ...] = ()
    ) -> ContinuousSteps:
        """Do what is done after the blocks."""
        tokens = self.config.image_tokens
        z = self.decoder_norm(self.out_x_proj(x_BRNC[:, :, :tokens]))
        places = self.diffusion_pos_embed_learned[0].unflatten(0, (-1, tokens))
        z = z + self._of_steps(places, steps)
        z_action = None
        if self.config.predict_actions and self.config.domains:
            # Of image tokens where upstream appends none, as in the discrete model.
            z_action = x_BRNC[:, :, -self.config.action_tokens :].mean(2)
        return ContinuousSteps(z, z_action, kept)

    def action_head(self, domain: str) -> DiffusionHead:
        """
        Return what samples the chunks of an embodiment.

        :raises ConfigError: the model has none.
        """
        if domain not in self.action_diff_losses:
            known = ', '.join(self.action_diff_losses) or 'none'
            raise ConfigError(f'action head: got {domain!r}, expected one of {known}')
        return cast('DiffusionHead', self.action_diff_losses[domain])

    def mask(self, patches_BRSE: Tensor, masked_BRSQ: Tensor) -> Tensor:
        """Put the learned pixel where something is masked."""
        pixels = patches_BRSE.unflatten(-1, (-1, self.parts.latent_channels))
        return torch.where(masked_BRSQ.unsqueeze(-1), self.mask_token[0, 0], pixels).flatten(-2)


class ContinuousDraws(NamedTuple):
    """
    Randomness of a training loss, beside what is masked.

    :param patches: one for each patch of the window, ``N = B T S``.
    :param chunks: one for each step, ``N = B T``; None without action heads.
    """

    patches: DiffusionDraws
    chunks: DiffusionDraws | None


class ContinuousLoss(NamedTuple):
    """Terms of the training loss."""

    frame: Tensor
    action: Tensor | None


def continuous_loss(
    model: ContinuousHma,
    output: ContinuousSteps,
    clean_BTSE: Tensor,
    masked_BTSQ: Tensor,
    domain: str,
    actions_BTX: Tensor,
    masked_BT: Tensor,
    draws: ContinuousDraws,
) -> ContinuousLoss:
    """
    Train the heads on patches with anything masked, and on chunks to predict.

    Chunks are learned normalized; by upstream in units of the data set.

    :param clean_BTSE: patches before masking.
    :param masked_BTSQ: which pixels the model did not see.
    :param actions_BTX: in units of the data set.
    :param masked_BT: whose chunks count.
    """
    hit = masked_BTSQ.any(-1)
    frame = _masked_loss(model.diffloss, output.z_BRSC, clean_BTSE, hit, draws.patches)
    if output.z_action_BRC is None or draws.chunks is None:
        return ContinuousLoss(frame, None)
    is_upstream = model.config.compat is Compat.UPSTREAM
    target = actions_BTX if is_upstream else model.action_preprocessor[domain](actions_BTX)
    head = model.action_head(domain)
    action = _masked_loss(head, output.z_action_BRC, target, masked_BT, draws.chunks)
    return ContinuousLoss(frame, action)


def _masked_loss(
    head: DiffusionHead, z: Tensor, clean: Tensor, masked: Tensor, draws: DiffusionDraws
) -> Tensor:
    """Only what is masked passes through the head."""
    masked = masked.bool()
    hit = masked.flatten()
    chosen = DiffusionDraws(draws.timestep_N[hit], draws.noise_NE[hit])
    return head.loss(z[masked], clean[masked], chosen)
