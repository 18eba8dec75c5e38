# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A ROS domain for each test, on this machine only.

The environment is set on import, before anything can start a DDS participant, and child processes
inherit it. A lock keeps parallel processes apart, so that nobody hears the nodes of another. Each
test with a context gets another domain: a node of the test before, still on its way out, would
take a request meant for its namesake and never answer.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from benchmarks.faults.processes import claim_domain
from hma_ros.bringup import loopback_environment
from hma_ros.runtime import compiled


class _Domain:
    """The domain of the present test."""

    def __init__(self) -> None:
        self._number, self._lock = claim_domain()
        self._announce()

    def change(self) -> None:
        """Move to the next free one."""
        former = self._lock
        self._number, self._lock = claim_domain(after=self._number)
        former.close()
        self._announce()

    def release(self) -> None:
        """Leave it to others."""
        self._lock.close()

    def _announce(self) -> None:
        os.environ['ROS_DOMAIN_ID'] = str(self._number)


os.environ.update(loopback_environment(os.environ))
_DOMAIN = _Domain()

_ROOT = Path(__file__).parents[1]
_TRACED = _ROOT / 'build' / 'traced'

# Compiled layers are tested on every processor, also where no build of them would be chosen.
compiled._AUTOMATIC = (*compiled._AUTOMATIC, 'generic')

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile('hma_ros', deadline=None)
settings.load_profile('hma_ros')


def pytest_unconfigure() -> None:
    """Give the domain back."""
    _DOMAIN.release()


@pytest.fixture
def usual_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compute as other processes of the package do, for tests that compare with them."""
    monkeypatch.setattr(compiled, '_AUTOMATIC', compiled._AUTOMATIC[:-1])
    compiled._load.cache_clear()
    yield
    compiled._load.cache_clear()


@pytest.fixture
def ros_context() -> Iterator[object]:
    """Yield an initialised ``rclpy.Context`` of its own, shut down at the end of the test."""
    import rclpy

    _DOMAIN.change()
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    yield context
    rclpy.try_shutdown(context=context)


@pytest.fixture(scope='session')
def write_released() -> Callable[..., Path]:
    """Return a function that writes a checkpoint of the layout that the authors release."""
    return _write_released


def _write_released(model: Any, folder: Path) -> Path:
    """Write ``config.json`` and ``model.safetensors`` as the authors do."""
    from hma_ros.network.strict_loading import save_tensors

    config, domains, parts = model.config, model.config.domains, model.config.diffusion
    facts = {
        'num_layers': config.layers,
        'num_heads': config.heads,
        'd_model': config.width,
        'T': config.window,
        'S': config.positions,
        'image_vocab_size': None if parts else config.factor_size**config.factors,
        'use_mup': config.mup,
        'num_factored_vocabs': config.factors,
        'factored_vocab_size': config.factor_size,
        'qk_norm': config.qk_norm,
        'init_actions': True,
        'action_network': 'concat+modulate',
        'action_token_size': config.action_tokens,
        'jointly_predict_actions': config.predict_actions,
        'action_domains': [domain.name for domain in domains],
        'd_actions': [domain.chunk_size for domain in domains],
        'action_stats': [[domain.mean, domain.std] for domain in domains],
    }
    if parts:
        facts |= {
            'Diffusion': True,
            'patch_size': parts.patch,
            'vae_embed_dim': parts.latent_channels,
            'diffloss_w': parts.width,
            'diffloss_d': parts.blocks,
            'num_sampling_steps': str(parts.steps),
            'maskgit_steps': parts.mask_steps,
        }
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps(facts))
    save_tensors(model.state_dict(), folder / 'model.safetensors')
    return folder


@pytest.fixture(scope='session')
def magvit2_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return Open-MAGVIT2 as published, but narrow: 256 x 256 pixels, 16 x 16 ids of 18 bits."""
    import torch

    from hma_ros.network.magvit2 import Magvit2, Magvit2Config
    from hma_ros.network.strict_loading import save_tensors

    path = tmp_path_factory.mktemp('magvit2') / 'magvit2.safetensors'
    sizes = Magvit2Config(width=32, multipliers=(1, 1, 1, 1, 1), blocks=1)
    torch.manual_seed(0)
    save_tensors(Magvit2(sizes).state_dict(), path)
    return path


