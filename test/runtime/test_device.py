# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Reading the GPU, with a driver that is made up."""

import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.runtime.device import Gpu, read_gpu, read_tensorrt_version


class Driver:
    """Answers as libcuda.so.1 does for one GPU."""

    name = b'Orin'
    processors, capability = 16, (8, 7)

    def cuInit(self, flags):
        return 0

    def cuDeviceGet(self, device, index):
        device._obj.value = index
        return 0 if index == 0 else 101

    def cuDeviceGetName(self, name, size, device):
        name.value = self.name
        return 0

    def cuDeviceGetAttribute(self, number, which, device):
        attributes = {16: self.processors, 75: self.capability[0], 76: self.capability[1]}
        number._obj.value = attributes[which]
        return 0


def loads(library):
    def load(name):
        return library

    return load


def missing(name):
    raise OSError(f'{name}: cannot open shared object file')


def test_jetson_is_told_by_its_board(tmp_path):
    board = tmp_path / 'model'
    board.write_bytes(b'NVIDIA Jetson AGX Orin Developer Kit\0')
    found = read_gpu(0, loads(Driver()), board)
    assert found == Gpu('NVIDIA Jetson AGX Orin Developer Kit Orin', '8.7', 16)


def test_workstation_has_no_board(tmp_path):
    class Workstation(Driver):
        name = b'NVIDIA GeForce RTX 4090'
        processors, capability = 128, (8, 9)

    found = read_gpu(0, loads(Workstation()), tmp_path / 'none')
    assert found == Gpu('NVIDIA GeForce RTX 4090', '8.9', 128)


def test_no_driver():
    with pytest.raises(
        ConfigError, match='got .*, expected the CUDA driver libcuda.so.1; install'
    ):
        read_gpu(0, missing)


def test_no_such_device():
    with pytest.raises(ConfigError, match='device_id: got 3, expected a CUDA device: cuDeviceGet'):
        read_gpu(3, loads(Driver()))


def test_version_is_that_of_the_library():
    class Library:
        def getInferLibVersion(self):
            return 101602

    assert read_tensorrt_version(loads(Library())) == '101602'
    with pytest.raises(ConfigError, match=r'expected TensorRT \(libnvinfer.so.10\)'):
        read_tensorrt_version(missing)
