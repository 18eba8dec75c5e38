# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a model knows of the robot that one of its stems serves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.action_layout import layout_mistake, robot_actions, stem_numbers
from hma_ros.core.embodiment.action_meaning import (
    ActionMeaning,
    Difference,
    meaning_of,
    read_meaning,
)
from hma_ros.core.embodiment.spec import EmbodimentSpec

JOINT_MOTIONS = ('sum', 'last', 'unknown')
ANCHOR_MOTIONS = ('sum', 'last')


@dataclass(frozen=True)
class StemSpec:
    """
    One embodiment that a model can serve.

    :param action_names: one per action dimension.
    :param stride: low-level actions in a chunk.
    :param frame_hz: steps per second.
    :param embodiment: the embodiment whose episodes it was trained on.
    :param trained_on: ``simulation`` or ``robot``.
    :param lower: per action dimension, the least the demonstrations hold, physical units.
    :param upper: likewise, the greatest.
    :param joint_names: measured joints that the policy reads, in this order.
    :param joint_motion: one of :data:`JOINT_MOTIONS`: what a chunk does to these joints: they go
        by its sum, to its last action, or it cannot be told.
    :param layout: what the stem takes, where that is not the action itself, see
        :mod:`~hma_ros.core.embodiment.action_layout`; empty where it is.
    :param anchor: the commanded coordinates after each chunk, as the model reads them,
        rad or m, in the order of the first actions; empty of a model without anchors.
    :param anchor_motion: one of :data:`ANCHOR_MOTIONS`: they go by the sum of a chunk, or to its
        last action.
    :param meaning: of the numbers of an action; None if the robot's file did not describe them:
        the data set had other action names.
    """

    action_names: tuple[str, ...]
    stride: int
    frame_hz: float
    embodiment: str
    trained_on: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    joint_names: tuple[str, ...]
    joint_motion: str
    layout: tuple[str | float, ...] = ()
    anchor: tuple[str, ...] = ()
    anchor_motion: str = 'last'
    meaning: ActionMeaning | None = None

    @property
    def action_dim(self) -> int:
        """Numbers in a low-level action of the robot."""
        return len(self.action_names)

    @property
    def width(self) -> int:
        """Numbers that the stem takes per low-level action."""
        return len(self.layout) or self.action_dim

    @property
    def reads_tool(self) -> bool:
        """Whether the anchor is the measured position of the tool, not joints."""
        return not set(self.anchor) <= set(self.joint_names)

    @property
    def measured_names(self) -> tuple[str, ...]:
        """What the model reads of the robot in each frame: joints, then the tool's position."""
        return self.joint_names + (self.anchor if self.reads_tool else ())

    def anchor_of(self, measured: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pick the anchor ``float32[..., K]`` out of what was measured, ``[..., J]``."""
        names = self.measured_names
        return measured[..., [names.index(name) for name in self.anchor]]

    def anchor_after(
        self, anchor: NDArray[np.float32], chunk: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """
        Tell where a chunk brings the commanded coordinates.

        :param anchor: ``float32[B, K]`` before it, rad or m.
        :param chunk: ``float32[B, stride * width]`` in units of the data set.
        :returns: ``float32[B, K]``.
        """
        steps = self.actions_of(chunk.reshape(len(chunk), self.stride, -1))
        moves = steps[..., : len(self.anchor)]
        after = moves[:, -1] if self.anchor_motion == 'last' else anchor + moves.sum(1)
        return after.astype(np.float32)

    def numbers_of(self, actions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn ``float32[..., action_dim]`` into what the stem takes, ``[..., width]``."""
        return stem_numbers(self.action_names, self.layout, actions) if self.layout else actions

    def actions_of(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn what the stem gives, ``float32[..., width]``, into ``[..., action_dim]``."""
        return robot_actions(self.action_names, self.layout, numbers) if self.layout else numbers

    def differences(self, spec: EmbodimentSpec) -> Iterator[Difference]:
        """Yield where a robot differs from the one that the stem serves: key, its value, ours."""
        # A model that reads no joints does not mind which there are.
        joints = spec.state.joints if self.joint_names else ()
        # One that was trained on this robot's episodes takes its actions as they are.
        layout = spec.action.layout if self.layout else ()
        for key, got, expected in (
            ('action.names', spec.action.names, self.action_names),
            ('action.layout', layout, self.layout),
            ('state.sources joints', joints, self.joint_names),
            ('rates.stride', spec.rates.stride, self.stride),
            ('rates.frame_hz', spec.rates.frame_hz, self.frame_hz),
        ):
            if got != expected:
                yield key, got, expected
        if self.meaning is not None:
            yield from self.meaning.differences(meaning_of(spec))

    def unsaid(self, spec: EmbodimentSpec) -> str:
        """Say what cannot be compared with a robot; empty if all can be."""
        if self.meaning is not None:
            return ''
        of_poses = (key for key in ('rotation', 'delta_frame') if getattr(spec.action, key))
        keys = ', '.join(f'action.{key}' for key in ('semantics', 'units', *of_poses))
        return (
            f'{keys}: not compared, it does not say what its numbers mean; train it again with a '
            "file that has the action names of its data set, or, if it is older than its robot's "
            'file, export or import it again'
        )


def read_stem(facts: Mapping[str, Any]) -> StemSpec:
    """
    Read a stem's facts.

    :raises TypeError: a fact is missing or unknown.
    :raises ValueError: a fact is out of range.
    """
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    values['meaning'] = _meaning(values.get('meaning'), values.get('action_names', ()))
    stem = StemSpec(**values)
    if stem.trained_on not in ('simulation', 'robot'):
        raise ValueError(f'trained_on {stem.trained_on!r}, expected simulation or robot')
    if stem.joint_motion not in JOINT_MOTIONS:
        raise ValueError(f'joint_motion {stem.joint_motion!r}, expected one of {JOINT_MOTIONS}')
    if stem.anchor_motion not in ANCHOR_MOTIONS or len(stem.anchor) > stem.action_dim:
        raise ValueError(
            f'anchor {stem.anchor} by {stem.anchor_motion!r}, expected at most {stem.action_dim} '
            f'coordinates by one of {ANCHOR_MOTIONS}'
        )
    if stem.reads_tool and (set(stem.anchor) & set(stem.joint_names) or len(stem.anchor) != 3):
        raise ValueError(
            f'anchor {stem.anchor}, expected joints of {stem.joint_names}, or the three '
            "coordinates of the tool's position"
        )
    if not len(stem.lower) == len(stem.upper) == stem.action_dim or stem.stride < 1:
        raise ValueError(
            f'stride {stem.stride}, lower {stem.lower} and upper {stem.upper}, expected a stride '
            f'of at least 1 and a bound for each of {stem.action_names}'
        )
    if stem.layout and (mistake := layout_mistake(stem.action_names, stem.layout)):
        raise ValueError(f'layout: got {mistake[0]}, expected {mistake[1]}')
    for name, lower, upper in zip(stem.action_names, stem.lower, stem.upper, strict=True):
        if not -math.inf < lower <= upper < math.inf:
            raise ValueError(
                f'{name}: lower {lower} and upper {upper}, expected finite bounds in this order'
            )
    return stem


def _meaning(facts: Mapping[str, Any] | None, names: tuple[str, ...]) -> ActionMeaning | None:
    if facts is None:
        return None
    if not isinstance(facts, Mapping):
        raise TypeError(f'meaning {facts!r}, expected a mapping')
    meaning = read_meaning(facts)
    if len(meaning.units) != len(names):
        raise ValueError(f'units {meaning.units}, expected one for each of {names}')
    return meaning
