# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Strict reading of one mapping of a YAML file: every key is asked for once, none is left over."""

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import yaml

from hma_ros.core.errors import EmbodimentError


def parse_yaml(text: str, label: str) -> 'Section':
    """
    Parse a YAML text whose top level is a mapping.

    :param text: content of the file.
    :param label: how errors name the file.
    :raises EmbodimentError: the text is not YAML, repeats a key, or is not a mapping.
    """
    try:
        data = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise EmbodimentError(f'{label}: expected valid YAML, got: {error}') from error
    _refuse_repeated_keys(root, label)
    if not isinstance(data, dict):
        raise EmbodimentError(f'{label}: expected a mapping, got {data!r}')
    return Section(data, label)


class Section:
    """
    A mapping that is read key by key.

    :param data: the mapping.
    :param label: how errors name the file.
    :param prefix: dotted path of this mapping in the file.
    """

    def __init__(self, data: dict[Any, Any], label: str, prefix: str = '') -> None:
        self._data = data
        self._label = label
        self._prefix = prefix
        self._known: set[str] = set()

    def fail(self, key: str, expected: str, got: str) -> NoReturn:
        """Raise the error that names file, key, expectation and value."""
        where = f'{self._label}: {self._prefix}{key}'
        raise EmbodimentError(f'{where}: expected {expected}, got {got}')

    def done(self) -> None:
        """Refuse the keys nobody asked for."""
        unknown = sorted(str(key) for key in self._data if key not in self._known)
        if unknown:
            known = ', '.join(sorted(self._known))
            self.fail(unknown[0], f'one of the known keys ({known})', 'an unknown key')

    def is_null(self, key: str) -> bool:
        """Whether an optional key is absent or null."""
        self._known.add(key)
        return self._data.get(key) is None

    def value(self, key: str, expected: str) -> Any:
        """Return the raw value of a key that must be there."""
        self._known.add(key)
        if key not in self._data:
            self.fail(key, expected, 'nothing (the key is missing)')
        return self._data[key]

    def string(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self.value(key, 'a text')
        if not isinstance(value, str) or not value.strip():
            self.fail(key, 'a text', repr(value))
        return value.strip()

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """Return one of the allowed words."""
        expected = f'one of {", ".join(allowed)}'
        value = self.value(key, expected)
        if value not in allowed:
            self.fail(key, expected, repr(value))
        return str(value)

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.value(key, 'true or false')
        if not isinstance(value, bool):
            self.fail(key, 'true or false', repr(value))
        return value

    def integer(self, key: str, minimum: int) -> int:
        """Return a whole number of at least ``minimum``."""
        expected = f'a whole number >= {minimum}'
        value = self.value(key, expected)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            self.fail(key, expected, repr(value))
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self.value(key, 'a finite number')
        if not _is_finite_number(value):
            self.fail(key, 'a finite number', repr(value))
        return float(value)

    def positive(self, key: str) -> float:
        """Return a finite number above zero."""
        value = self.value(key, 'a number > 0')
        if not _is_finite_number(value) or value <= 0.0:
            self.fail(key, 'a number > 0', repr(value))
        return float(value)

    def strings(self, key: str, count: int | None = None, per: str = '') -> tuple[str, ...]:
        """Return a list of distinct texts, ``count`` of them where given."""
        values = self._list(key, 'texts', count, per)
        for value in values:
            if not isinstance(value, str) or not value.strip():
                self.fail(key, 'a list of texts', repr(value))
        if len(set(values)) != len(values):
            self.fail(key, 'distinct texts', repr(values))
        return tuple(values)

    def words(
        self, key: str, allowed: Sequence[str], count: int | None = None, per: str = ''
    ) -> tuple[str, ...]:
        """Return a list of allowed words, which may repeat."""
        values = self._list(key, 'words', count, per)
        for value in values:
            if value not in allowed:
                self.fail(key, f'words of {", ".join(allowed)}', repr(value))
        return tuple(values)

    def numbers(self, key: str, count: int, per: str) -> tuple[float, ...]:
        """Return a list of ``count`` finite numbers."""
        values = self._list(key, 'numbers', count, per)
        for value in values:
            if not _is_finite_number(value):
                self.fail(key, 'finite numbers', repr(value))
        return tuple(float(value) for value in values)

    def positives(self, key: str, count: int, per: str) -> tuple[float, ...]:
        """Return a list of ``count`` numbers above zero."""
        values = self.numbers(key, count, per)
        for value in values:
            if value <= 0.0:
                self.fail(key, 'numbers > 0', repr(value))
        return values

    def bounds(self, count: int, per: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return ``lower`` and ``upper``, every lower below its upper."""
        lower, upper = self.numbers('lower', count, per), self.numbers('upper', count, per)
        for index, (low, high) in enumerate(zip(lower, upper, strict=True)):
            if low >= high:
                self.fail(f'lower[{index}]', f'a number below upper[{index}] = {high}', str(low))
        return lower, upper

    def flags(self, key: str) -> tuple[bool | int, ...]:
        """Return a list of booleans and whole numbers."""
        values = self._list(key, 'booleans or whole numbers', None, '')
        for value in values:
            if not isinstance(value, int):
                self.fail(key, 'booleans or whole numbers', repr(value))
        return tuple(values)

    def booleans(self, key: str, count: int, per: str) -> tuple[bool, ...]:
        """Return a list of ``count`` booleans."""
        values = self._list(key, 'booleans', count, per)
        for value in values:
            if not isinstance(value, bool):
                self.fail(key, 'true or false for each', repr(value))
        return tuple(values)

    def section(self, key: str) -> 'Section':
        """Return the mapping under a key."""
        value = self.value(key, 'a mapping')
        if not isinstance(value, dict):
            self.fail(key, 'a mapping', repr(value))
        return Section(value, self._label, f'{self._prefix}{key}.')

    def sections(self, key: str, minimum: int) -> list['Section']:
        """Return the mappings of a list."""
        values = self.value(key, 'a list of mappings')
        if not isinstance(values, list) or len(values) < minimum:
            self.fail(key, f'a list of at least {minimum} mappings', repr(values))
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                self.fail(f'{key}[{index}]', 'a mapping', repr(value))
        return [
            Section(value, self._label, f'{self._prefix}{key}[{index}].')
            for index, value in enumerate(values)
        ]

    def _list(self, key: str, kind: str, count: int | None, per: str) -> list[Any]:
        expected = f'{count} {kind} (one per {per})' if count else f'a list of {kind}'
        values = self.value(key, expected)
        if not isinstance(values, list) or not values:
            self.fail(key, expected, repr(values))
        if count is not None and len(values) != count:
            self.fail(key, expected, str(len(values)))
        return values


def _is_finite_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_repeated_keys(node: yaml.Node | None, label: str) -> None:
    """YAML keeps the last of two equal keys, which hides a mistake."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, value in node.value:
            if keys.count(key.value) > 1:
                raise EmbodimentError(
                    f'{label}: {key.value}: expected the key once, '
                    f'got it {keys.count(key.value)} times'
                )
            _refuse_repeated_keys(value, label)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeated_keys(value, label)
