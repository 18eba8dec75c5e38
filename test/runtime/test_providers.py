# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which provider is asked for, and what happens when it is not there or does not work."""

from pathlib import Path

import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.runtime.providers import (
    NAMES,
    Execution,
    check_used,
    choose,
    cuda_options,
    tensorrt_options,
)

CPU, CUDA, TENSORRT = NAMES['cpu'], NAMES['cuda'], NAMES['tensorrt']
# As onnxruntime and onnxruntime-gpu list them.
PLAIN, GPU = ['AzureExecutionProvider', CPU], [TENSORRT, CUDA, CPU]


@pytest.mark.parametrize(
    ('asked', 'available', 'chosen'),
    [
        ('auto', PLAIN, 'cpu'),
        ('auto', GPU, 'cuda'),
        ('cpu', GPU, 'cpu'),
        ('cuda', GPU, 'cuda'),
        ('tensorrt', GPU, 'tensorrt'),
    ],
)
def test_choice(asked, available, chosen):
    assert choose(Execution(provider=asked), available) == chosen


@pytest.mark.parametrize('asked', ['cuda', 'tensorrt'])
def test_missing_provider_names_what_to_install(asked):
    with pytest.raises(
        ConfigError, match=rf'got {asked}, .*has \(cpu\): .*onnxruntime-gpu.*JetPack'
    ):
        choose(Execution(provider=asked), PLAIN)
    assert choose(Execution(provider=asked, allow_cpu=True), PLAIN) == 'cpu'


def test_silent_fall_back_is_noticed():
    with pytest.raises(ConfigError, match='got CPUExecutionProvider, expected cuda: .*allow_cpu'):
        check_used('cuda', [CPU])
    with pytest.raises(ConfigError, match='got CUDAExecutionProvider, CPU.*, expected tensorrt'):
        check_used('tensorrt', [CUDA, CPU])
    check_used('tensorrt', [TENSORRT, CUDA, CPU])
    check_used('cpu', [CPU])


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (
            {'provider': 'gpu'},
            "provider: got 'gpu', expected one of auto, cpu, cuda, tensorrt, torch-cuda",
        ),
        ({'precision': 'fp8'}, "precision: got 'fp8', expected one of fp32, fp16, int8"),
        ({'device_id': -1}, 'device_id: got -1, expected at least 0'),
        ({'threads': 0}, 'threads: got 0, expected at least 1'),
        ({'max_size': 0}, 'max_size: got 0, expected at least 1'),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(ConfigError, match=message):
        Execution(**values)


def test_options_are_texts_that_name_the_device():
    execution = Execution(provider='tensorrt', device_id=1, precision='fp16')
    folder = Path('/cache/gpu/trunk-key')
    name, cuda = cuda_options(execution)
    assert (name, cuda['device_id'], cuda['use_tf32']) == (CUDA, '1', '0')
    name, engine = tensorrt_options(execution, folder, {'trt_profile_min_shapes': 'x:1x2'})
    assert name == TENSORRT
    assert engine['device_id'] == '1'
    assert engine['trt_fp16_enable'] == 'True'
    assert engine['trt_engine_cache_path'] == '/cache/gpu/trunk-key'
    assert engine['trt_timing_cache_path'] == '/cache/gpu'
    assert engine['trt_profile_min_shapes'] == 'x:1x2'
    assert all(isinstance(value, str) for value in {**cuda, **engine}.values())


def test_full_precision_allows_no_half():
    engine = tensorrt_options(Execution(precision='fp32'), Path('/cache'), {})[1]
    assert engine['trt_fp16_enable'] == 'False'
