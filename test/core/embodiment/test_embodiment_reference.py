# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""docs/reference/embodiments.md lists the keys there are, and no others."""

import re
from pathlib import Path
from typing import Any

import yaml

from hma_ros.core.embodiment import available_embodiments, bounds, embodiment_folder, spec

TEXT = (Path(__file__).parents[3] / 'docs' / 'reference' / 'embodiments.md').read_text()

# Optional keys that no shipped file needs.
UNUSED = {
    'camera.yuv_range',
    'limits.start_margin',
    'stops[].heartbeat_s',
}


def keys_of(value: Any, prefix: str = '') -> set[str]:
    """Return the dotted paths of all leaves, list places left out."""
    if isinstance(value, dict):
        return {
            path
            for key, part in value.items()
            for path in {f'{prefix}{key}'} | keys_of(part, f'{prefix}{key}.')
        }
    if isinstance(value, list):
        place = prefix.rstrip('.') + '[].'
        return {path for part in value if isinstance(part, dict) for path in keys_of(part, place)}
    return set()


def test_lists_exactly_the_keys_of_the_files() -> None:
    used = {
        key
        for path in embodiment_folder().glob('*.yaml')
        for key in keys_of(yaml.safe_load(path.read_text()))
    }
    cells = re.findall(r'^\| (`[^|]*) \| [^|]* \| [^|]* \|$', TEXT, re.MULTILINE)
    listed = {key for cell in cells for key in re.findall(r'`([^`]+)`', cell)}
    assert listed == used - {'camera', 'state', 'action', 'rates', 'limits'} | UNUSED


def test_explains_every_word_a_key_may_take() -> None:
    words = (
        *spec.SEMANTICS,
        *spec.ROTATIONS,
        *spec.DELTA_FRAMES,
        *spec.UNITS,
        *spec.TRANSPORTS,
        *spec.ENCODINGS['raw'],
        *spec.ENCODINGS['compressed'],
        *spec.YUV_RANGES,
        *spec.COMMAND_INTERFACES,
        *spec.GRIPPER_INTERFACES,
    )
    assert [word for word in words if f'`{word}`' not in TEXT] == []


def test_names_every_shipped_file() -> None:
    assert [name for name in available_embodiments() if f'| `{name}` |' not in TEXT] == []


def test_states_the_bounds_there_are() -> None:
    low, high = bounds.RATE_HZ
    for text in (
        f'at most {bounds.FILE_BYTES:,} bytes',
        f'at most {bounds.DEPTH} levels and {bounds.NODES:,}\nentries',
        f'| `camera.height`, `camera.width` | 1 | {bounds.IMAGE_SIDE_PX:,} |',
        f'| a rate | {low:g} | {high:,.0f} |',
        f'| `rates.stride` | 1 | {bounds.STRIDE:,} |',
        f'| a number > 0 | {bounds.SMALLEST_POSITIVE:f} | {bounds.NUMBER:,.0f} |',
        f'| any other number | {-bounds.NUMBER:,.0f} | {bounds.NUMBER:,.0f} |',
    ):
        assert text in TEXT
