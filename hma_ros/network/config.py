# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Sizes and variants of HMA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from hma_ros.core.embodiment.stem_facts import StemFacts
from hma_ros.core.errors import ConfigError

# Width that maximal-update parametrisation scales from (Yang et al., arXiv 2203.03466).
MUP_BASE_WIDTH = 256


class Compat(str, Enum):
    """
    Which of two readings a model follows where the authors' code departs from the paper.

    ``UPSTREAM`` computes what the released checkpoints were trained with, quirks included;
    ``CORRECTED`` what the paper describes. They differ only where ``model.md`` lists it.
    """

    UPSTREAM = 'upstream'
    CORRECTED = 'corrected'


class TimePositions(str, Enum):
    """How a step knows when it is."""

    # A learned vector per step of the window (released checkpoints); the window is a hard end.
    LEARNED = 'learned'
    # Rotary, so only the lag between two steps counts and a sliding context is exact for ever.
    ROTARY = 'rotary'
    # A learned bias per head on the lag between two steps, exact for ever too.
    LAG = 'lag'


class Injection(str, Enum):
    """How every block takes in the step's action (paper, sec. 3 and the ablation of it)."""

    NONE = 'none'
    ADD = 'mlp'
    CROSS_ATTENTION = 'cross_attention'
    MODULATE = 'modulate'


@dataclass(frozen=True)
class Joints:
    """
    What a keypoint action head knows of an embodiment's joints.

    :param names: measured joints that it reads.
    :param mean: per joint, rad or m.
    :param std: likewise, positive.
    :param motion: what a chunk does to the joints, see
        :data:`~hma_ros.core.embodiment.stem_spec.JOINT_MOTIONS`.
    :param move_mean: per action dimension, of what the expert advised; with ``last``, of how far
        that is from the joints.
    :param move_std: likewise, positive.
    :param state_size: privileged numbers the auxiliary output predicts in training, 0 for none.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    motion: str
    move_mean: tuple[float, ...]
    move_std: tuple[float, ...]
    state_size: int = 0


@dataclass(frozen=True)
class Anchor:
    """
    The anchor of an embodiment: the commanded coordinates after a chunk.

    :param names: of the commanded coordinates.
    :param mean: per coordinate, rad or m.
    :param std: likewise, positive.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Domain(StemFacts):
    """
    An embodiment as the network sees it: its stem and its action head.

    ``name`` is that of their parameters in the checkpoint.

    :param joints: of a model with keypoint action heads.
    :param anchor: of a model with anchors; None where the data set does not tell it.
    """

    joints: Joints | None = None
    anchor: Anchor | None = None


@dataclass(frozen=True)
class Diffusion:
    """
    What the continuous kind has beside the trunk.

    :param patch: latent pixels that a token spans in each direction.
    :param latent_channels: of a latent pixel.
    :param width: of the denoiser.
    :param blocks: of the denoiser.
    :param steps: denoising steps when sampling as published.
    :param mask_steps: masked passes per frame when sampling as published.
    """

    patch: int
    latent_channels: int
    width: int
    blocks: int
    steps: int
    mask_steps: int


