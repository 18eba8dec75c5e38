# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether a machine keeps the clock of a model, and which slower clock there is."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import ConfigError
from hma_ros.runtime.manifest import INT8_DECODER, Manifest
from hma_ros.runtime.prediction_loop import LATE_STEPS
from hma_ros.runtime.providers import NAMES, Execution
from hma_ros.runtime.world_model import WorldModel

MOST_DIVISOR = 16


@dataclass(frozen=True)
class Pace:
    """
    What a step takes on this machine, seconds.

    :param observe_s: encode a frame and take it into the context.
    :param act_s: decide what to do; 0 without a policy.
    :param imagine_s: imagine and decode one frame; 0 if none is wanted.
    """

    observe_s: float
    act_s: float
    imagine_s: float

    @property
    def needed_s(self) -> float:
        """Time of a step with one imagined frame."""
        return self.observe_s + self.act_s + self.imagine_s

    def warning(self, interval_s: float, divisor: int, refusal: str, remedy: str) -> str | None:
        """
        Say what is needed and what is there; None if a step fits into its time.

        :param interval_s: time between two steps.
        :param divisor: the present one of the clock.
        :param refusal: why a slower clock cannot be had; empty if it can.
        :param remedy: what else to do, see :func:`remedy`.
        """
        if self.needed_s <= interval_s:
            return None
        slower = max(divisor + 1, math.ceil(self.needed_s / interval_s * divisor))
        offer = (
            f', or set clock_divisor to {slower} in params_file'
            if not refusal and slower <= MOST_DIVISOR
            else ''
        )
        reason = f' (no slower clock: {refusal})' if refusal else ''
        return (
            f'model too slow for its clock: a step needs {self.needed_s:.3f} s (observe '
            f'{self.observe_s:.3f}, act {self.act_s:.3f}, imagine {self.imagine_s:.3f}), there '
            f'are {interval_s:.3f} s: {self._effect(interval_s)}; '
            f'{remedy}{offer}{reason}'
        )

    def _effect(self, interval_s: float) -> str:
        """Say what becomes of the steps; the loop imagines once in LATE_STEPS at the least."""
        free_s = interval_s - self.observe_s - self.act_s
        if self.imagine_s > LATE_STEPS * free_s:
            return 'steps are dropped'
        return f'one step in {math.ceil(self.imagine_s / free_s)} is followed by an imagined frame'


def remedy(
    manifest: Manifest,
    execution: Execution,
    provider: str,
    horizon: int = 0,
    simulated: bool = False,
) -> str:
    """
    Say what would make the model of a bundle faster, is not in use yet, and works here.

    :param provider: in use, e.g. ``cpu``.
    :param horizon: frames to imagine.
    :param simulated: whether the robot is, so that its time can go slower.
    """
    is_cpu, tokenizer = provider == 'cpu', execution.tokenizer_precision
    has_int8 = f'{INT8_DECODER}.onnx' in manifest.files
    gpu = _gpu_provider()
    needs = '' if find_spec('openvino') else ' (pip install openvino)'
    ways = {
        'more threads': is_cpu and execution.threads < (os.cpu_count() or 1),
        'an int8 bundle (hma export --precision int8)': is_cpu and manifest.precision != 'int8',
        f'tokenizer_precision bf16{needs}': is_cpu and tokenizer == 'fp32' and _has_bf16(),
        f'tokenizer_precision int8{needs}': is_cpu and has_int8 and tokenizer != 'int8',
        'a lower horizon': horizon > 1,
        'a real_time_factor below 1': simulated,
        f'provider {gpu}': is_cpu and bool(gpu),
    }
    unused = [way for way, is_left in ways.items() if is_left]
    return f'use {", ".join(unused)}{" or " if unused else ""}a faster machine'


def _gpu_provider() -> str:
    """Name a provider for GPUs that onnxruntime was built with; empty without one."""
    there = onnxruntime.get_available_providers()
    return next((name for name in ('cuda', 'tensorrt') if NAMES[name] in there), '')


def _has_bf16() -> bool:
    """Whether the processor computes in bf16, as far as Linux says."""
    path = Path('/proc/cpuinfo')
    flags = set(path.read_text().split()) if path.exists() else set()
    return bool(flags & {'amx_bf16', 'avx512_bf16'})


def measure(
    model: WorldModel,
    frame: NDArray[np.uint8],
    acts: bool,
    imagines: bool,
    clock: Callable[[], float],
    go_on: Callable[[], None] = lambda: None,
) -> Pace:
    """
    Warm a model up and time a step of the slowest kind; the context is empty afterwards.

    :param frame: ``uint8[H, W, 3]``, any.
    :param acts: whether it is to decide.
    :param imagines: whether it is to imagine.
    :param clock: monotonic seconds.
    :param go_on: called before each step; raises to end the measurement.
    :raises InferenceError: a graph failed.
    """
    still = np.zeros((1, model.stem.stride, model.stem.action_dim), np.float32)
    model.reset()
    for step in range(model.manifest.next_window_at):
        go_on()
        model.observe(frame, still[0] if step else None)
    pace = Pace(0.0, 0.0, 0.0)
    for _ in 'warm-up', 'timed':
        go_on()
        times = [clock()]
        model.observe(frame, still[0] if model.steps else None)
        times.append(clock())
        if acts:
            model.act()
        times.append(clock())
        if imagines:
            model.imagine(still, 1)
        times.append(clock())
        pace = Pace(*(float(spent) for spent in np.diff(times)))
    model.reset()
    return pace


def slower_refusal(spec: EmbodimentSpec, mode: str) -> str:
    """Say why a robot's model cannot have a slower clock; empty if it can."""
    if mode == 'execute':
        return 'a chunk holds the actions of one step of the trained clock, as in mode:=execute'
    if spec.action.is_delta:
        return 'deltas over a longer step leave the range that the model was trained on'
    return ''


def slowed(spec: EmbodimentSpec, divisor: int, mode: str) -> EmbodimentSpec:
    """
    Return an embodiment with every n-th step, and as many actions in it, each n times as long.

    :param divisor: n, from 1 on.
    :raises ConfigError: a slower clock makes no sense here.
    """
    if divisor == 1:
        return spec
    if reason := slower_refusal(spec, mode):
        raise ConfigError(
            f'clock_divisor: got {divisor}, expected 1: {reason}; set clock_divisor to 1'
        )
    return replace(spec, rates=replace(spec.rates, frame_hz=spec.rates.frame_hz / divisor))


def slowed_text(spec: EmbodimentSpec, divisor: int) -> str:
    """Say what a slower clock means; ``spec`` has the trained rates."""
    rates = spec.rates
    return (
        f'clock_divisor: one step in {divisor}: frames {divisor * rates.frame_dt_s:g} s and '
        f'actions {divisor * rates.step_dt_s:g} s apart, trained at {rates.frame_dt_s:g} s and '
        f'{rates.step_dt_s:g} s: each step holds {divisor} times the motion, never seen in '
        'training; predictions are worse, actions are measured only, and no chunks are proposed'
    )
