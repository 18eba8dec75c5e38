# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What GPU there is, asked of the CUDA driver: the same way on a workstation and a Jetson."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError

Loader = Callable[[str], Any]

_DRIVER = 'libcuda.so.1'
_TENSORRT = ('libnvinfer.so.10', 'libnvinfer.so')
_BOARD_MODEL = Path('/proc/device-tree/model')
# CUdevice_attribute of cuda.h.
_PROCESSORS, _MAJOR, _MINOR = 16, 75, 76


@dataclass(frozen=True)
class Gpu:
    """
    A GPU, as far as an engine built for it depends on it.

    :param name: of the GPU, on a Jetson after that of its board: all Orins call theirs ``Orin``.
    :param capability: compute capability, such as ``8.7``.
    :param processors: streaming multiprocessors.
    """

    name: str
    capability: str
    processors: int


def read_gpu(device_id: int, load: Loader = ctypes.CDLL, board: Path = _BOARD_MODEL) -> Gpu:
    """
    Ask the driver, which counts as CUDA does (nvidia-smi ignores ``CUDA_VISIBLE_DEVICES``).

    :param load: opens a shared library.
    :param board: file with the name of the board; missing on a workstation.
    :raises ConfigError: no driver, or no such device.
    """
    try:
        driver = load(_DRIVER)
    except OSError as error:
        raise ConfigError(
            f'provider: got {error}, expected the CUDA driver {_DRIVER}; install the NVIDIA driver'
        ) from error
    device, number, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    _check(driver.cuInit(0), 'cuInit', device_id)
    _check(driver.cuDeviceGet(ctypes.byref(device), device_id), 'cuDeviceGet', device_id)
    _check(driver.cuDeviceGetName(name, len(name), device), 'cuDeviceGetName', device_id)

    def attribute(which: int) -> int:
        status = driver.cuDeviceGetAttribute(ctypes.byref(number), which, device)
        _check(status, 'cuDeviceGetAttribute', device_id)
        return number.value

    return Gpu(
        name=' '.join([*_board_name(board), name.value.decode()]),
        capability=f'{attribute(_MAJOR)}.{attribute(_MINOR)}',
        processors=attribute(_PROCESSORS),
    )


def read_tensorrt_version(load: Loader = ctypes.CDLL) -> str:
    """
    Ask the library that onnxruntime will load.

    :raises ConfigError: there is none.
    """
    for name in _TENSORRT:
        try:
            return str(load(name).getInferLibVersion())
        except OSError as error:
            problem = error
    raise ConfigError(
        f'provider: got {problem}, expected TensorRT ({_TENSORRT[0]}) for tensorrt; install '
        'TensorRT 10 and put its folder into LD_LIBRARY_PATH'
    )


def _check(status: int, call: str, device_id: int) -> None:
    if status:
        raise ConfigError(
            f'device_id: got {device_id}, expected a CUDA device: {call} gives error {status}'
        )


def _board_name(path: Path) -> list[str]:
    """Return the name of a Jetson's board; a Raspberry Pi has such a file too, but no CUDA."""
    try:
        return [path.read_bytes().rstrip(b'\0').decode()]
    except OSError:
        return []
