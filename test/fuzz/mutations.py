# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Valid inputs with a few things changed: more reach the far ends of a parser than noise does."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st


def _deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


# What a file can hold and nobody thinks of.
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 2**31, 2**32 - 1, 2**63, -(2**63), 2**64, 10**30),
    *(10**400, 0.0, -0.0, 0.5, 1e-300, 1e30, 1e308, float('inf'), float('-inf'), float('nan')),
    *(
        '',
        ' ',
        'a',
        'true',
        '0',
        '1e400',
        '\0',
        '\n',
        '..',
        '../..',
        '/',
        '/dev/zero',
        'x' * 3000,
    ),
    *([], {}, [[]], [None], ['a', 'a'], [0] * 1000, {'a': {}}, {'': 0}, _deep(40)),
)
ODD_TEXTS = tuple(value for value in ODD_VALUES if isinstance(value, str))
FLOATS = st.floats() | st.sampled_from([0.0, 1.0, -1.0, 1e-320, 1e308, float('nan')])
TEXTS = st.text(max_size=8) | st.sampled_from(ODD_TEXTS)
_CHANGES = ('replace', 'delete', 'rename', 'repeat', 'nest', 'swap', 'scale', 'replace')
_FACTORS = (-1, 0, 2, 0.5, 1000, 10**18, 1e30)


def values() -> st.SearchStrategy[Any]:
    """Return values of any type that YAML and JSON know."""
    odd = st.sampled_from(ODD_VALUES).map(copy.deepcopy)
    return odd | st.integers() | st.floats() | st.text(max_size=8)


@st.composite
def trees(draw: st.DrawFn, valid: Any) -> Any:
    """Return a tree of mappings and lists with one to three changes."""
    tree = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        if not places:
            break
        container, key = places[draw(st.integers(0, len(places) - 1))]
        _change(draw, container, key, places)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _change(draw: st.DrawFn, container: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    value, change = container[key], draw(st.sampled_from(_CHANGES))
    if change == 'delete':
        del container[key]
    elif change == 'rename' and isinstance(container, dict):
        container[draw(TEXTS)] = container.pop(key)
    elif change == 'repeat' and isinstance(value, list | str):
        container[key] = (value * draw(st.sampled_from([0, 2, 3, 100])))[:1000]
    elif change == 'nest':
        container[key] = [value]
    elif change == 'swap':
        other, place = places[draw(st.integers(0, len(places) - 1))]
        container[key] = copy.deepcopy(other[place])
    elif change == 'scale' and isinstance(value, int | float):
        factor = draw(st.sampled_from(_FACTORS))
        # A number scaled before may be larger than any float.
        container[key] = value * (factor if abs(value) < 1e30 else 2)
    else:
        container[key] = draw(values())


@st.composite
def data(draw: st.DrawFn, valid: bytes) -> bytes:
    """Return bytes with one to four changes: flipped, cut, doubled, overwritten, put in."""
    edited = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(edited)))
        end = min(len(edited), begin + draw(st.sampled_from([1, 2, 4, 8, 64, 1 << 30])))
        change = draw(st.sampled_from(['flip', 'cut', 'double', 'fill', 'put', 'number']))
        if change == 'flip' and begin < len(edited):
            edited[begin] ^= 1 << draw(st.integers(0, 7))
        elif change == 'cut':
            del edited[begin:end]
        elif change == 'double':
            edited[begin:begin] = edited[begin : min(end, begin + 4096)]
        elif change == 'fill':
            size = min(end, begin + 4096) - begin
            edited[begin : begin + size] = bytes([draw(st.sampled_from([0, 255]))]) * size
        elif change == 'put':
            edited[begin:begin] = draw(st.binary(max_size=16))
        else:
            number = draw(st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]))
            edited[begin : begin + 8] = number.to_bytes(8, 'little')
    return bytes(edited)
