# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Texts of bounded length, for errors that quote what others wrote."""

import re
import reprlib
from collections.abc import Sequence
from difflib import get_close_matches

# Characters of a text and of a quoted value, and items of a list.
_MOST_CHARACTERS = 300
_QUOTED = 100
_MOST_ITEMS = 5
# From 0 to 1, of a name and a misspelled one.
_SIMILARITY = 0.75
# Looks at the beginning of a value only, however large the rest is.
_REPR = reprlib.Repr()
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = 10
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = _QUOTED

_NUMBER = re.compile(r'\d[\d.]*(?:e[+-]?\d+)?')


def shortened(text: object) -> str:
    """Return a text in one line of at most some hundred characters."""
    line = ' '.join(str(text).split())
    return line if len(line) <= _MOST_CHARACTERS else f'{line[:_MOST_CHARACTERS]}...'


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which gets an s unless there is one: 1 frame, 2 frames."""
    return f'{number} {noun}{"" if number == 1 else "s"}'


def name_expected(name: str, known: Sequence[str]) -> str:
    """Return which name was meant, if one of the known resembles it, else all that there are."""
    similar = get_close_matches(name, known, 1, _SIMILARITY)
    return similar[0] if similar else f'some of {", ".join(known)}'


def numberless(text: str) -> str:
    """Return a text with # for its numbers: those that differ only in them become equal."""
    return _NUMBER.sub('#', text)


def first_few(items: Sequence[str], separator: str = ', ') -> str:
    """Return the first few items, each shortened, and how many more there are."""
    shown = separator.join(shortened(item) for item in items[:_MOST_ITEMS])
    more = len(items) - _MOST_ITEMS
    return shown if more <= 0 else f'{shown}{separator}and {more} more'


def quoted(value: object) -> str:
    """Return how an error shows a value that came from outside: at most a hundred characters."""
    try:
        text = _REPR.repr(value)
    except ValueError:
        return 'an integer of thousands of digits'  # Python refuses to write it out.
    return text if len(text) <= _QUOTED else f'{text[: _QUOTED - 3]}...'