@pytest.fixture(scope='session', autouse=True)
def trace_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """
    Trace each kind of module once, which is nearly all of the time that an export takes.

    What `torch.onnx.export` gives is kept by a hash of what it is given: before weights are folded
    by a hash without their values, in ``build/traced`` for later runs of the same code too, and
    after, for all processes of this run. Every export still compares its graphs with its network.
    ``make clean`` has all traced anew. Yields the true exporter.
    """
    torch = sys.modules.get('torch')
    if torch is None:
        yield None  # No test that was collected exports.
        return
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    folder, trace = tmp_path_factory.getbasetemp(), torch.onnx.export
    # The processes of a run have a folder in one of the run.
    traced = (folder.parent if 'PYTEST_XDIST_WORKER' in os.environ else folder) / 'traced'
    of_code = _TRACED / _code_that_traces()
    for kept in (traced, of_code):
        kept.mkdir(parents=True, exist_ok=True)
    for other in {*_TRACED.iterdir()} - {of_code}:
        shutil.rmtree(other, ignore_errors=True)

    def trace_once(module: Any, inputs: Any, **options: Any) -> Any:
        # Given at the end, as it does: before, other values may have the same.
        names = options.pop('input_names'), options.pop('output_names')
        kind = _kind_of(module, inputs, options, names)
        weights = {
            name: tensor.detach().numpy()
            for tensors in (module.named_parameters, module.named_buffers)
            for name, tensor in tensors(remove_duplicate=False)
        }

        def unfolded() -> Any:
            return trace(module, inputs, **options, optimize=False).model_proto

        def folded() -> Any:
            return _folded(_kept(of_code / f'{kind}.onnx', unfolded), weights, names)

        values = hashlib.sha256(kind.encode())
        for array in weights.values():
            values.update(array.tobytes())
        return SimpleNamespace(model_proto=_kept(traced / f'{values.hexdigest()}.onnx', folded))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, 'export', trace_once)
        # The table of operators, which it would build for each graph.
        table = staticmethod(cache(ONNXRegistry.from_torchlib))
        patch.setattr(ONNXRegistry, 'from_torchlib', table)
        yield trace


