# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle with an int8 decoder too: all else is copied as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from hma_ros.core.file_hash import sha256
from hma_ros.export.bundle import CODEC_TOLERANCES
from hma_ros.export.int8_decoder import read_frames, write_int8_decoder
from hma_ros.export.replace import replacing
from hma_ros.runtime.manifest import INT8_DECODER, Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts


def add_int8_decoder(source: Path, folder: Path, images: Path) -> None:
    """
    Write a bundle like another, with an int8 decoder; that of the other is replaced.

    :param source: a bundle.
    :param folder: of the new one; may be the same.
    :param images: folder of images to calibrate and check the decoder on.
    :raises ConfigError: no frame tokenizer, or images that cannot be used.
    :raises BundleError: the source was changed, or the decoder is out of tolerance.
    """
    manifest, facts = Manifest.read(source), read_facts(source)
    given, tolerated = manifest.frames, CODEC_TOLERANCES
    frames = read_frames(images, given.image_size if given else None)
    levels = manifest.factor_size if given and given.tokenizer == 'levels' else 0
    manifest.verify()
    name = f'{INT8_DECODER}.onnx'
    with replacing(folder) as partial:
        for file in manifest.files:
            shutil.copy2(source / file, partial / file)
        found = write_int8_decoder(partial, frames, levels, tolerated[INT8_DECODER])
        parity = {INT8_DECODER: found.as_facts(tolerated[INT8_DECODER])}
        facts['codec_parity'] = {**facts.get('codec_parity', {}), **parity}
        facts['files'] = {**facts['files'], name: sha256(partial / name)}
        write_facts(partial, facts)
