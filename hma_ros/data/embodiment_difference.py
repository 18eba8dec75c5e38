# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether two embodiment files make the same data of a recording, and which key differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.short_text import quoted

# Of these keys only what is listed has a part in the data; of the others all has.
_PARTS = {
    'camera': (
        'topic',
        'transport',
        'height',
        'width',
        'crop',
        'resize',
        'max_age_s',
        'yuv_range',
    ),
    'rates': ('frame_hz', 'stride'),
    'gripper': (
        *('joint', 'joint_topic', 'open_position', 'closed_position'),
        *('model_open', 'model_closed', 'threshold', 'hysteresis'),
    ),
    'limits': ('lower', 'upper', 'start_margin', 'continuous', 'orientation'),
    'limits.orientation': ('reference_xyzw',),
}
_WITHOUT = ('path', 'description', 'sources', 'commands', 'stops', 'home', 'action.is_verified')


class Difference(NamedTuple):
    """A key of two embodiment files, and what each says."""

    key: str
    got: Any
    expected: Any

    def __str__(self) -> str:
        """Return it as errors have it."""
        return f'{self.key}: got {quoted(self.got)}, expected {quoted(self.expected)}'


def differences(spec: EmbodimentSpec, first: EmbodimentSpec) -> tuple[list[Difference], list[str]]:
    """
    Compare an embodiment with the one of data that are there.

    Comments, descriptions and the like are no difference.

    :returns: keys that decide the data (topics, names, units, rates, camera, actions, and the
        limits of joints), and the names of others, such as ``limits.velocity``.
    """
    deciding, others = list[Difference](), list[str]()
    for item in _compared('', asdict(spec), asdict(first)):
        if _decides(item.key):
            deciding.append(item)
        elif item.key not in ('path', 'description', 'sources'):
            others.append(item.key)
    return deciding, others


def _compared(prefix: str, got: dict[str, Any], expected: dict[str, Any]) -> Iterator[Difference]:
    for name, value in got.items():
        key, other = f'{prefix}{name}', expected[name]
        if isinstance(value, dict) and isinstance(other, dict) and value.keys() == other.keys():
            yield from _compared(f'{key}.', value, other)
        elif value != other:
            yield Difference(key, value, other)


def _decides(key: str) -> bool:
    if any(key == item or key.startswith(f'{item}.') for item in _WITHOUT):
        return False
    for section, names in _PARTS.items():
        rest = key.removeprefix(f'{section}.')
        if rest != key and rest.split('.')[0] not in names:
            return False
    return True
