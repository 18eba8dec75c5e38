# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A ROS parameter file, read before anything starts.

Its values are merged into what the nodes are given, so that `ros2 launch` and `hma run` agree;
left to ROS, a node's full name would win over ``/**`` in one and the order in the other.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import Scalar
from hma_ros.core.short_text import quoted, shortened

Value = Scalar | list[Scalar]
Parameters = dict[str, Value]

_KEY = 'ros__parameters'
# As rcl reads them: one part of a name, any number of parts.
_WILDCARDS = {'*': r'/\w+', '**': r'(?:/\w+)*'}
_LONGEST_BYTES = 1_000_000


class ParameterFile:
    """
    The parameters of a file, by patterns of node names.

    :param path: the file.
    :param namespace: empty, or with a slash in front; names without a slash are relative to it.
    :param nodes: names without namespace of all nodes that there may be.
    :raises ConfigError: no such file, no YAML, not of the form of a parameter file, or none of
        the nodes has one of its names.
    """

    def __init__(self, path: Path, namespace: str, nodes: Collection[str]) -> None:
        self._path, self._namespace = path, namespace
        self._sections = list(self._walk(_load(path), ''))
        if not self._sections:
            raise ConfigError(f'params_file: {path}: got no {_KEY}, expected NODE: {_KEY}: ...')
        for name, _ in self._sections:
            if not any(self._matches(name, node) for node in nodes):
                there = ', '.join(f'{namespace}/{node}' for node in nodes)
                raise ConfigError(
                    f'params_file: {path}: got parameters of node '
                    f'{quoted(name)}, expected one of '
                    f'{there}, or a pattern such as /**'
                )

    def parameters(self, node: str) -> Parameters:
        """Return what the file gives a node; its name wins over patterns, as in ROS."""
        matching = [item for item in self._sections if self._matches(item[0], node)]
        # Sorting keeps the order of the file among equals.
        matching.sort(key=lambda item: '*' not in item[0])
        return {name: value for _, values in matching for name, value in values.items()}

    def _matches(self, pattern: str, node: str) -> bool:
        prefixes = ('',) if pattern.startswith('/') else ('', self._namespace)
        full = f'{self._namespace}/{node}'
        return any(_expression(prefix, pattern).fullmatch(full) for prefix in prefixes)

    def _walk(self, section: Any, name: str) -> Iterator[tuple[str, Parameters]]:
        if not isinstance(section, dict):
            raise ConfigError(
                f'params_file: {self._path}: {shortened(name or "top level")}: got '
                f'{quoted(section)}, expected '
                f'NODE: {_KEY}: ...'
            )
        for key, value in section.items():
            if key == _KEY and name:
                yield name, dict(self._flat(value, name, ''))
            else:
                text = str(key).rstrip('/')
                yield from self._walk(value, f'{name}/{text.lstrip("/")}' if name else text)

    def _flat(self, value: Any, node: str, name: str) -> Iterator[tuple[str, Value]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._flat(inner, node, f'{name}.{key}' if name else str(key))
        elif name and _is_value(value):
            yield name, value
        else:
            raise ConfigError(
                f'params_file: {self._path}: {shortened(node)}: {shortened(name or _KEY)}: '
                f'got {quoted(value)}, expected '
                'true, false, a number, a text, or a list of one of these kinds'
            )


def _expression(prefix: str, pattern: str) -> 're.Pattern[str]':
    parts = [part for part in f'{prefix}/{pattern}'.split('/') if part]
    return re.compile(''.join(_WILDCARDS.get(part, '/' + re.escape(part)) for part in parts))


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return len({type(item) for item in value}) == 1 and all(map(_is_scalar, value))
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _load(path: Path) -> Any:
    # Not a device either, which might never end.
    if not path.is_file():
        what = 'which is no file' if path.exists() else 'which does not exist'
        raise ConfigError(f'params_file: got {str(path)!r}, {what}; expected a YAML file')
    try:
        with path.open(encoding='utf-8') as stream:
            text = stream.read(_LONGEST_BYTES + 1)
        if len(text) > _LONGEST_BYTES:
            raise ConfigError(
                f'params_file: {path}: got a file of more than {_LONGEST_BYTES} characters, '
                'expected parameters'
            )
        # Aliases can make a short text long, and a section contain itself.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ConfigError(f'params_file: {path}: got an alias (*), expected none')
        return yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        detail = shortened(error)
        raise ConfigError(f'params_file: {path}: got {detail}, expected YAML') from error
