# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where folders of episodes lie: ``ROBOT/SPLIT``, and any depth below."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hma_ros.core.errors import ConfigError

SPLITS = ('train', 'val')


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


def _instead(root: Path, embodiment: str, split: str) -> str:
    """Say which episodes there are, and how to make those that are missing."""
    found = {path.relative_to(root).parts[:2] for path in root.glob('*/*/**/metadata.json')}
    others = sorted(name for name, of in found if of == split)
    make = f'`hma generate {embodiment} --out {root / embodiment} --split {split}`'
    if others:
        return (
            f'{root} has some of {", ".join(others)}: name them with --robot of `hma evaluate` '
            f'or --embodiments of `hma train`, or make the others with {make}'
        )
    splits = ', '.join(sorted(of for name, of in found if name == embodiment and of in SPLITS))
    there = f'{root / embodiment} has only {splits}: ' if splits else ''
    return f'{there}make them with {make}'
