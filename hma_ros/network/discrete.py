# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The discrete model: factored tokens in, logits of every factor out (MaskGIT kind)."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.network.attention import NewSteps, Steps
from hma_ros.network.conditioning import Conditioning, masked_mean, squared_error_BR
from hma_ros.network.config import Compat, HmaConfig
from hma_ros.network.factors import join_factors, split_ids
from hma_ros.network.keypoints import KeypointHead
from hma_ros.network.trunk import Trunk

_LABEL_SMOOTHING = 0.01
# By how much what was there is favoured before training.
_COPY_LOGIT = 3.0


class DiscreteSteps(NamedTuple):
    """
    What the model says of some steps.

    :param logits_BRSFV: of every factor of every token.
    :param chunk_BRX: what the action head says, not yet in units; None without one.
    :param kept: of every layer, keys and values to keep.
    """

    logits_BRSFV: Tensor
    chunk_BRX: Tensor | None
    kept: tuple[NewSteps, ...]


class TokensSeen(NamedTuple):
    """
    What a model is shown of the tokens of some steps.

    :param factors_BRSF: ``int64``; what a masked token holds does not matter.
    :param masked_BRS: which are to be predicted.
    :param previous_BRSF: of the frame before each step, of the same frame where there is none;
        read by models with `previous_frame`.
    """

    factors_BRSF: Tensor
    masked_BRS: Tensor
    previous_BRSF: Tensor | None = None


class JointsSeen(NamedTuple):
    """
    What a keypoint action head is shown of the joints.

    :param joints_BRJ: ``float32``, rad or m.
    :param measured_BR: false where they are not known.
    """

    joints_BRJ: Tensor
    measured_BR: Tensor


class TokenEmbedding(nn.Module):
    """Sum of an embedding per factor, or the embedding of a masked token."""

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        self.mask_token_embed = nn.Parameter(torch.zeros(1, config.width))
        self.factored_embeds = nn.ModuleList(
            nn.Embedding(config.factor_size, config.width) for _ in range(config.factors)
        )

    def forward(self, factors_BRSF: Tensor, masked_BRS: Tensor) -> Tensor:
        """``int64[B, R, S, F]`` to ``[B, R, S, C]``."""
        parts = [
            embed(factors_BRSF[..., index]) for index, embed in enumerate(self.factored_embeds)
        ]
        embedded = torch.stack(parts).sum(0)
        return torch.where(masked_BRS.unsqueeze(-1), self.mask_token_embed, embedded)


class FrameEmbedding(nn.Module):
    """
    Embed every token with the eight around it, and with those of the frame before.

    Masked or not, a token sees the frame before at and around its own place, so static pixels are
    free to predict and small motions are cheap.
    """

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        self.levels, self.side = config.factor_size, math.isqrt(config.image_tokens)
        codes = config.factors * config.factor_size
        self.mask_token_embed = nn.Parameter(torch.zeros(config.width))
        self.own = nn.Conv2d(codes, config.width, 3, padding=1, bias=False)
        self.previous = nn.Conv2d(codes, config.width, 3, padding=1, bias=False)

    def forward(self, factors_BRSF: Tensor, masked_BRS: Tensor, previous_BRSF: Tensor) -> Tensor:
        """``int64[B, R, S, F]`` to ``[B, R, S, C]``."""
        masked = masked_BRS.unsqueeze(-1)
        own = self._convolve(self.own, self._one_hot(factors_BRSF) * ~masked)
        before = self._convolve(self.previous, self._one_hot(previous_BRSF))
        return own + self.mask_token_embed * masked + before

    def _convolve(self, layer: nn.Conv2d, codes_BRSX: Tensor) -> Tensor:
        grid = codes_BRSX.flatten(0, 1).transpose(1, 2).unflatten(2, (self.side, self.side))
        return layer(grid).flatten(2).transpose(1, 2).unflatten(0, codes_BRSX.shape[:2])

    def _one_hot(self, factors: Tensor) -> Tensor:
        return F.one_hot(factors, self.levels).flatten(-2).to(self.own.weight.dtype)


