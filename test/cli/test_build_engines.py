# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Building engines, and what the doctor says of providers, on a machine without a GPU."""

import re
import shutil
from pathlib import Path

import onnxruntime
import pytest

from hma_ros.bringup import parse_request
from hma_ros.cli.checks.finding import Level
from hma_ros.cli.checks.machine import check_machine, check_setup
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_path
from hma_ros.runtime.manifest import EDGE_GRAPHS
from hma_ros.runtime.manifest_file import read_facts, write_facts

MODELS = Path(__file__).parents[2] / 'models'
CPU_BUILD = ['CPUExecutionProvider']
GPU_BUILD = ['TensorrtExecutionProvider', 'CUDAExecutionProvider', 'CPUExecutionProvider']


def test_cpu_loads_and_runs_every_graph_and_keeps_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cache = tmp_path / 'engines'
    options = ['--provider', 'cpu', '--engine-cache', str(cache)]
    assert main(['build-engines', 'hma_sim', *options]) == 0
    text = capsys.readouterr().out
    every = sorted((MODELS / 'hma_sim').glob('*.onnx'))
    graphs = [graph for graph in every if not graph.name.startswith(EDGE_GRAPHS)]
    assert all(f'{graph.name}: cpu, ' in text for graph in graphs)
    assert f'{len(graphs)} graphs' in text
    assert 'cpu keeps no engines' in text
    assert not cache.exists()


def test_folder_that_is_no_bundle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / 'manifest.json').write_text('[]')
    assert main(['build-engines', str(tmp_path), '--provider', 'cpu']) == 2
    assert 'expected the manifest of a bundle' in capsys.readouterr().err


def test_tensorrt_that_is_not_there_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: CPU_BUILD)
    assert main(['build-engines', 'hma_sim']) == 2
    text = capsys.readouterr().err
    assert 'provider: got tensorrt, expected one that onnxruntime has (cpu)' in text
    assert 'engines:' not in text


@pytest.mark.parametrize(
    ('values', 'level', 'text'),
    [
        ({}, Level.OK, 'runs on cpu; onnxruntime was built for cpu'),
        ({'provider': 'cpu'}, Level.OK, '^runs on cpu; '),
        ({'provider': 'cuda'}, Level.FAIL, 'got cuda, .*onnxruntime-gpu'),
        ({'provider': 'cuda', 'allow_cpu': 'true'}, Level.WARN, 'got cpu, expected cuda'),
        ({'bundle': 'none_such'}, Level.WARN, 'not tried'),
    ],
)
def test_doctor_tries_the_provider(
    values: dict[str, str], level: Level, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: CPU_BUILD)
    found = finding(values)
    assert found.level is level
    assert re.search(text, found.text)


def test_doctor_does_not_believe_the_list_of_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What onnxruntime-gpu lists on a machine without a GPU."""
    session = onnxruntime.InferenceSession

    def fall_back(path, options, providers, enable_fallback=1):
        return session(path, options, providers=CPU_BUILD)

    monkeypatch.setattr(onnxruntime, 'InferenceSession', fall_back)
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: GPU_BUILD)
    found = finding({})
    assert found.level is Level.FAIL
    assert 'does not work here' in found.text


def test_doctor_says_whether_compiled_layers_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = 'compiled layers'
    monkeypatch.setattr('hma_ros.runtime.compiled.library', lambda: None)
    monkeypatch.setattr('hma_ros.runtime.compiled.why_not', lambda: 'the processor is too old')
    found = next(item for item in check_machine() if item.subject == name)
    assert found.level is Level.OK
    assert 'not used, onnxruntime runs the graphs: the processor is too old' in found.text


def test_doctor_opens_the_bundle(tmp_path: Path) -> None:
    found = finding({}, 'bundle')
    assert found.level is Level.WARN  # trained in simulation
    folder = shutil.copytree(MODELS / 'hma_sim', tmp_path / 'edited')
    write_facts(folder, {**read_facts(folder), 'window': 9})
    found = finding({'bundle': str(folder)}, 'bundle')
    assert found.level is Level.FAIL
    # Said by the compiled layers, or where they do not run by the trunk's graph.
    assert re.search("lag_bias of 4 lags, expected 9|onnx: input 'past", found.text)


def test_doctor_opens_what_the_provider_needs() -> None:
    found = finding({'provider': 'torch-cuda'}, 'bundle')
    assert found.level is Level.FAIL
    assert 'torch' in found.text


def test_doctor_takes_an_embodiment_file(tmp_path: Path) -> None:
    path = shutil.copy(MODELS.parent / 'config/embodiments/franka.yaml', tmp_path / 'franka.yaml')
    found = finding({'robot': str(path)}, 'embodiment')
    assert found.level is Level.OK
    assert str(path) in found.text


def test_doctor_without_a_bundle_looks_at_all_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('hma_ros.cli.checks.topics.check_topics', lambda *_: [])
    assert main(['doctor', 'robot:=planar', 'sim:=true', 'bundle:=nowhere']) == 1
    text = capsys.readouterr().out
    assert 'FAIL bundle: ' in text
    assert ' 1 FAIL' in text


def test_doctor_alone_looks_at_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['doctor']) == 0
    text = capsys.readouterr().out
    assert 'python: ' in text
    assert 'bundle' not in text


def test_the_doctor_renders_as_large_an_image_as_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / 'sim_planar.yaml'
    text = embodiment_path('planar', sim=True).read_text()
    rendered = []
    for side in (256, 240, 4096):
        path.write_text(
            text.replace('width: 256', f'width: {side}')
            .replace('height: 256', f'height: {side}')
            .replace('resize: [128, 128]', 'resize: [240, 240]')
        )
        rendered.append(finding({'robot': str(path), 'sim': 'true'}, 'rendering').text)
    assert '256x256' in rendered[0]
    assert '240x240' in rendered[1]
    assert 'got 2048 x 2048 pixels, expected 1..640' in rendered[2]


def finding(values: dict[str, str], subject: str = 'provider'):
    findings, _ = check_setup(parse_request({'robot': 'franka', **values}))
    return next(item for item in findings if item.subject == subject)
