# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Opening a graph on a provider; what needs a GPU is played by a session that is made up."""

import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.runtime import graph as module
from hma_ros.runtime.device import Gpu
from hma_ros.runtime.engine import open_graph
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import NAMES, Execution

GPU_BUILD = [NAMES['tensorrt'], NAMES['cuda'], NAMES['cpu']]
Session = onnxruntime.InferenceSession


@pytest.fixture
def asked(monkeypatch):
    """onnxruntime-gpu where CUDA works: records what is asked, and computes on the CPU."""
    record = []

    class OnGpu(Session):
        def __init__(self, path, options, providers, enable_fallback=1):
            self.names = [name for name, _ in providers]
            if self.names != [NAMES['cpu']]:
                record.append((providers, enable_fallback))
            super().__init__(path, options, providers=[NAMES['cpu']])

        def get_providers(self):
            return self.names

    monkeypatch.setattr(onnxruntime, 'InferenceSession', OnGpu)
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: GPU_BUILD)
    monkeypatch.setattr(module, 'read_gpu', lambda device_id: Gpu('Some GPU', '8.9', 128))
    monkeypatch.setattr(module, 'read_tensorrt_version', lambda: '101602')
    return record


@pytest.fixture
def broken_gpu(monkeypatch):
    """onnxruntime-gpu on a machine without CUDA: it warns and goes on with the CPU."""

    def fall_back(path, options, providers, enable_fallback=1):
        return Session(path, options, providers=[NAMES['cpu']])

    monkeypatch.setattr(onnxruntime, 'InferenceSession', fall_back)
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: GPU_BUILD)


def test_cpu_says_what_it_is_and_takes(bundle):
    graph = Graph(bundle / 'decoder.onnx', Execution(provider='cpu', threads=1))
    assert graph.provider == 'cpu'
    assert graph.engines is None
    assert graph.inputs['tokens'].shape[1:] == (64, 12)
    assert graph.outputs['frames'].dtype == np.uint8
    assert set(graph.placed()) == {NAMES['cpu']}
    assert graph.placed()[NAMES['cpu']] > 10


def test_cuda_comes_before_the_cpu_and_never_falls_back(bundle, asked):
    graph = Graph(bundle / 'trunk_franka_pick.onnx', Execution(provider='cuda', device_id=1))
    assert graph.provider == 'cuda'
    ((providers, enable_fallback),) = asked
    assert [name for name, _ in providers] == [NAMES['cuda'], NAMES['cpu']]
    assert providers[0][1]['device_id'] == '1'
    assert not enable_fallback


def test_engine_of_one_step_has_fixed_shapes(bundle, asked, tmp_path):
    execution = Execution(provider='tensorrt', engine_cache=tmp_path)
    graph = Graph(bundle / 'stem_franka_pick.onnx', execution)
    options = asked[0][0][0][1]
    assert options['trt_engine_cache_path'] == str(graph.engines)
    assert graph.engines.is_relative_to(tmp_path / 'Some_GPU_8.9')
    assert not any(name.startswith('trt_profile') for name in options)
    assert graph.inputs['chunk'].shape == (1, 1, 8)


def test_engine_of_many_steps_has_a_profile(bundle, asked, tmp_path):
    execution = Execution(provider='tensorrt', engine_cache=tmp_path, max_size=8)
    graph = Graph(bundle / 'stem_franka_pick.onnx', execution)
    options = asked[0][0][0][1]
    assert options['trt_profile_max_shapes'] == (
        'chunk:8x8x8,known:8x8,index:8,anchor:8x8x3,anchored:8x8'
    )
    assert graph.inputs['chunk'].shape[2:] == (8,)


@pytest.mark.parametrize('provider', ['auto', 'cuda'])
def test_gpu_that_does_not_work_is_an_error(bundle, broken_gpu, provider):
    with pytest.raises(ConfigError, match='got CPUExecutionProvider, expected cuda'):
        Graph(bundle / 'trunk_franka_pick.onnx', Execution(provider=provider))


@pytest.mark.parametrize('provider', ['auto', 'cuda', 'tensorrt'])
def test_cpu_only_where_it_is_allowed(bundle, broken_gpu, provider, tmp_path):
    execution = Execution(provider=provider, allow_cpu=True, engine_cache=tmp_path)
    graph = Graph(bundle / 'stem_franka_pick.onnx', execution)
    assert graph.provider == 'cpu'
    assert graph.engines is None


def test_failing_run_does_not_fall_back(bundle, asked):
    graph = Graph(bundle / 'stem_franka_pick.onnx', Execution(provider='cuda'))
    feeds = {'chunk': np.zeros((1, 1, 3), np.float32), 'known': np.ones((1, 1), bool)}
    with pytest.raises(InferenceError, match='stem_franka_pick.onnx: .*'):
        graph({**feeds, 'index': np.zeros(1, np.int64)})
    assert len(asked) == 1


def test_file_that_is_no_graph(tmp_path):
    path = tmp_path / 'broken.onnx'
    path.write_bytes(b'nothing')
    with pytest.raises(BundleError, match='broken.onnx: .*expected a graph onnxruntime can load'):
        Graph(path, Execution(provider='cpu'))


def test_bundle_says_what_it_runs_on(bundle, asked):
    manifest, execution = Manifest.read(bundle), Execution(provider='cuda')
    assert open_graph(manifest, 'trunk_franka_pick', execution).provider == 'cuda'
    assert len(asked) == 1


def test_onnxruntime_reports_to_nobody() -> None:
    program = 'import hma_ros, os, onnxruntime; print(os.environ["ORT_DISABLE_TELEMETRY"])'
    environment = {name: os.environ[name] for name in os.environ if name[:4] != 'ORT_'}
    command = [sys.executable, '-c', program]
    ended = subprocess.run(
        command, env={**environment, 'HOME': '/proc'}, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ('1\n', '')