@dataclass(frozen=True)
class HmaConfig:
    """
    One HMA.

    :param layers: blocks of the trunk.
    :param heads: attention heads.
    :param width: channels of a token (upstream: d_model).
    :param window: steps that a step attends to, itself included (upstream: T).
    :param positions: entries of the table of places that belong to the image (upstream: S).
    :param action_tokens: tokens beside the image that carry the action (concatenation).
    :param factors: integers per discrete token.
    :param factor_size: values each integer can take.
    :param concat: whether the action is appended as tokens.
    :param injection: how the blocks take in the action besides.
    :param predict_actions: whether actions are masked and predicted.
    :param mup: maximal-update parametrisation.
    :param qk_norm: normalise queries and keys instead of the inputs of attention and MLP.
    :param action_loss_weight: of the action loss beside the frame loss.
    :param dropped_actions: share of training windows that had no actions at all.
    :param previous_frame: tokens are embedded with the eight around them, and with those of the
        frame before; a learned table of logits favours what was there.
    :param pre_norm: temporal attention and the discrete output have a norm too.
    :param gated_modulation: modulation ends in a linear layer per embodiment; otherwise it only
        shifts and scales.
    :param stem_mask: every stem has a mask embedding of its own.
    :param twin: trained as :mod:`hma_ros.training.twin` does: the trunk is shown, with each frame,
        the action that led there, and the action head decides the one executed from it.
    :param anchor: stems whose domain has one also read the commanded coordinates after each chunk.
    :param domains: action spaces, in the order of the checkpoint.
    :param diffusion: set for the continuous kind.
    :param compat: what it computes where the released code departs from the paper.
    :raises ValueError: sizes do not fit each other.
    """

    layers: int
    heads: int
    width: int
    window: int
    positions: int
    action_tokens: int = 64
    factors: int = 2
    factor_size: int = 512
    concat: bool = True
    injection: Injection = Injection.MODULATE
    predict_actions: bool = True
    mup: bool = False
    qk_norm: bool = False
    qkv_bias: bool = False
    proj_bias: bool = True
    mlp_ratio: float = 4.0
    mlp_bias: bool = True
    action_loss_weight: float = 0.5
    dropped_actions: float = 0.0
    previous_frame: bool = False
    pre_norm: bool = False
    gated_modulation: bool = True
    stem_mask: bool = False
    twin: bool = False
    anchor: bool = False
    domains: tuple[Domain, ...] = ()
    diffusion: Diffusion | None = None
    compat: Compat = Compat.CORRECTED
    time: TimePositions = TimePositions.LEARNED

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f'heads: got {self.heads}, expected a divisor of width {self.width}')
        if self.window < 2:
            raise ValueError(
                f'window: got {self.window}, expected at least 2: a step and one before it'
            )
        if self.diffusion and self.positions % self.diffusion.patch**2:
            raise ValueError(
                f'patch: got {self.diffusion.patch}, expected a side whose square divides the '
                f'{self.positions} positions of a frame'
            )
        if self.action_tokens < 1:
            raise ValueError(f'action_tokens: got {self.action_tokens}, expected at least 1')
        if self.twin and (self.diffusion or self.time is TimePositions.LEARNED):
            raise ValueError(
                'twin: got true, expected false of a continuous model and with learned positions'
            )
        if self.anchor and not self.keypoints:
            raise ValueError(
                'anchor: got true, expected false without keypoints; choose preset small without '
                '--passive'
            )
        if self.time is TimePositions.ROTARY and self.head_width % 2:
            raise ValueError(
                f'heads: got {self.heads}, expected an even head width, not {self.head_width}'
            )

    @property
    def keypoints(self) -> bool:
        """Whether action heads read keypoints in the image, the action tokens, and joints."""
        return self.twin and self.predict_actions

    @property
    def tables(self) -> int:
        """Entries of tables over time: one for each step only with learned positions."""
        return self.window if self.time is TimePositions.LEARNED else 1

    @property
    def head_width(self) -> int:
        """Channels of an attention head."""
        return self.width // self.heads

    @property
    def attention_scale(self) -> float:
        """Factor on queries; 8 / head width makes it that of width 64 (released: mup)."""
        return 8 / self.head_width if self.mup else self.head_width**-0.5

    @property
    def readout_scale(self) -> float:
        """Factor on the input of a readout (released: mup)."""
        return MUP_BASE_WIDTH / self.width if self.mup else 1.0

    @property
    def image_tokens(self) -> int:
        """Tokens of a frame in the sequence."""
        return self.positions // (self.diffusion.patch**2 if self.diffusion else 1)

    @property
    def has_action_tokens(self) -> bool:
        """Whether steps carry action tokens when actions are given: to be told them, or asked."""
        asked = self.predict_actions and self.compat is Compat.CORRECTED
        return self.concat or asked

    @property
    def step_tokens(self) -> int:
        """Tokens of a step when actions are given."""
        return self.image_tokens + (self.action_tokens if self.has_action_tokens else 0)

    @property
    def is_cacheable(self) -> bool:
        """Whether past steps never change: not so in upstream's cross-attention."""
        return not (self.injection is Injection.CROSS_ATTENTION and self.compat is Compat.UPSTREAM)

    @property
    def hides_actions(self) -> bool:
        """
        Whether a masked action is seen nowhere.

        Upstream's blocks see it all the same, and so do the tokens of its continuous kind.
        """
        in_tokens = self.injection is Injection.NONE and self.diffusion is None
        is_trained = in_tokens and self.predict_actions
        return self.compat is Compat.CORRECTED or is_trained

    @property
    def kept_tokens(self) -> int:
        """Keys and values kept of a step and layer; cross-attention keeps the action's too."""
        return self.step_tokens + (self.injection is Injection.CROSS_ATTENTION)

    def domain(self, name: str) -> Domain:
        """Return an action space; raises ConfigError listing those there are."""
        for domain in self.domains:
            if domain.name == name:
                return domain
        known = ', '.join(domain.name for domain in self.domains) or 'none'
        raise ConfigError(f'stem: got {name!r}, expected one of {known}')


