# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Token folders of HMA's authors, checked as a whole and joined to one.

Tokens hold no joints and no images, so that they do not become steps of a robot: the result is
again a token folder, which training reads with ``--folders``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hma_ros.core.domains import RATE_HZ
from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import read_json
from hma_ros.core.short_text import quoted
from hma_ros.data.imported_source import ImportedSource, identity
from hma_ros.data.token_folders import TokenFolder

_METADATA, _JOURNAL = 'metadata.json', 'import.json'
# A window needs a step and the next.
_FEWEST = 2


def import_tokens(
    paths: Sequence[Path], out: Path, domain: str | None = None
) -> list[ImportedSource]:
    """
    Write one token folder from the sound episodes of several.

    An episode with a token outside the vocabulary, or a latent or action that is not finite, is
    left out and named in the facts. Nothing is done where the same was imported before.

    :param out: a new folder.
    :param domain: name for the model's stem; None takes that of the first source.
    :raises ConfigError: sources that do not fit together or are given twice, a name whose rate is
        another one, other files in ``out``, or no episode left.
    """
    sources = [TokenFolder.open(path, finite=False) for path in paths]
    name = domain or sources[0].domain
    for source in sources[1:]:
        _check_same(sources[0], source)
    _check_rate(name, sources[0])
    identities = [identity(path) for path in paths]
    for number, known in enumerate(identities):
        if known in identities[:number]:
            raise ConfigError(f'{paths[number]}: got it twice, expected each source once')
    wanted = {'domain': name, 'sources': identities}
    if out.exists():
        return _imported_before(out, wanted)
    part = out.with_name(f'{out.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    (part / 'actions').mkdir(parents=True)
    found = _copy(sources, identities, part)
    if not any(item.episodes for item in found):
        raise ConfigError(f'{found[0].facts["left_out"][0]}; no episode is left')
    _finish(sources[0], found, part, wanted)
    part.rename(out)
    return found


def _copy(
    sources: Sequence[TokenFolder], identities: list[dict[str, Any]], part: Path
) -> list[ImportedSource]:
    found, total = [], 0
    with (
        (part / 'video.bin').open('wb') as video,
        (part / 'actions/actions.bin').open('wb') as actions,
        (part / 'segment_ids.bin').open('wb') as segments,
    ):
        for source, known in zip(sources, identities, strict=True):
            left_out, episodes, steps = [], 0, 0
            for number, frames in enumerate(_episodes(source.segment_ids)):
                if (fault := _fault(source, frames)) is not None:
                    left_out.append(f'{source.path}: episode {number}: {fault}')
                    continue
                length = frames.stop - frames.start
                _append(video, source.video[frames])
                _append(actions, source.actions[frames])
                _append(segments, np.full(length, total, np.int32))
                episodes, steps, total = episodes + 1, steps + length, total + 1
            facts = {'source': known, **_no_topics(), 'left_out': left_out}
            found.append(ImportedSource(str(source.path), episodes, steps, True, facts))
    return found


def _no_topics() -> dict[str, Any]:
    return {'is_truncated': False, 'topics': {}, 'dropped_steps': {}, 'first_drop': None}


def _append(file: BinaryIO, values: np.ndarray) -> None:
    file.write(np.ascontiguousarray(values).tobytes())


def _episodes(segment_ids: np.ndarray) -> Iterator[slice]:
    """Yield the frames of each episode; an id that comes again later is another episode."""
    cuts = np.flatnonzero(np.diff(segment_ids)) + 1
    ends = [*cuts.tolist(), len(segment_ids)]
    yield from (slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True))


def _fault(source: TokenFolder, frames: slice) -> str | None:
    """Return what is wrong with an episode, if anything is."""
    length = frames.stop - frames.start
    if length < _FEWEST * source.stride:
        return f'got {length} frames, expected at least two steps of {source.stride}'
    video, actions = source.video[frames], source.actions[frames]
    if source.vocabulary is not None:
        is_sound = video.reshape(length, -1).max(1) < source.vocabulary
        what = f'a token of at least {source.vocabulary}, the vocabulary'
    else:
        is_sound = np.isfinite(video.reshape(length, -1)).all(1)
        what = 'a latent of nan or inf'
    if not is_sound.all():
        return f'frame {frames.start + int(np.argmin(is_sound))}: got {what}'
    is_finite = np.isfinite(actions).all(1)
    if not is_finite.all():
        step = int(np.argmin(is_finite))
        return f'frame {frames.start + step}: got action {actions[step]}, expected finite numbers'
    return None


def _check_same(first: TokenFolder, other: TokenFolder) -> None:
    for what, of in (
        ('domain', lambda item: item.domain),
        ('hz', lambda item: item.rate_hz),
        ('token_dtype', lambda item: item.video.dtype.name),
        ('size of a frame', lambda item: list(item.video.shape[1:])),
        ('vocab_size', lambda item: item.vocabulary),
        ('action_dim', lambda item: item.actions.shape[1]),
    ):
        if of(other) != of(first):
            raise ConfigError(
                f'{other.path}: {what}: got {quoted(of(other))}, expected {quoted(of(first))} of '
                f'{first.path}; import it to another --out'
            )


def _check_rate(name: str, source: TokenFolder) -> None:
    """Refuse a name for which the table of rates, which readers go by, has another rate."""
    rate_hz = RATE_HZ.get(name, source.rate_hz)
    if rate_hz != source.rate_hz:
        raise ConfigError(
            f'{source.path}: --domain: got {quoted(name)}, which is read at {rate_hz} Hz, '
            f'expected a name of {source.rate_hz} Hz or a new one; choose another --domain'
        )


def _imported_before(out: Path, wanted: dict[str, Any]) -> list[ImportedSource]:
    journal = read_json(out / _JOURNAL) if (out / _JOURNAL).exists() else {}
    if {key: journal.get(key) for key in wanted} != wanted:
        raise ConfigError(
            f'{out}: got other files than an import of these sources, expected a new folder; '
            'choose another --out'
        )
    return [
        ImportedSource(item['path'], item['episodes'], item['steps'], False, item['facts'])
        for item in journal['found']
    ]


def _finish(
    first: TokenFolder, found: list[ImportedSource], part: Path, wanted: dict[str, Any]
) -> None:
    metadata = read_json(first.path / _METADATA)
    steps = sum(item.steps for item in found)
    # The rate that was in effect: under a new name the table of rates no longer tells it.
    metadata |= {'num_images': steps, 'name': wanted['domain'], 'hz': first.rate_hz}
    journal = {
        **wanted,
        'found': [
            {
                'path': item.path,
                'episodes': item.episodes,
                'steps': item.steps,
                'facts': item.facts,
            }
            for item in found
        ],
    }
    for name, content in ((_METADATA, metadata), (_JOURNAL, journal)):
        (part / name).write_text(json.dumps(content, indent=1), encoding='utf-8')
