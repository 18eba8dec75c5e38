# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Strict reading of one mapping of a YAML file: every key is asked for once, none is left over."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from hma_ros.core.embodiment import bounds
from hma_ros.core.embodiment.parse import parse_mapping
from hma_ros.core.errors import EmbodimentError
from hma_ros.core.short_text import quoted, shortened

# A number with an exponent, which YAML 1.1 takes for one only with a point and a sign.
_EXPONENT = re.compile(r'([-+]?\d{1,20})(\.\d{0,20})?[eE]([-+]?)(\d{1,3})', re.ASCII)
# A slip of a key scores 0.9; open_position and closed_position 0.79.
_ALIKE = 0.85
_WITHIN = f'within +-{bounds.NUMBER:g}'
_POSITIVE = f'a number of {bounds.SMALLEST_POSITIVE:g} to {bounds.NUMBER:g}'
_POSITIVES = f'numbers of {bounds.SMALLEST_POSITIVE:g} to {bounds.NUMBER:g}'


def parse_yaml(text: str, label: str) -> 'Section':
    """
    Parse a YAML text whose top level is a mapping.

    :param text: content of the file.
    :param label: how errors name the file.
    :raises EmbodimentError: as :func:`hma_ros.core.embodiment.parse.parse_mapping`.
    """
    return Section(parse_mapping(text, label), label)


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
        """Raise the error that names file, key, value and expectation."""
        where = f'{self._label}: {self._prefix}{key}'
        raise EmbodimentError(f'{where}: got {shortened(got)}, expected {expected}')

    def done(self) -> None:
        """Refuse the keys nobody asked for."""
        unknown = sorted(str(key) for key in self._data if key not in self._known)
        if unknown:
            known = ', '.join(sorted(self._known))
            expected = f'one of the known keys ({known}); correct or delete it'
            self.fail(shortened(unknown[0]), expected, 'an unknown key')

    def is_null(self, key: str) -> bool:
        """Whether an optional key is absent or null."""
        self._known.add(key)
        return self._data.get(key) is None

    def value(self, key: str, expected: str) -> Any:
        """Return the raw value of a key that must be there."""
        self._known.add(key)
        if key not in self._data:
            self.fail(key, expected, f'nothing (the key is missing{self._like(key)})')
        return self._data[key]

    def _like(self, key: str) -> str:
        """Ask whether a key that nobody asked for yet is meant."""
        others = [str(other) for other in self._data if other not in self._known]
        near = get_close_matches(key, others, 1, _ALIKE)
        return f'; is {quoted(near[0])} meant?' if near else ''

    def string(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self.value(key, 'a text')
        if not isinstance(value, str) or not value.strip():
            self.fail(key, 'a text', quoted(value))
        return value.strip()

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """Return one of the allowed words."""
        expected = f'one of {", ".join(allowed)}'
        value = self.value(key, expected)
        if value not in allowed:
            self.fail(key, expected, quoted(value))
        return str(value)

    def choice_or(self, key: str, allowed: Sequence[str]) -> str:
        """Return one of the allowed words, the first of them where the key is absent or null."""
        return allowed[0] if self.is_null(key) else self.choice(key, allowed)

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.value(key, 'true or false')
        if not isinstance(value, bool):
            self.fail(key, 'true or false', quoted(value))
        return value

    def integer(self, key: str, minimum: int, maximum: int | None = None) -> int:
        """Return an integer of ``minimum`` to ``maximum``."""
        expected = f'an integer >= {minimum}'
        if maximum is not None:
            expected = f'an integer of {minimum} to {maximum}'
        value = self.value(key, expected)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            self.fail(key, expected, quoted(value))
        if maximum is not None and value > maximum:
            self.fail(key, expected, quoted(value))
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self.value(key, 'a number')
        if not _is_number(value):
            self.fail(key, f'a finite number {_WITHIN}', _shown(value))
        return float(value)

    def positive(self, key: str) -> float:
        """Return a finite number above zero."""
        value = self.value(key, 'a number > 0')
        if not _is_number(value) or value < bounds.SMALLEST_POSITIVE:
            self.fail(key, _POSITIVE, _shown(value))
        return float(value)

    def rate_hz(self, key: str) -> float:
        """Return a rate within ``bounds.RATE_HZ``."""
        low, high = bounds.RATE_HZ
        value = self.value(key, f'{low:g} to {high:g} Hz')
        if not _is_number(value) or not low <= value <= high:
            self.fail(key, f'{low:g} to {high:g} Hz', _shown(value))
        return float(value)

    def strings(self, key: str, count: int | None = None, per: str = '') -> tuple[str, ...]:
        """Return a list of distinct texts, ``count`` of them where given."""
        values = self._list(key, 'texts', count, per)
        for value in values:
            if not isinstance(value, str) or not value.strip():
                self.fail(key, 'a list of texts', quoted(value))
        if len(set(values)) != len(values):
            self.fail(key, 'distinct texts', quoted(values))
        return tuple(values)

    def texts_or_numbers(self, key: str) -> tuple[str | float, ...]:
        """Return a list of texts and finite numbers; none where the key is absent or null."""
        if self.is_null(key):
            return ()
        values = self._list(key, 'texts and numbers', None, '')
        for value in values:
            if not isinstance(value, str) and not _is_number(value):
                self.fail(key, f'texts, and finite numbers {_WITHIN}', quoted(value))
        return tuple(value if isinstance(value, str) else float(value) for value in values)

    def words(
        self, key: str, allowed: Sequence[str], count: int | None = None, per: str = ''
    ) -> tuple[str, ...]:
        """Return a list of allowed words, which may repeat."""
        values = self._list(key, 'words', count, per)
        for value in values:
            if value not in allowed:
                self.fail(key, f'words of {", ".join(allowed)}', quoted(value))
        return tuple(values)

    def numbers(self, key: str, count: int, per: str) -> tuple[float, ...]:
        """Return a list of ``count`` finite numbers."""
        values = self._list(key, 'numbers', count, per)
        for value in values:
            if not _is_number(value):
                self.fail(key, f'finite numbers {_WITHIN}', _shown(value))
        return tuple(float(value) for value in values)

    def positives(self, key: str, count: int, per: str) -> tuple[float, ...]:
        """Return a list of ``count`` numbers above zero."""
        values = self.numbers(key, count, per)
        for value in values:
            if value < bounds.SMALLEST_POSITIVE:
                self.fail(key, _POSITIVES, quoted(value))
        return values

    def bounds(self, count: int, per: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return ``lower`` and ``upper``, every lower below its upper."""
        lower, upper = self.numbers('lower', count, per), self.numbers('upper', count, per)
        for index, (low, high) in enumerate(zip(lower, upper, strict=True)):
            if low >= high:
                self.fail(f'lower[{index}]', f'a number below upper[{index}] = {high}', str(low))
        return lower, upper

    def flags(self, key: str) -> tuple[bool | int, ...]:
        """Return a list of booleans and integers."""
        values = self._list(key, 'booleans or integers', None, '')
        for value in values:
            if not isinstance(value, int):
                self.fail(key, 'booleans or integers', quoted(value))
        return tuple(values)

    def booleans(self, key: str, count: int, per: str) -> tuple[bool, ...]:
        """Return a list of ``count`` booleans."""
        values = self._list(key, 'booleans', count, per)
        for value in values:
            if not isinstance(value, bool):
                self.fail(key, 'true or false for each', quoted(value))
        return tuple(values)

    def section(self, key: str) -> 'Section':
        """Return the mapping under a key."""
        value = self.value(key, 'a mapping')
        if not isinstance(value, dict):
            self.fail(key, 'a mapping', quoted(value))
        return Section(value, self._label, f'{self._prefix}{key}.')

    def sections(self, key: str, minimum: int) -> list['Section']:
        """Return the mappings of a list."""
        values = self.value(key, 'a list of mappings')
        if not isinstance(values, list) or len(values) < minimum:
            self.fail(key, f'a list of at least {minimum} mappings', quoted(values))
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                self.fail(f'{key}[{index}]', 'a mapping', quoted(value))
        return [
            Section(value, self._label, f'{self._prefix}{key}[{index}].')
            for index, value in enumerate(values)
        ]

    def _list(self, key: str, kind: str, count: int | None, per: str) -> list[Any]:
        expected = f'{count} {kind} (one per {per})' if count else f'a list of {kind}'
        values = self.value(key, expected)
        if not isinstance(values, list) or not values:
            self.fail(key, expected, quoted(values))
        if count is not None and len(values) != count:
            self.fail(key, expected, str(len(values)))
        return values


def _shown(value: object) -> str:
    """Return how an error shows what is no number; YAML 1.1 reads 1e-3 as a text."""
    match = _EXPONENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return quoted(value)
    digits, part, sign, exponent = match.groups()
    number = f'{digits}{part or ".0"}e{sign or "+"}{exponent}'
    return f'{quoted(value)} (YAML 1.1 reads it as a text: write {number})'


def _is_number(value: object) -> bool:
    # The comparison also refuses nan, and integers that no float can hold.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= bounds.NUMBER
    )