def _code_that_traces() -> str:
    """Hash the code of networks and exports, and the versions of the packages that trace them."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for package in ('network', 'export', 'runtime', 'core'):
        for path in sorted((_ROOT / 'hma_ros' / package).rglob('*.py')):
            digest.update(path.read_bytes())
    for name in ('torch', 'onnx', 'onnx-ir', 'onnxscript', 'numpy'):
        digest.update(f'{name} {version(name)}'.encode())
    return digest.hexdigest()


def _kept(path: Path, make: Callable[[], Any]) -> Any:
    """Return the graph of a file, which is made where there is none."""
    import onnx

    if not path.exists():
        partial = path.with_suffix(f'.{os.getpid()}')
        onnx.save(make(), partial)
        partial.rename(path)
    return onnx.load(path)


def _folded(model: Any, weights: dict[str, Any], names: tuple[list[str], list[str]]) -> Any:
    """Put weights into a graph, and finish it as `torch.onnx.export` does by itself."""
    import onnx_ir
    from onnx import numpy_helper
    from torch.onnx._internal._lazy_import import onnxscript_apis
    from torch.onnx._internal.exporter import _ir_passes

    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    finished = onnxscript_apis.optimize(onnx_ir.from_proto(model))
    _ir_passes.rename_inputs(finished, names[0])
    _ir_passes.rename_outputs(finished, names[1])
    return onnx_ir.to_proto(finished)


def _kind_of(module: Any, *given: Any) -> str:
    """Hash a module and its settings, and the shapes of its weights and example inputs."""
    plain = [
        (type(part), {name: _kind(value) for name, value in vars(part).items() if name[0] != '_'})
        for part in module.modules()
    ]
    shapes = _kind([*module.named_parameters(), *module.named_buffers()])
    # Where an object lies in memory says nothing.
    text = re.sub(r' at 0x\w+', '', f'{module} {plain} {shapes} {_kind(given)}')
    return hashlib.sha256(text.encode()).hexdigest()


def _kind(value: Any) -> Any:
    """Put shapes and dtypes in the place of tensors, and sizes in that of statistics."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), {
            field.name: _kind(getattr(value, field.name)) for field in fields(value)
        }
    if isinstance(value, dict):
        return {name: _kind(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        # Statistics of actions are buffers of the network.
        is_statistic = value and all(isinstance(each, float) for each in value)
        return len(value) if is_statistic else [_kind(each) for each in value]
    return (value.shape, value.dtype) if hasattr(value, 'dtype') else value


@pytest.fixture(scope='session')
def make_random_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """
    Return a function that makes a bundle of a small random model, once each.

    Of a kind, a precision, whether for a robot, and changes to the model; its stem serves the
    simulated planar robot, its frame tokenizer is ours.
    """
    made: dict[str, Path] = {}

    def make(
        kind: str = 'discrete', precision: str = 'fp32', robot: bool = True, **changes: object
    ) -> Path:
        key = f'{kind} {precision} {robot} {sorted(changes.items())}'
        if key not in made:
            folder = tmp_path_factory.mktemp('random') / 'bundle'
            made[key] = _export_random(folder, kind, precision, robot, changes)
        return made[key]

    return make


def _export_random(
    folder: Path, kind: str, precision: str, robot: bool, changes: dict[str, Any]
) -> Path:
    import torch

    from hma_ros.core.embodiment import load_embodiment
    from hma_ros.export.bundle import BundleOptions, export_bundle
    from hma_ros.export.robot import robot_of
    from hma_ros.network.frames import make_codec
    from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

    sizes = {'width': 8, 'detail_width': 4, 'encoder_blocks': 1, 'decoder_blocks': 1}
    tokens = TokenizerConfig(patch=32, factors=3, levels=4, **sizes)
    spec = load_embodiment('sim_planar')
    model = _random_model(tokens, spec.stem, kind, changes)
    torch.manual_seed(1)
    options = BundleOptions(
        precision=precision,
        codec=make_codec(FrameTokenizer(tokens).eval(), model.config, latent_scale=2.0),
        robots={spec.stem: robot_of(spec)} if robot else {},
        denoise_steps=4,
        checkpoint=True,
    )
    return export_bundle(model, folder, options)


def _random_model(tokens: Any, stem: str, kind: str, changes: dict[str, Any]) -> Any:
    """Build a model with nothing left at zero."""
    import torch

    from hma_ros.network.config import Diffusion, Domain, HmaConfig, TimePositions
    from hma_ros.network.continuous import ContinuousHma
    from hma_ros.network.discrete import DiscreteHma

    parts = Diffusion(2, tokens.factors, width=16, blocks=1, steps=9, mask_steps=2)
    sizes = {
        'layers': 2,
        'heads': 2,
        'width': 16,
        'window': 4,
        'action_tokens': 2,
        'mlp_ratio': 1.0,
    }
    facts = {
        **sizes,
        'positions': tokens.image_tokens,
        'factors': tokens.factors,
        'factor_size': tokens.levels,
        'domains': (Domain(stem, 1, (0.0, 0.0), (0.1, 0.1)),),
        'diffusion': parts if kind == 'continuous' else None,
        'time': TimePositions.ROTARY,
    }
    # Several layers are tested with the unchanged model.
    layers = {} if changes.items() <= facts.items() else {'layers': 1}
    facts = {**facts, **layers, **changes}
    torch.manual_seed(0)
    model = (ContinuousHma if facts['diffusion'] else DiscreteHma)(HmaConfig(**facts))
    for name, parameter in model.named_parameters():
        centre = float('norm' in name and 'weight' in name)
        torch.nn.init.normal_(parameter, centre, 0.5 * parameter.shape[-1] ** -0.5)
    return model.eval().requires_grad_(False)
