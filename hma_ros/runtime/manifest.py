# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The manifest of a bundle: what is in it, what it was trained on, and hashes of its files."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import BundleError

FORMAT = 2
FILE_NAME = 'manifest.json'
# Kinds of files that bundles hold: one that is not listed was put there later.
_HELD = ('.onnx', '.json', '.bin', '.safetensors')
JOINT_MOTIONS = ('sum', 'last', 'unknown')


@dataclass(frozen=True)
class StemInfo:
    """
    One embodiment a bundle can serve.

    :param action_names: one per action dimension.
    :param stride: low-level actions in a chunk.
    :param frame_hz: rows per second.
    :param embodiment: the embodiment whose episodes it was trained on.
    :param trained_on: ``simulation`` or ``robot``.
    :param lower: per action dimension, the least the demonstrations hold, physical units.
    :param upper: likewise, the greatest.
    :param joint_names: measured joints that the policy reads, in this order.
    :param joint_motion: one of :data:`JOINT_MOTIONS`: what a chunk does to these joints: they go
        by its sum, to its last action, or it cannot be told.
    """

    action_names: tuple[str, ...]
    stride: int
    frame_hz: float
    embodiment: str
    trained_on: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    joint_names: tuple[str, ...]
    joint_motion: str

    @property
    def action_dim(self) -> int:
        """Numbers in a low-level action."""
        return len(self.action_names)


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
    stems: Mapping[str, StemInfo]
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

        :raises BundleError: missing, malformed, or of another format.
        """
        folder = Path(folder)
        path = folder / FILE_NAME
        if not folder.is_dir():
            raise BundleError(
                f"bundle '{folder}': no such folder, expected one holding {FILE_NAME}"
            )
        try:
            facts: dict[str, Any] = json.loads(path.read_text())
            if (found := facts.pop('format')) != FORMAT:
                raise BundleError(f'{path}: format {found}, expected {FORMAT}')
            if strange := [name for name in facts['files'] if Path(name).name != name]:
                raise BundleError(f'{path}: files {strange[0]!r}, expected plain file names')
            stems = {name: read_stem(stem) for name, stem in facts.pop('stems').items()}
            return Manifest(folder=folder, stems=stems, **facts)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f'{path}: {error!r}; expected the manifest of a bundle') from error

    @property
    def robots(self) -> Mapping[str, StemInfo]:
        """The stems that can run on a robot: all of them."""
        return self.stems

    @property
    def policy_refusal(self) -> str:
        """Why it cannot decide what to do: this family always can."""
        return ''

    def stem(self, name: str) -> StemInfo:
        """Return a stem's facts; raises BundleError listing the stems there are."""
        if name not in self.stems:
            raise BundleError(
                f"{self.folder}: no stem '{name}', expected one of {sorted(self.stems)}; "
                'train one from your own episodes with `hma train`'
            )
        return self.stems[name]

    def verify(self) -> None:
        """
        Compare every file with its hash.

        :raises BundleError: naming the file that is missing or was changed.
        """
        check_files(self.folder, self.files)


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """
    Compare files with their hashes.

    :param files: SHA-256 by name.
    :raises BundleError: naming the file that is missing, was changed, or is of a kind that bundles
        hold and not among them.
    """
    held = {path.name for path in folder.iterdir() if path.suffix in _HELD}
    if strange := sorted(held - set(files) - {FILE_NAME}):
        raise BundleError(f'{folder}: no hash of {strange[0]}, expected it in files')
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f'{path}: missing, expected the file listed in {FILE_NAME}')
        if (found := sha256(path)) != expected:
            raise BundleError(
                f'{path}: sha256 {found[:12]}…, expected {expected[:12]}… as in {FILE_NAME}; '
                'the file was changed after export'
            )


def read_stem(facts: Mapping[str, Any]) -> StemInfo:
    """
    Read a stem's facts.

    :raises TypeError: a fact is missing or unknown.
    :raises ValueError: a fact is out of range.
    """
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    stem = StemInfo(**values)
    if stem.trained_on not in ('simulation', 'robot'):
        raise ValueError(f'trained_on {stem.trained_on!r}, expected simulation or robot')
    if stem.joint_motion not in JOINT_MOTIONS:
        raise ValueError(f'joint_motion {stem.joint_motion!r}, expected one of {JOINT_MOTIONS}')
    if not len(stem.lower) == len(stem.upper) == stem.action_dim or stem.stride < 1:
        raise ValueError(
            f'stride {stem.stride}, lower {stem.lower} and upper {stem.upper}, expected a stride '
            f'of at least 1 and a bound for each of {stem.action_names}'
        )
    for name, lower, upper in zip(stem.action_names, stem.lower, stem.upper, strict=True):
        if not -math.inf < lower <= upper < math.inf:
            raise ValueError(
                f'{name}: lower {lower} and upper {upper}, expected finite bounds in this order'
            )
    return stem


def sha256(path: Path) -> str:
    """Hash a file."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