PRESETS: dict[str, dict[str, Any]] = {
    # What is shipped: a policy of 64 tokens a frame and a short memory, made for two CPU cores.
    'small': {
        'layers': 6,
        'heads': 4,
        'width': 128,
        'window': 4,
        'positions': 64,
        'action_tokens': 4,
        'factors': 12,
        'factor_size': 8,
        'concat': False,
        'previous_frame': True,
        'pre_norm': True,
        'gated_modulation': False,
        'stem_mask': True,
        'twin': True,
        'time': TimePositions.LAG,
    },
    # The sizes of the paper (table 1), with a context that slides.
    'base': {
        'layers': 32,
        'heads': 8,
        'width': 256,
        'window': 12,
        'positions': 256,
        'factors': 2,
        'factor_size': 512,
        'time': TimePositions.ROTARY,
    },
    'xl': {
        'layers': 32,
        'heads': 16,
        'width': 1024,
        'window': 12,
        'positions': 256,
        'factors': 2,
        'factor_size': 512,
        'time': TimePositions.ROTARY,
    },
}
_LATENTS = Diffusion(patch=2, latent_channels=4, width=1024, blocks=4, steps=100, mask_steps=2)
# Of the continuous kind; the options of the discrete `small` are not among them.
CONTINUOUS_PRESETS: dict[str, dict[str, Any]] = {
    'small': {
        'layers': 6,
        'heads': 4,
        'width': 96,
        'window': 5,
        'positions': 64,
        'action_tokens': 4,
        'time': TimePositions.ROTARY,
        'diffusion': replace(_LATENTS, patch=1, latent_channels=6, width=192, blocks=3),
    },
    'base': {**PRESETS['base'], 'positions': 1024, 'diffusion': _LATENTS},
    'xl': {**PRESETS['xl'], 'positions': 1024, 'diffusion': _LATENTS},
}


def preset(
    name: str, domains: Sequence[Domain], kind: str = 'discrete', **changes: Any
) -> HmaConfig:
    """
    Return a named configuration.

    :param name: of :data:`PRESETS`.
    :param kind: ``discrete`` or ``continuous``.
    :param changes: of single fields.
    :raises ConfigError: unknown name.
    :raises ValueError: sizes do not fit each other.
    """
    if name not in PRESETS:
        raise ConfigError(f'preset: got {name!r}, expected one of {", ".join(PRESETS)}')
    presets = PRESETS if kind == 'discrete' else CONTINUOUS_PRESETS
    return HmaConfig(**{**presets[name], 'domains': tuple(domains), **changes})
