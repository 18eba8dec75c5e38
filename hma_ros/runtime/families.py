# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles come in two families: the small streaming model, and the paper's models."""

from __future__ import annotations

import json
from pathlib import Path

from hma_ros.core.errors import BundleError
from hma_ros.runtime.manifest import FILE_NAME, Manifest, StemInfo
from hma_ros.runtime.paper.manifest import FAMILY, PaperManifest

AnyManifest = Manifest | PaperManifest


def read_manifest(folder: str | Path) -> AnyManifest:
    """
    Read the manifest of a bundle of either family; the other files are not touched.

    :raises BundleError: missing, malformed, of an unknown family or format.
    """
    path = Path(folder) / FILE_NAME
    try:
        family = json.loads(path.read_text()).get('family')
    except (OSError, ValueError, AttributeError):
        # The reader says what is wrong.
        family = None
    if family not in (None, FAMILY):
        raise BundleError(
            f"{path}: family {family!r}, expected '{FAMILY}', or none of a streaming model"
        )
    return PaperManifest.read(folder) if family else Manifest.read(folder)


def robot_stem(manifest: AnyManifest, name: str) -> StemInfo:
    """
    Return what a stem says of the robot it serves.

    :raises BundleError: no such stem, or one that was exported without a robot.
    """
    manifest.stem(name)
    if name not in manifest.robots:
        raise BundleError(
            f"{manifest.folder}: stem '{name}' says nothing of a robot, expected action names, "
            'frame rate and bounds: export it for one (`hma import-checkpoint --embodiment`)'
        )
    return manifest.robots[name]
