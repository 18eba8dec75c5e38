# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the operator said of each imported episode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hma_ros.core.short_text import counted

SUCCEEDED, FAILED = 'succeeded', 'failed'
# The beginning of an attempt that succeeded, up to steps that were dropped.
INTERRUPTED = 'of a success, ended at a gap'
# Of bags: begun and not ended in one that has marks, and those of one that has none.
UNFINISHED, UNMARKED = 'never ended', 'not marked'
# Of other sources, which may not say it.
UNKNOWN = 'result unknown'


def outcomes_of(sources: Iterable[dict[str, Any]]) -> list[str]:
    """
    Return one of the words above for each episode of the sources of a journal.

    A bag that ends too early, and before its first mark, is no demonstration beside bags with
    marks.
    """
    sources = list(sources)
    are_marked = any(source.get('has_marks') for source in sources)
    return [
        _outcome(source, episode, are_marked)
        for source in sources
        for episode in source['episodes']
    ]


def summary(outcomes: Sequence[str]) -> str:
    """Count episodes in words: ``12 episodes (11 succeeded, 1 failed)``."""
    counts = Counter(outcomes)
    words = (SUCCEEDED, INTERRUPTED, FAILED, UNFINISHED, UNMARKED, UNKNOWN)
    parts = ', '.join(f'{counts[word]} {word}' for word in words if counts[word])
    return counted(len(outcomes), 'episode') + (f' ({parts})' if parts else '')


def _outcome(source: dict[str, Any], episode: dict[str, Any], are_marked: bool) -> str:
    if (success := episode.get('success')) is not None:
        return SUCCEEDED if success else FAILED
    if episode.get('goes_on'):
        return INTERRUPTED
    if 'has_marks' not in source:
        return UNKNOWN
    is_cut_off = are_marked and source.get('is_truncated')
    return UNFINISHED if source['has_marks'] or is_cut_off else UNMARKED
