# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Read YAML that may be anything, in bounded time and memory."""

import stat
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from hma_ros.core.embodiment import bounds
from hma_ros.core.errors import EmbodimentError
from hma_ros.core.short_text import quoted


def read_text(path: Path, label: str) -> str:
    """
    Read a file that must be a regular one, of at most ``bounds.FILE_BYTES``.

    :param label: how errors name the file.
    :raises EmbodimentError: missing, a folder or a device, too large, or not UTF-8.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise EmbodimentError(
                f'{label}: got a folder, a device or a pipe, expected a regular file'
            )
        with path.open('rb') as file:
            data = file.read(bounds.FILE_BYTES + 1)
        if len(data) > bounds.FILE_BYTES:
            raise EmbodimentError(
                f'{label}: got more than {bounds.FILE_BYTES} bytes, expected an embodiment file'
            )
        return data.decode('utf-8')
    # ValueError: a path with a NUL, or bytes that are no UTF-8.
    except (OSError, ValueError) as error:
        raise EmbodimentError(f'{label}: got {error}, expected a readable UTF-8 file') from error


def parse_mapping(text: str, label: str) -> dict[str, Any]:
    """
    Parse a YAML text whose top level is a mapping; aliases work, and recursive ones do not.

    :param text: content of the file.
    :param label: how errors name the file.
    :raises EmbodimentError: the text is not YAML, repeats a key, is not a mapping, or is nested
        deeper or unfolds to more entries than ``bounds`` allow.
    """
    try:
        loader = _Loader(text, label)
        root = loader.get_single_node()
        _Graph(label).measure(root)
        data = None if root is None else loader.construct_document(root)
    except EmbodimentError:
        raise
    # PyYAML's converters raise whatever happens to them, such as a ValueError for 2026-99-99.
    except Exception as error:
        text = ' '.join(str(error).split())
        raise EmbodimentError(f'{label}: got {text}, expected valid YAML') from error
    if not isinstance(data, dict):
        raise EmbodimentError(f'{label}: got {quoted(data)}, expected a mapping')
    return data


class _Loader(yaml.SafeLoader):
    """Stops at what is nested too deep before it costs time: nesting is slow to scan."""

    def __init__(self, text: str, label: str) -> None:
        super().__init__(text)
        self._label = label
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node one level further down."""
        if self._depth == bounds.DEPTH:
            raise EmbodimentError(
                f'{self._label}: got more than {bounds.DEPTH} levels, expected an embodiment file'
            )
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Graph:
    """Judges the nodes before they become values; a node behind an alias is visited once."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def measure(self, node: yaml.Node | None) -> int:
        """Return how many entries a node unfolds to."""
        if node is None or isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) in self._open:
            raise EmbodimentError(
                f'{self._label}: got an alias inside of what it stands for, expected none'
            )
        if id(node) not in self._sizes:
            self._open.add(id(node))
            self._sizes[id(node)] = 1 + self._measure_parts(node)
            self._open.remove(id(node))
        return self._sizes[id(node)]

    def _measure_parts(self, node: Any) -> int:
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            self._check_keys([key for key, _ in parts])
            parts = [value for _, value in parts]
        size = 0
        for part in parts:
            size += self.measure(part)
            if size > bounds.NODES:
                raise EmbodimentError(
                    f'{self._label}: got more than {bounds.NODES} entries, aliases unfolded, '
                    'expected an embodiment file'
                )
        return size

    def _check_keys(self, keys: list[Any]) -> None:
        """Refuse keys that are no texts, and repeated ones: YAML keeps the last, silently."""
        for key in keys:
            if key.tag not in ('tag:yaml.org,2002:str', 'tag:yaml.org,2002:merge'):
                name = quoted(key.value) if isinstance(key, yaml.ScalarNode) else 'a collection'
                raise EmbodimentError(f'{self._label}: got {name} as a key, expected a text')
        for name, count in Counter(key.value for key in keys).items():
            if count > 1:
                raise EmbodimentError(
                    f'{self._label}: {name}: got the key {count} times, expected it once'
                )
