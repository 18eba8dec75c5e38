# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The checks of ``hma doctor`` that need no robot: versions, files, rendering."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.bringup import Request, bundle_folder, check_request, image_scale
from hma_ros.cli.checks.embodiment import (
    compare_with_manifest,
    describe_embodiment,
    unfit_to_execute,
    warnings_of,
)
from hma_ros.cli.checks.environment import (
    DOMAIN,
    judge_domain,
    judge_logs,
    judge_middleware,
    judge_profile,
)
from hma_ros.cli.checks.finding import Finding, Level, fail, ok, warn
from hma_ros.core.embodiment import EmbodimentSpec, embodiment_path, load_embodiment
from hma_ros.core.errors import HmaError

if TYPE_CHECKING:
    from hma_ros.runtime.manifest import Manifest
    from hma_ros.runtime.providers import Execution

MINIMUM_PYTHON = (3, 10)
MINIMUM_ONNXRUNTIME = (1, 18)


def check_machine() -> list[Finding]:
    """Check what every robot needs of this machine."""
    domain = judge_domain(os.environ.get(DOMAIN, ''))
    profile = judge_profile(os.environ)
    logs = judge_logs(os.environ)
    return [_python(), _onnxruntime(), _compiled(), _rclpy(), profile, domain, logs]


def check_setup(request: Request) -> tuple[list[Finding], EmbodimentSpec | None]:
    """
    Check the embodiment file, the bundle, what runs it, and the simulator if there is one.

    :returns: the findings, and the embodiment when its file is valid.
    """
    spec, finding = _embodiment(request)
    findings = [finding]
    if spec is not None:
        findings += warnings_of(spec, executes=request.mode == 'execute')
        findings += _model(request, spec)
        if request.sim:
            findings.append(_rendering(spec))
    return findings, spec


def _python() -> Finding:
    version = '.'.join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < MINIMUM_PYTHON:
        return fail('python', f'{version}, expected 3.10 or newer', 'use ROS 2 Humble or newer')
    return ok('python', f'{version} ({sys.executable})')


def _onnxruntime() -> Finding:
    remedy = 'rosdep install --from-paths . --ignore-src, or pip install onnxruntime'
    try:
        # Its own word: the distribution may be onnxruntime-gpu.
        version: str = importlib.import_module('onnxruntime').__version__
    except ImportError as error:
        return fail('onnxruntime', f'not importable: {error}', remedy)
    if tuple(int(part) for part in version.split('.')[:2]) < MINIMUM_ONNXRUNTIME:
        return fail('onnxruntime', f'{version}, expected 1.18 or newer', remedy)
    return ok('onnxruntime', version)


def _compiled() -> Finding:
    """Say whether they run; where not, models run all the same, in onnxruntime alone."""
    from hma_ros.runtime.compiled import isa, library, why_not

    text = (
        f'run, built for {isa()}'
        if library()
        else f'not used, onnxruntime runs the graphs: {why_not()}'
    )
    return ok('compiled layers', f'{text} (on the CPU)')


def _rclpy() -> Finding:
    wrong = judge_middleware(os.environ)
    if wrong is not None:
        return wrong
    try:
        importlib.import_module('rclpy')
        importlib.import_module('hma_ros.msg')
    except ImportError as error:
        remedy = 'source the setup.bash of ROS and of the workspace, or run `make setup`'
        return warn('rclpy', f'{error}; the topics are not checked', remedy)
    return ok('rclpy', os.environ.get('ROS_DISTRO', 'importable, with the messages of hma_ros'))


def _embodiment(request: Request) -> tuple[EmbodimentSpec | None, Finding]:
    try:
        check_request(request)
        spec = load_embodiment(embodiment_path(request.robot, request.sim))
    except HmaError as error:
        return None, fail('embodiment', str(error), 'docs/reference/embodiments.md has every key')
    return spec, describe_embodiment(spec)


def _model(request: Request, spec: EmbodimentSpec) -> list[Finding]:
    bundle = _bundle(request, spec)
    if any(finding.level is Level.FAIL for finding in bundle):
        return [*bundle, warn('provider', 'not tried', 'correct the bundle first')]
    return [*bundle, _provider(request)]


