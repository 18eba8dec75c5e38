# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Where graphs run: CPU, CUDA or TensorRT.

onnxruntime lists a provider that was compiled in, whether or not it works here, and falls back to
the CPU when it does not. So what a session says it uses is compared with what was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import PRECISIONS, PROVIDERS, TOKENIZER_PRECISIONS

NAMES = {
    'cpu': 'CPUExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'tensorrt': 'TensorrtExecutionProvider',
}
# Not onnxruntime, but torch with CUDA graphs.
TORCH = 'torch-cuda'

Provider = tuple[str, dict[str, str]]

_JETSON_INDEX = 'https://pypi.jetson-ai-lab.io/jp6/cu126'
_REMEDY = (
    "pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]' (Jetson with JetPack 6: "
    f'pip install onnxruntime-gpu --index-url {_JETSON_INDEX}; TensorRT needs libnvinfer.so.10 '
    'too); or take provider cpu (on a robot also allow_cpu:=true)'
)


@dataclass(frozen=True)
class Execution:
    """
    How to run the graphs of a bundle.

    :param provider: one of :data:`hma_ros.core.settings.PROVIDERS`; ``auto`` is CUDA where
        onnxruntime was built for it, otherwise the CPU.
    :param device_id: of the GPU, as CUDA counts them.
    :param precision: one of :data:`hma_ros.core.settings.PRECISIONS`, that of the bundle; for
        ``fp16`` alone TensorRT may use half precision.
    :param tokenizer_precision: one of :data:`hma_ros.core.settings.TOKENIZER_PRECISIONS`, that of
        the frame tokenizer.
    :param threads: of each graph on the CPU.
    :param engine_cache: folder of TensorRT engines; None for one in the user's cache.
    :param allow_cpu: run on the CPU rather than fail when the provider does not work.
    :param spin: let threads of the CPU wait busily for each other: passes take a sixth less, and
        the cores are taken while they run. Compiled layers do so for a moment at most.
    :param max_size: TensorRT engines take sizes of 1 to this wherever a graph leaves them open
        (batch, steps at once).
    :raises ConfigError: a value is out of range.
    """

    provider: str = 'auto'
    device_id: int = 0
    precision: str = 'fp32'
    tokenizer_precision: str = 'fp32'
    threads: int = 2
    engine_cache: Path | None = None
    allow_cpu: bool = False
    spin: bool = False
    max_size: int = 1

    def __post_init__(self) -> None:
        _check_choice('provider', self.provider, PROVIDERS)
        _check_choice('precision', self.precision, PRECISIONS)
        _check_choice('tokenizer_precision', self.tokenizer_precision, TOKENIZER_PRECISIONS)
        for name, least in (('device_id', 0), ('threads', 1), ('max_size', 1)):
            if (value := getattr(self, name)) < least:
                raise ConfigError(f'{name}: got {value}, expected at least {least}')

    def without_tensorrt(self) -> Execution:
        """Return the same with CUDA in the place of TensorRT."""
        return replace(self, provider='cuda') if self.provider == 'tensorrt' else self


def choose(execution: Execution, available: Sequence[str]) -> str:
    """
    Decide which provider to ask for.

    :param available: as onnxruntime lists them: what it was compiled with.
    :returns: ``cpu``, ``cuda`` or ``tensorrt``; where torch runs the model, the best of what is
        there for the graphs that remain.
    :raises ConfigError: onnxruntime was not built for it, and the CPU is not allowed.
    """
    asked = execution.provider
    if asked in ('auto', TORCH):
        return 'cuda' if NAMES['cuda'] in available else 'cpu'
    if NAMES[asked] in available:
        return asked
    if execution.allow_cpu:
        return 'cpu'
    there = ', '.join(name for name in NAMES if NAMES[name] in available)
    raise ConfigError(
        f'provider: got {asked}, expected one that onnxruntime has ({there}): {_REMEDY}'
    )


def check_used(asked: str, used: Sequence[str]) -> None:
    """
    Compare what was asked with what a session says it uses.

    :param asked: as :func:`choose` returns.
    :param used: ``session.get_providers()``, in order of priority.
    :raises ConfigError: it fell back.
    """
    if not used or used[0] != NAMES[asked]:
        raise ConfigError(
            f'provider: got {", ".join(used) or "none"}, expected {asked}: the provider is '
            f'installed but does not work here, its libraries or the GPU are missing: {_REMEDY}'
        )


def cuda_options(execution: Execution) -> Provider:
    """Options of the CUDA provider."""
    return NAMES['cuda'], {
        'device_id': str(execution.device_id),
        # A Jetson shares its memory with the CPU: take what is needed, not the next power of two.
        'arena_extend_strategy': 'kSameAsRequested',
        # TensorFloat-32 keeps ten bits of the mantissa: that is not float32.
        'use_tf32': '0',
    }


def tensorrt_options(execution: Execution, folder: Path, profile: dict[str, str]) -> Provider:
    """
    Options of the TensorRT provider.

    :param folder: of this graph's engines, see :mod:`hma_ros.runtime.engine_cache`.
    :param profile: range of shapes, as the provider's options name it.
    """
    half = execution.precision == 'fp16'
    return NAMES['tensorrt'], {
        'device_id': str(execution.device_id),
        'trt_fp16_enable': str(half),
        'trt_layer_norm_fp32_fallback': str(half),
        'trt_engine_cache_enable': 'True',
        'trt_engine_cache_path': str(folder),
        'trt_timing_cache_enable': 'True',
        # Beside the engines' folders: what was timed for one graph counts for the next.
        'trt_timing_cache_path': str(folder.parent),
        **profile,
    }


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ConfigError(f'{name}: got {value!r}, expected one of {", ".join(choices)}')
