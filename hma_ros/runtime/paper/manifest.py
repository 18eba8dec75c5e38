# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The manifest of a bundle that holds a model of the paper."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import BundleError
from hma_ros.runtime.manifest import FILE_NAME, check_files

FAMILY = 'paper'
FORMAT = 1
KINDS = ('discrete', 'continuous')
MEANINGS = ('upstream', 'corrected')
TIMES = ('learned', 'rotary')


@dataclass(frozen=True)
class PaperStem:
    """
    One embodiment's action space.

    :param stride: low-level actions in the chunk of a row.
    :param mean: per action dimension, units of the data set.
    :param std: likewise.
    """

    stride: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def chunk_size(self) -> int:
        """Numbers in the chunk of a row."""
        return self.stride * len(self.mean)


@dataclass(frozen=True)
class PaperManifest:
    """
    Facts of a bundle; they live here and nowhere else.

    :param folder: where the bundle lies.
    :param kind: one of :data:`KINDS`.
    :param meaning: one of :data:`MEANINGS`, see ``docs/explanation/model.md``.
    :param time: one of :data:`TIMES`: whether a context ends with the window or slides for ever.
    :param layers: blocks of the trunk.
    :param heads: attention heads.
    :param head_width: channels of a head.
    :param window: rows a row attends to, itself included.
    :param image_tokens: tokens of a frame.
    :param kept_tokens: places of a row of which keys and values are kept.
    :param factors: integers per token of the discrete kind.
    :param factor_size: values each can take.
    :param patch_size: numbers of a token of the continuous kind.
    :param predicts_actions: whether the action heads were trained.
    :param mask_steps: masked passes per frame.
    :param precision: of the arithmetic, ``fp32``, ``fp16`` or ``int8``.
    :param stems: by name.
    :param files: SHA-256 by file name.
    :param parity: what the export proved.
    """

    folder: Path
    kind: str
    meaning: str
    time: str
    layers: int
    heads: int
    head_width: int
    window: int
    image_tokens: int
    kept_tokens: int
    factors: int
    factor_size: int
    patch_size: int
    predicts_actions: bool
    mask_steps: int
    precision: str
    stems: Mapping[str, PaperStem]
    files: Mapping[str, str]
    parity: Mapping[str, float]

    @staticmethod
    def read(folder: str | Path) -> PaperManifest:
        """
        Read the manifest of a bundle; the other files are not touched.

        :raises BundleError: missing, malformed, of another family or format.
        """
        folder = Path(folder)
        path = folder / FILE_NAME
        try:
            facts: dict[str, Any] = json.loads(path.read_text())
            found = facts.pop('family', None), facts.pop('format', None)
            if found != (FAMILY, FORMAT):
                raise BundleError(
                    f'{path}: family and format {found}, expected {(FAMILY, FORMAT)}'
                )
            stems = {name: _stem(stem) for name, stem in facts.pop('stems').items()}
            manifest = PaperManifest(folder=folder, stems=stems, **facts)
            _check(manifest)
            return manifest
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f'{path}: {error!r}; expected the manifest of a bundle') from error

    def stem(self, name: str) -> PaperStem:
        """Return a stem's facts; raises BundleError listing the stems there are."""
        if name not in self.stems:
            raise BundleError(
                f"{self.folder}: no stem '{name}', expected one of {sorted(self.stems)}"
            )
        return self.stems[name]

    def verify(self) -> None:
        """Compare every file with its hash; raises BundleError naming the one that differs."""
        check_files(self.folder, self.files)


def _stem(facts: Mapping[str, Any]) -> PaperStem:
    stem = PaperStem(int(facts['stride']), tuple(facts['mean']), tuple(facts['std']))
    if len(stem.mean) != len(stem.std) or stem.stride < 1:
        raise ValueError(f'{stem}, expected a stride of at least 1 and as many std as mean')
    return stem


def _check(manifest: PaperManifest) -> None:
    for name, choices in (('kind', KINDS), ('meaning', MEANINGS), ('time', TIMES)):
        if (value := getattr(manifest, name)) not in choices:
            raise ValueError(f'{name} {value!r}, expected one of {choices}')
    if strange := [name for name in manifest.files if Path(name).name != name]:
        raise ValueError(f'files {strange[0]!r}, expected plain file names')