def _bundle(request: Request, spec: EmbodimentSpec) -> list[Finding]:
    try:
        from hma_ros.runtime.manifest import Manifest

        manifest = Manifest.read(bundle_folder(request.bundle))
        manifest.verify()
    except (HmaError, ImportError) as error:
        remedy = 'give bundle:=FOLDER; copy or export again what was changed'
        return [fail('bundle', str(error), remedy)]
    found = compare_with_manifest(spec, manifest)
    if any(finding.level is Level.FAIL for finding in found):
        return found
    return [*found, _use(request, spec, manifest)]


def _use(request: Request, spec: EmbodimentSpec, manifest: Manifest) -> Finding:
    """Say what a bundle that fits can be used for."""
    try:
        _open(request, spec)
    except HmaError as error:
        return fail(
            'bundle', str(error), 'export or copy it again, or take another provider or precision'
        )
    for text, remedy in unfit_to_execute(spec, manifest):
        if manifest.policy_refusal or not request.allow_sim_bundle:
            return _unfit_to_execute(request, text, remedy)
    return ok('bundle', f'{bundle_folder(request.bundle)}: opens for stem {spec.stem}')


def _unfit_to_execute(request: Request, text: str, remedy: str) -> Finding:
    """Fail where the nodes would refuse to start, warn where they only would with mode execute."""
    if request.mode == 'execute':
        return fail('bundle', f'{text}: mode execute is refused', remedy)
    return warn('bundle', f'{text}: mode execute would be refused', remedy)


def _open(request: Request, spec: EmbodimentSpec) -> None:
    """Open it as a robot would, but without TensorRT and CUDA: engines take minutes to build."""
    from hma_ros.runtime.providers import TORCH, Execution
    from hma_ros.runtime.world_model import WorldModel

    # Another engine needs other files.
    engine = TORCH if request.provider == TORCH else 'cpu'
    execution = Execution(
        provider=engine,
        tokenizer_precision=request.tokenizer_precision,
        device_id=request.device_id,
        threads=request.threads,
        allow_cpu=True,
    )
    WorldModel(bundle_folder(request.bundle), spec.stem, execution)


def _provider(request: Request) -> Finding:
    """Run a graph: onnxruntime lists providers that it has, working or not."""
    remedy = 'provider:=cpu runs everywhere'
    try:
        from hma_ros.runtime.engine import torch_provider
        from hma_ros.runtime.providers import TORCH, Execution

        execution = Execution(
            provider=request.provider,
            device_id=request.device_id,
            threads=request.threads,
            engine_cache=Path(request.engine_cache) if request.engine_cache else None,
            allow_cpu=request.allow_cpu,
        )
        is_torch = request.provider == TORCH
        found = torch_provider(execution) if is_torch else _run_smallest(request, execution)
    except (HmaError, ImportError) as error:
        return fail('provider', str(error).removeprefix('provider: '), remedy)
    if request.provider not in ('auto', found):
        text = f'got {found}, expected {request.provider}: allow_cpu is set'
        return warn('provider', text, 'leave out allow_cpu to learn what is missing')
    return ok('provider', f'runs on {found}' + ('' if is_torch else f'; {_built_for()}'))


def _run_smallest(request: Request, execution: Execution) -> str:
    """Run the smallest graph as a robot would, and say on what it ran."""
    from hma_ros.runtime.engine_builder import build, graphs_of

    graphs = graphs_of(bundle_folder(request.bundle), execution)
    # A graph that TensorRT does not run says nothing about TensorRT.
    asked = [(path, own) for path, own in graphs if own.provider == execution.provider]
    path, own = min(asked, key=lambda graph: graph[0].stat().st_size)
    return build(path, own).provider


def _built_for() -> str:
    from hma_ros.runtime.providers import NAMES

    available = importlib.import_module('onnxruntime').get_available_providers()
    known = ', '.join(name for name, long_name in NAMES.items() if long_name in available)
    return f'onnxruntime was built for {known}'


def _rendering(spec: EmbodimentSpec) -> Finding:
    remedy = 'apt-get install libegl1 libgl1, and leave MUJOCO_GL unset or egl'
    try:
        from hma_ros.sim import make_task

        task = make_task(spec.name)
        task.reset(0)
        # As the simulated robot will.
        camera, scale = spec.camera, image_scale(spec)
        frame = task.frame(camera.height // scale, camera.width // scale)
        task.close()
    except (HmaError, ImportError) as error:
        return fail('rendering', str(error), remedy)
    if int(frame.max()) == int(frame.min()):
        return fail('rendering', 'the rendered image has one colour only', remedy)
    return ok('rendering', f'MuJoCo renders {frame.shape[1]}x{frame.shape[0]} through EGL')