class DiscreteHma(Trunk):
    """
    Trunk with token embedding, token head and an action head per embodiment.

    Tokens are given as ids below ``mask_id``, factor 0 in the lowest digits; ``mask_id`` itself
    stands for a token to predict.
    """

    def __init__(self, config: HmaConfig) -> None:
        super().__init__(config)
        self.token_embed = (
            FrameEmbedding(config) if config.previous_frame else TokenEmbedding(config)
        )
        self.out_norm = nn.LayerNorm(config.width) if config.pre_norm else nn.Identity()
        self.out_x_proj = nn.Linear(config.width, config.factors * config.factor_size)
        if config.previous_frame:
            favour = torch.eye(config.factor_size) * _COPY_LOGIT
            self.copy_logits = nn.Parameter(favour.repeat(config.factors, 1, 1))
        if config.keypoints:
            self.action_heads = nn.ModuleDict(
                {domain.name: KeypointHead(domain, config) for domain in config.domains}
            )
        elif config.domains:
            self.action_out_projectors = nn.ModuleDict(
                {
                    domain.name: nn.Linear(config.width, domain.chunk_size)
                    for domain in config.domains
                }
            )

    @property
    def mask_id(self) -> int:
        """Id of a masked token, one above all others."""
        return int(self.config.factor_size**self.config.factors)

    def forward(
        self,
        ids_BRS: Tensor,
        domain: str,
        actions_BRX: Tensor | None,
        masked_BR: Tensor | None = None,
        steps: Steps | None = None,
        is_normalised: bool = False,
    ) -> DiscreteSteps:
        """
        Predict every token of every step, and the actions if the model has learned to.

        :param ids_BRS: ``int64[B, R, S]``.
        :param actions_BRX: ``float32[B, R, stride * A]`` in units of the data set, or None.
        :param masked_BR: actions to predict, see :meth:`Trunk.condition`.
        :param steps: None for a window of its own.
        """
        steps = steps or Steps.window(self.config, ids_BRS.shape[1], ids_BRS.device)
        given = self.condition(domain, actions_BRX, steps, masked_BR, len(ids_BRS), is_normalised)
        factors = self.factorise(ids_BRS)
        # A window knows what was before each of its steps but the first.
        previous = torch.cat([factors[:, :1], factors[:, :-1]], 1)
        seen = TokensSeen(factors, ids_BRS == self.mask_id, previous)
        return self.steps(seen, domain, given, steps)

    def steps(
        self, seen: TokensSeen, domain: str, given: Conditioning, steps: Steps
    ) -> DiscreteSteps:
        """Run steps whose stem work is done."""
        x, kept = self.run(self.embed(seen, given, steps), domain, given, steps)
        return self.read(x, domain, kept, seen.previous_BRSF)

    def embed(self, seen: TokensSeen, given: Conditioning, steps: Steps) -> Tensor:
        """Do what is done before the blocks: ``[B, R, N, C]``."""
        read = seen if self.config.previous_frame else seen[:2]
        return self.place(self.token_embed(*read), given, steps)

    def read(
        self,
        x_BRNC: Tensor,
        domain: str,
        kept: tuple[NewSteps, ...] = (),
        previous_BRSF: Tensor | None = None,
        joints: JointsSeen | None = None,
    ) -> DiscreteSteps:
        """
        Do what is done after the blocks.

        :param joints: of a model with keypoints; without them its chunks are left out.
        """
        x = self.out_norm(x_BRNC)
        return DiscreteSteps(
            self.logits(x, previous_BRSF), self._read_actions(x, domain, joints), kept
        )

    def logits(self, x_BRNC: Tensor, previous_BRSF: Tensor | None) -> Tensor:
        """Logits ``[B, R, S, F, V]`` of features behind the last norm."""
        image = x_BRNC[:, :, : self.config.image_tokens] * self.config.readout_scale
        logits = self.out_x_proj(image).unflatten(
            -1, (self.config.factors, self.config.factor_size)
        )
        if not self.config.previous_frame or previous_BRSF is None:
            return logits
        before = F.one_hot(previous_BRSF, self.config.factor_size).to(logits.dtype)
        return logits + torch.einsum('brsfp,fpv->brsfv', before, self.copy_logits)

    def factorise(self, ids: Tensor) -> Tensor:
        """Ids to factors ``[..., F]``, factor 0 in the lowest digits."""
        return split_ids(ids, self.config.factor_size, self.config.factors)

    def join(self, factors_F: Tensor) -> Tensor:
        """Undo :meth:`factorise`."""
        return join_factors(factors_F, self.config.factor_size)

    def in_units(self, chunk_BRX: Tensor, domain: str) -> Tensor:
        """Chunks of the action head in units of the data set, where they are not already."""
        if self.config.keypoints:
            return chunk_BRX
        chunk: Tensor = self.action_preprocessor[domain].inverse(chunk_BRX)
        return chunk

    def _read_actions(
        self, x_BRNC: Tensor, domain: str, joints: JointsSeen | None
    ) -> Tensor | None:
        """Mean of the last tokens of a step; of image tokens where upstream appends none."""
        if not (self.config.predict_actions and self.config.domains):
            return None
        if self.config.keypoints:
            head = cast('KeypointHead', self.action_heads[domain])
            return None if joints is None else head(x_BRNC, *joints)
        read = x_BRNC[:, :, -self.config.action_tokens :].mean(2) * self.config.readout_scale
        chunk: Tensor = self.action_out_projectors[domain](read)
        return chunk


class DiscreteLoss(NamedTuple):
    """Terms of the training loss; `accuracy` counts tokens of which every factor is right."""

    frame: Tensor
    action: Tensor | None
    accuracy: Tensor


def discrete_loss(
    model: DiscreteHma,
    output: DiscreteSteps,
    ids_BTS: Tensor,
    labels_BTS: Tensor,
    domain: str,
    actions_BTX: Tensor,
    masked_BT: Tensor,
) -> DiscreteLoss:
    """
    Compare a window with what it should have been (paper, sec. 3).

    Frames: cross entropy of the masked tokens of all steps but the first, summed over factors.
    Actions: squared error of the masked steps, normalized. Upstream compares with actions in
    units, and scales the mean over all steps by the masked share instead.

    :param ids_BTS: what the model saw.
    :param labels_BTS: what was there.
    """
    relevant = ids_BTS[:, 1:] == model.mask_id
    factors = model.factorise(labels_BTS[:, 1:])
    logits = output.logits_BRSFV[:, 1:]
    entropy = F.cross_entropy(
        logits.flatten(0, 3), factors.flatten(), reduction='none', label_smoothing=_LABEL_SMOOTHING
    ).view_as(factors)
    frame = masked_mean(entropy.sum(-1), relevant)
    accuracy = masked_mean((logits.argmax(-1) == factors).all(-1), relevant)
    if output.chunk_BRX is None:
        return DiscreteLoss(frame, None, accuracy)
    return DiscreteLoss(
        frame, _action_loss(model, output.chunk_BRX, domain, actions_BTX, masked_BT), accuracy
    )


def _action_loss(
    model: DiscreteHma, chunk: Tensor, domain: str, actions: Tensor, masked: Tensor
) -> Tensor:
    if model.config.compat is Compat.UPSTREAM:
        return F.mse_loss(chunk, actions) * masked.float().mean()
    target = model.action_preprocessor[domain](actions)
    return masked_mean(squared_error_BR(chunk, target), masked)
