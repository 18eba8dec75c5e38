# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a bundle says of the robots that it serves."""

from __future__ import annotations

from pathlib import Path

from hma_ros.core.errors import BundleError
from hma_ros.core.short_text import shortened
from hma_ros.core.stem_spec import StemSpec
from hma_ros.runtime.paper.manifest import PaperManifest

SIZE_REMEDY = 'set camera.resize or choose another bundle'


def read_manifest(folder: str | Path) -> PaperManifest:
    """See :meth:`~hma_ros.runtime.paper.manifest.PaperManifest.read`."""
    return PaperManifest.read(folder)


def size_difference(manifest: PaperManifest, resize: tuple[int, int]) -> str:
    """
    Compare the size that a camera is brought to with that of the bundle's frames.

    :param resize: ``camera.resize``, height and width [px].
    :returns: what differs; empty if nothing does.
    :raises BundleError: the bundle has no frame tokenizer, so no size.
    """
    size = [manifest.image_size] * 2
    if list(resize) == size:
        return ''
    name = manifest.folder.resolve().name
    return f'camera.resize: got {list(resize)}, expected {size} (size of bundle {name!r})'


def robot_stem(manifest: PaperManifest, name: str) -> StemSpec:
    """
    Return what a stem says of the robot it serves.

    :raises BundleError: no such stem, or one that was exported without a robot.
    """
    manifest.stem(name)
    if name not in manifest.robots:
        raise BundleError(
            f'{manifest.folder}: stem {shortened(name)!r}: got nothing about a robot, expected '
            'action names, frame rate and bounds; export it for one (`hma import-checkpoint '
            '--embodiment`)'
        )
    return manifest.robots[name]
