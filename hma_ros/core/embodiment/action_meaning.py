# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the numbers of an action mean: a model and a robot must mean the same by them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hma_ros.core.embodiment.spec import (
    DELTA_FRAMES,
    ROTATIONS,
    SEMANTICS,
    UNITS,
    EmbodimentSpec,
)

# Key, what is there, what is expected.
Difference = tuple[str, object, object]


@dataclass(frozen=True)
class ActionMeaning:
    """
    What an embodiment file says of its numbers, under the keys of the same names.

    :param semantics: of an action.
    :param units: one per action name.
    :param coordinates: that actions command, in their order.
    :param rotation: how an orientation is written; None for actions without one.
    :param delta_frame: the axes of increments of a pose; None for other actions.
    :param model_open: the value for an open gripper; None without a gripper.
    :param model_closed: likewise, for a closed one.
    """

    semantics: str
    units: tuple[str, ...]
    coordinates: tuple[str, ...]
    rotation: str | None
    delta_frame: str | None
    model_open: float | None
    model_closed: float | None

    def differences(self, other: ActionMeaning) -> Iterator[Difference]:
        """
        Yield where another differs, the other's value first.

        Joints may have other names on another robot; the same names in another order are
        another meaning.
        """
        for key in ('semantics', 'rotation', 'delta_frame', 'units'):
            got, expected = getattr(other, key), getattr(self, key)
            if got != expected:
                yield f'action.{key}', got, expected
        if _is_reordered(other.coordinates, self.coordinates):
            yield 'action.coordinates', other.coordinates, self.coordinates
        for key in ('model_open', 'model_closed'):
            got, expected = getattr(other, key), getattr(self, key)
            if got != expected:
                yield f'gripper.{key}', got, expected


def meaning_of(spec: EmbodimentSpec) -> ActionMeaning:
    """Return what the numbers of a robot's actions mean."""
    action, gripper = spec.action, spec.gripper
    return ActionMeaning(
        semantics=action.semantics,
        units=action.units,
        coordinates=action.coordinates,
        rotation=action.rotation,
        delta_frame=action.delta_frame,
        model_open=None if gripper is None else gripper.model_open,
        model_closed=None if gripper is None else gripper.model_closed,
    )


def read_meaning(facts: Mapping[str, Any]) -> ActionMeaning:
    """
    Read what ``dataclasses.asdict`` made of a meaning, and JSON of that.

    :raises TypeError: a fact is missing or unknown.
    :raises ValueError: a fact is none of the known words, or no finite number.
    """
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    meaning = ActionMeaning(**values)
    for name, got, known in (
        ('semantics', [meaning.semantics], SEMANTICS),
        ('rotation', [meaning.rotation], (None, *ROTATIONS)),
        ('delta_frame', [meaning.delta_frame], (None, *DELTA_FRAMES)),
        ('units', meaning.units, UNITS),
    ):
        if strange := [word for word in got if word not in known]:
            raise ValueError(f'{name} {strange[0]!r}, expected one of {known}')
    for name in ('model_open', 'model_closed'):
        number = getattr(meaning, name)
        if number is not None and not math.isfinite(number):
            raise ValueError(f'{name} {number!r}, expected a finite number')
    if strange := [name for name in meaning.coordinates if not isinstance(name, str)]:
        raise ValueError(f'coordinates {strange[0]!r}, expected names')
    return meaning


def _is_reordered(names: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return names != others and sorted(names) == sorted(others)
