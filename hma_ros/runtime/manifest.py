# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The manifest of a bundle: what is in it, what it was trained on, and hashes of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hma_ros.core.errors import BundleError
from hma_ros.core.short_text import first_few, shortened
from hma_ros.core.stem_spec import StemSpec, read_stem
from hma_ros.runtime.manifest_file import FILE_NAME, check_facts, check_files, read_facts


@dataclass(frozen=True)
class Manifest:
    """
    Facts of a bundle; they live here and nowhere else.

    :param folder: where the bundle lies.
    :param stems: by stem name.
    :param image_size: height and width of a frame, pixels.
    :param image_tokens: tokens of a frame.
    :param factors: integers per token.
    :param levels: values each integer can take.
    :param layers: trunk blocks.
    :param row_tokens: tokens of a row.
    :param heads: attention heads.
    :param head_width: channels of a head.
    :param window: rows a row attends to, itself included.
    :param mask_steps: masked passes per imagined frame.
    :param max_horizon: most rows to imagine at once.
    :param files: SHA-256 by file name.
    :param parity: what the export proved, see :mod:`hma_ros.export`.
    :param precision: of the arithmetic in its graphs, ``fp32`` or ``fp16``.
    """

    folder: Path
    stems: Mapping[str, StemSpec]
    image_size: int
    image_tokens: int
    factors: int
    levels: int
    layers: int
    row_tokens: int
    heads: int
    head_width: int
    window: int
    mask_steps: int
    max_horizon: int
    files: Mapping[str, str]
    parity: Mapping[str, float]
    precision: str = 'fp32'

    @staticmethod
    def read(folder: str | Path) -> Manifest:
        """
        Read and check the manifest of a bundle; the other files are not touched.

        :raises BundleError: missing, malformed, changed, or of another format.
        """
        folder = Path(folder)
        facts = read_facts(folder)
        try:
            stems = {name: read_stem(stem) for name, stem in facts.pop('stems').items()}
            manifest = Manifest(folder=folder, stems=stems, **facts)
            check_facts(manifest, least=1)
            return manifest
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                f'{folder / FILE_NAME}: got {shortened(repr(error))}, expected the manifest of a '
                'bundle'
            ) from error

    @property
    def robots(self) -> Mapping[str, StemSpec]:
        """The stems that can run on a robot: all of them."""
        return self.stems

    @property
    def policy_refusal(self) -> str:
        """Why it cannot decide what to do: this family always can."""
        return ''

    def stem(self, name: str) -> StemSpec:
        """Return a stem's facts; raises BundleError listing the stems there are."""
        if name not in self.stems:
            raise BundleError(
                f'{self.folder}: got no stem {shortened(name)!r}, expected one of '
                f'{first_few(sorted(self.stems))}; train one from your own episodes with '
                '`hma train`'
            )
        return self.stems[name]

    def verify(self) -> None:
        """
        Compare every file with its hash.

        :raises BundleError: naming the file that is missing or was changed.
        """
        check_files(self.folder, self.files)
