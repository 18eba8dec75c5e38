# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How a frame is imagined: passes, steps of the denoiser, chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from hma_ros.core.errors import ConfigError

UNMASKING = ('confident', 'random')
# More passes or steps than any model was trained with.
MOST_STEPS = 1000
MOST_GUIDANCE = 10.0


@dataclass(frozen=True)
class Decoding:
    """
    What may be chosen; None leaves it to the bundle.

    :param mask_steps: masked passes per frame.
    :param denoise_steps: calls of the denoiser per sample, of continuous models.
    :param temperature: of the choice among tokens, 0 for the most likely ones; of continuous
        models, of the noise that steps add.
    :param unmasking: which tokens of a discrete model stay after a pass: those it is surest of
        (``confident``), or any (``random``).
    :param guidance: scale of classifier-free guidance by the actions, 1 (none) to 10; see
        :mod:`hma_ros.runtime.guidance`.
    :raises ConfigError: a value out of range.
    """

    mask_steps: int | None = None
    denoise_steps: int | None = None
    temperature: float | None = None
    unmasking: str | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        for name in ('mask_steps', 'denoise_steps'):
            steps = getattr(self, name)
            if steps is not None and not 1 <= steps <= MOST_STEPS:
                raise ConfigError(f'{name}: got {steps}, expected 1 to {MOST_STEPS}')
        if self.temperature is not None and not 0.0 <= self.temperature < math.inf:
            raise ConfigError(f'temperature: got {self.temperature}, expected 0 or more')
        if self.guidance is not None and not 1.0 <= self.guidance <= MOST_GUIDANCE:
            raise ConfigError(
                f'guidance: got {self.guidance}, expected 1 to {MOST_GUIDANCE:g}; 1 is none'
            )
        if self.unmasking not in (None, *UNMASKING):
            raise ConfigError(
                f'unmasking: got {self.unmasking!r}, expected one of {", ".join(UNMASKING)}'
            )

    @property
    def chosen(self) -> list[str]:
        """Names of what is not left to the bundle."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]

    @property
    def is_guided(self) -> bool:
        """Whether frames are predicted without their actions too."""
        return self.guidance not in (None, 1.0)

    def check_model(self, kind: str, hides_actions: bool) -> None:
        """
        Refuse what a model does not have.

        :param kind: ``discrete`` or ``continuous``.
        :param hides_actions: whether actions were masked in its training, and can be.
        :raises ConfigError: naming the option.
        """
        absent = 'unmasking' if kind == 'continuous' else 'denoise_steps'
        if absent in self.chosen:
            raise ConfigError(
                f'{absent}: got {getattr(self, absent)!r}, expected none for a {kind} model; '
                'leave it out'
            )
        if self.is_guided and not hides_actions:
            raise ConfigError(
                f'guidance: got {self.guidance}, expected 1 for a model that does not support '
                'masked actions (hides_actions: false); leave guidance out: models of `hma train` '
                '(compat corrected) support them, no released checkpoint does'
            )

    def check_passes(self, tokens: int) -> None:
        """
        Refuse more passes than a frame has tokens.

        :raises ConfigError: naming both.
        """
        if self.mask_steps is not None and self.mask_steps > tokens:
            raise ConfigError(
                f'mask_steps: got {self.mask_steps}, expected at most {tokens}, the number of '
                'tokens of a frame; lower mask_steps'
            )

    def completed_by(self, other: Decoding) -> Decoding:
        """Return this, completed by another."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return Decoding(
            **{name: getattr(other, name) if own is None else own for name, own in pairs}
        )
