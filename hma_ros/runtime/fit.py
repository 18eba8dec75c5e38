# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Does a bundle fit a robot: the same numbers, at the same rate, from images of the same size?"""

from __future__ import annotations

from collections.abc import Iterator

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import BundleError
from hma_ros.core.short_text import shortened
from hma_ros.runtime.manifest import SIZE_REMEDY, Manifest

_REMEDY = 'correct the file or choose another bundle'


def check_fit(spec: EmbodimentSpec, manifest: Manifest) -> None:
    """
    Compare the embodiment with the stem that shall serve it.

    :raises BundleError: other actions, or another meaning of their numbers, other joints, stride,
        frame rate or image size than the stem was trained on; or no such stem.
    """
    for text, remedy in misfits(spec, manifest):
        raise BundleError(f'{spec.path}: {text}; {remedy}')


def misfits(spec: EmbodimentSpec, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """
    Yield every difference that keeps a bundle from serving an embodiment, and what to do.

    :raises BundleError: no such stem, one without a robot, or no frame tokenizer.
    """
    stem = manifest.robot(spec.stem)
    for key, got, expected in stem.differences(spec):
        yield (
            f'{key}: got {_shown(got)}, expected {_shown(expected)} of the stem {spec.stem!r} in '
            f'{manifest.folder}',
            _REMEDY,
        )
    if difference := manifest.size_difference(spec.camera.resize):
        yield difference, SIZE_REMEDY


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return shortened(list(value))
    return 'none' if value is None else shortened(repr(value))
