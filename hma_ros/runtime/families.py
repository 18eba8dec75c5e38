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
    try:
        facts = json.loads((Path(folder) / FILE_NAME).read_text())
        is_paper = facts.get('family') == FAMILY
    except (OSError, ValueError, AttributeError):
        # The reader says what is wrong.
        is_paper = False
    return PaperManifest.read(folder) if is_paper else Manifest.read(folder)


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
