# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The frame decoder with int8 convolutions, calibrated on images of the robot's camera.

The encoder is not quantized: int8 convolutions would change its tokens (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from hma_ros.core.errors import ConfigError
from hma_ros.core.spread import evenly_spread
from hma_ros.core.vision.image import resize_area
from hma_ros.export.parity import Parity
from hma_ros.export.quiet_logging import without_advice
from hma_ros.runtime.frames import level_values
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import INT8_DECODER
from hma_ros.runtime.providers import Execution

# Every second image calibrates, the others are compared.
_LEAST, _MOST = 2, 16
_ENDINGS = ('.jpeg', '.jpg', '.png')


def read_frames(folder: Path, size: int | None) -> np.ndarray:
    """
    Read images, evenly spread over those of a folder, cut square around the centre.

    :param size: height and width of the frames, pixels; None of a model without a frame tokenizer.
    :returns: ``uint8[N, size, size, 3]`` RGB, at most 16.
    :raises ConfigError: no size, no folder, fewer than two images, or one that cannot be read.
    """
    if size is None:
        raise ConfigError(
            f'--frames {folder}: got a model of tokens alone, expected one with a frame '
            'tokenizer; leave --frames out'
        )
    paths = frame_paths(folder)
    return np.stack(
        [_read_frame(paths[place], size) for place in evenly_spread(len(paths), _MOST)]
    )


def frame_paths(folder: Path) -> list[Path]:
    """Name the images of a folder; raises ConfigError if there are fewer than two."""
    if not folder.is_dir():
        kind = 'a file' if folder.exists() else 'no such folder'
        raise ConfigError(f'--frames {folder}: got {kind}, expected a folder with images')
    found = folder.iterdir()
    paths = sorted(path for path in found if path.suffix.lower() in _ENDINGS)
    if len(paths) < _LEAST:
        raise ConfigError(
            f'--frames {folder}: images: got {len(paths)}, expected a folder with at least '
            f"{_LEAST} ({', '.join(_ENDINGS)}) of the robot's camera; choose another folder"
        )
    return paths


def write_int8_decoder(folder: Path, frames: np.ndarray, levels: int, tolerated: Parity) -> Parity:
    """
    Write `decoder_int8.onnx` beside encoder and decoder.

    :param folder: of the bundle.
    :param frames: ``uint8[N, H, W, 3]`` RGB, at least two.
    :param levels: of a factor, where the decoder takes their values; else 0.
    :param tolerated: of its frames, against those of the decoder.
    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    execution = Execution('cpu', threads=2)
    encode, decode = (Graph(folder / f'{name}.onnx', execution) for name in ('encoder', 'decoder'))
    tokens = [encode({'frames': frame[None]})[0] for frame in frames]
    if levels:
        tokens = [level_values(item, levels) for item in tokens]
    path = folder / f'{INT8_DECODER}.onnx'
    # It advises a step that changes nothing here.
    with without_advice('onnxruntime'):
        quantize_static(
            folder / 'decoder.onnx',
            path,
            _Tokens(tokens[::2]),
            op_types_to_quantize=['Conv'],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={'OpTypesToExcludeOutputQuantization': ['Conv']},
        )
    quantized = Graph(path, execution)
    pairs = [
        (quantized({'tokens': item})[0], decode({'tokens': item})[0]) for item in tokens[1::2]
    ]
    return Parity.of(pairs).check(tolerated, path)


class _Tokens(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Gives one frame after another."""

    def __init__(self, tokens: list[np.ndarray]) -> None:
        self._left: Iterator[np.ndarray] = iter(tokens)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next frame, None at the end."""
        item = next(self._left, None)
        return None if item is None else {'tokens': item}


def _read_frame(path: Path, size: int) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            rgb = np.array(image.convert('RGB'), np.uint8)
    # Pillow raises exceptions of many kinds on a broken image.
    except Exception as error:
        raise ConfigError(
            f'--frames {path}: got {error}, expected an image; replace or remove it'
        ) from error
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_area(rgb[top : top + side, left : left + side], size, size)
