# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where folders of episodes lie: ``ROBOT/SPLIT``, and any depth below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, EmbodimentError
from hma_ros.core.short_text import first_few

SPLITS = ('train', 'val')
# Files of which a data set, episodes and token folders have one.
DATA_FILES = ('meta/info.json', 'meta/hma/import.json', 'metadata.json')


def splits_below(folder: Path, shards: Iterable[Path]) -> dict[str, Path]:
    """Find the splits between a folder and some shards below it: name to folder of each."""
    places = [place for shard in shards for place in (shard, *shard.parents)]
    return {at.name: at for at in places if at.name in SPLITS and folder in at.parents}


def find_shards(root: str | Path, embodiment: str, split: str) -> list[Path]:
    """
    List the episode folders below ``root/embodiment/split``.

    :raises ConfigError: there is none; says of which embodiments there are some.
    """
    base = Path(root) / embodiment / split
    folders = sorted(path.parent for path in base.glob('**/metadata.json'))
    if not folders:
        raise ConfigError(
            f'{base}: got no episodes, expected some; {_instead(Path(root), embodiment, split)}'
        )
    return folders


def is_one_robot(folder: Path) -> bool:
    """Whether a folder is a data set, or episodes of one split of one robot, not several."""
    if any((folder / name).is_file() for name in DATA_FILES):
        return True
    # Beside robots there may be folders of tokens, which have such a file too.
    return folder.resolve().name in SPLITS and any(folder.glob('*/metadata.json'))


def _instead(root: Path, embodiment: str, split: str) -> str:
    """Say which episodes there are, and how to make those that are missing."""
    sets = sorted(str(path.parents[1]) for path in _below(root, 'meta/info.json'))
    also = f'; a data set is given itself, with --data: {first_few(sets)}' if sets else ''
    found = {path.relative_to(root).parts[:2] for path in root.glob('*/*/**/metadata.json')}
    others = sorted(name for name, of in found if of == split)
    make = _how_to_make(root, embodiment, split)
    if others:
        return (
            f'{root} has some of {", ".join(others)}: name them with --robot of `hma evaluate` '
            f'or --embodiments of `hma train`, or {make}{also}'
        )
    splits = ', '.join(sorted(of for name, of in found if name == embodiment and of in SPLITS))
    there = f'{root / embodiment} has only {splits}: ' if splits else ''
    return f'{there}{make}{also}'


def _below(root: Path, name: str) -> Iterator[Path]:
    """Find files in the folders of a folder, and in those of these."""
    for depth in ('*', '*/*', '*/*/*'):
        yield from root.glob(f'{depth}/{name}')


def _how_to_make(root: Path, embodiment: str, split: str) -> str:
    """Name the command that makes episodes of a robot; only simulated ones can be generated."""
    try:
        is_simulated = load_embodiment(embodiment).simulated
    except EmbodimentError:
        is_simulated = False
    if is_simulated:
        place = root / embodiment
        return f'make them with `hma generate {embodiment} --out {place} --split {split}`'
    return (
        'record the robot with `hma record`, import the bags with `hma data import`, and give '
        'that data set with --data'
    )
