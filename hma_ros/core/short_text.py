# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Texts of bounded length, for errors that quote what others wrote."""

from collections.abc import Sequence

# Characters of a quoted text, and items of a list.
_MOST_CHARACTERS = 300
_MOST_ITEMS = 5


def shortened(text: object) -> str:
    """Return a text in one line of at most some hundred characters."""
    line = ' '.join(str(text).split())
    return line if len(line) <= _MOST_CHARACTERS else f'{line[:_MOST_CHARACTERS]}...'


def first_few(items: Sequence[str], separator: str = ', ') -> str:
    """Return the first few items, each shortened, and how many more there are."""
    shown = separator.join(shortened(item) for item in items[:_MOST_ITEMS])
    more = len(items) - _MOST_ITEMS
    return shown if more <= 0 else f'{shown}{separator}and {more} more'
