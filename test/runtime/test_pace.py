# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A model too slow for its clock says so, with what is needed, what is there and what to do."""

import re
from itertools import accumulate
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.runtime.pace import Pace, measure, remedy, slowed, slowed_text
from hma_ros.runtime.providers import Execution

PLANAR, DELTA = load_embodiment('sim_planar'), load_embodiment('sim_ur5e')
FRAME = np.zeros((64, 64, 3), np.uint8)
REMEDY = 'use another provider'


def model() -> Mock:
    return Mock(stem=Mock(stride=1, action_dim=2), manifest=Mock(next_window_at=0), steps=0)


def bundle(precision: str, *files: str) -> Any:
    return SimpleNamespace(precision=precision, files=files or ('decoder_int8.onnx',))


def test_the_second_step_is_timed_and_the_context_left_empty() -> None:
    # The first step is slower: 5 s for each part.
    times = accumulate([0.0, 5.0, 5.0, 5.0, 1.0, 0.25, 0.125, 0.5])
    world = model()
    pace = measure(world, FRAME, acts=True, imagines=True, clock=lambda: next(times))
    assert (pace.observe_s, pace.act_s, pace.imagine_s) == (0.25, 0.125, 0.5)
    assert world.method_calls[-1][0] == 'reset'


def test_with_learned_positions_the_next_window_has_begun_before() -> None:
    world = model()
    world.manifest.next_window_at = 6
    measure(world, FRAME, acts=False, imagines=True, clock=lambda: 0.0)
    names = [item[0] for item in world.method_calls]
    assert names.index('imagine') == names.index('reset') + 1 + 6 + 1


def test_a_process_that_is_to_end_warms_up_no_further() -> None:
    world, steps = model(), iter(range(3))
    world.manifest.next_window_at = 6

    def go_on() -> None:
        if next(steps) == 2:
            raise ConfigError('the process: got SIGTERM')

    with pytest.raises(ConfigError, match='SIGTERM'):
        measure(world, FRAME, acts=True, imagines=True, clock=lambda: 0.0, go_on=go_on)
    assert [item[0] for item in world.method_calls] == ['reset', 'observe', 'observe']


def test_what_is_not_wanted_is_not_run() -> None:
    world = model()
    measure(world, FRAME, acts=False, imagines=False, clock=lambda: 0.0)
    world.act.assert_not_called()
    world.imagine.assert_not_called()


def test_a_step_that_fits_gives_no_warning() -> None:
    assert Pace(0.1, 0.05, 0.05).warning(0.2, 1, '', REMEDY) is None


@pytest.mark.parametrize(
    ('pace', 'divisor', 'offer'),
    [
        (
            Pace(0.1, 0.0, 0.25),
            1,
            'one step in 3 is followed by an imagined frame; .* or set clock_divisor to 2 in '
            'params_file$',
        ),
        (
            Pace(0.5, 0.0, 0.1),
            1,
            'steps are dropped; .* or set clock_divisor to 3 in params_file$',
        ),
        (
            Pace(0.5, 0.0, 0.1),
            2,
            'steps are dropped; .* or set clock_divisor to 6 in params_file$',
        ),
        (Pace(0.1, 0.0, 0.75), 1, 'one step in 8 is followed by an imagined frame; '),
        # At least one step in 8 has its frame imagined, however far behind the model is.
        (Pace(0.1, 0.0, 4.5), 1, 'steps are dropped; '),
        (Pace(9.0, 0.0, 0.0), 1, 'steps are dropped; [^:]*$'),
    ],
)
def test_a_step_that_does_not_fit_names_the_clock_that_would_do(
    pace: Pace, divisor: int, offer: str
) -> None:
    text = pace.warning(0.2, divisor, '', REMEDY)
    assert text is not None
    assert text.startswith(f'model too slow for its clock: a step needs {pace.needed_s:.3f} s')
    assert re.search(offer, text)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that says what this machine is."""

    def be(*, cores: int = 4, bf16: bool = False, openvino: bool = True, gpu: str = '') -> None:
        monkeypatch.setattr('os.cpu_count', lambda: cores)
        monkeypatch.setattr('hma_ros.runtime.pace._has_bf16', lambda: bf16)
        monkeypatch.setattr('hma_ros.runtime.pace.find_spec', lambda _: openvino or None)
        monkeypatch.setattr('hma_ros.runtime.pace._gpu_provider', lambda: gpu)

    return be


INT8_BUNDLE = 'an int8 bundle (hma export --precision int8)'


@pytest.mark.parametrize(
    ('precision', 'execution', 'advice'),
    [
        (
            'fp32',
            Execution(threads=1),
            f'use more threads, {INT8_BUNDLE}, tokenizer_precision bf16, tokenizer_precision int8 '
            'or a faster machine',
        ),
        (
            'int8',
            Execution(threads=2, tokenizer_precision='bf16'),
            'use more threads, tokenizer_precision int8 or a faster machine',
        ),
        ('int8', Execution(threads=4, tokenizer_precision='int8'), 'use a faster machine'),
    ],
)
def test_only_what_is_not_in_use_is_advised(
    precision: str, execution: Execution, advice: str, machine: Any
) -> None:
    machine(bf16=True)
    assert remedy(bundle(precision), execution, 'cpu') == advice


def test_what_the_bundle_or_the_processor_lacks_is_not_advised(machine: Any) -> None:
    machine(cores=1)
    plain = bundle('int8', 'decoder.onnx')
    assert remedy(plain, Execution(threads=1), 'cpu') == 'use a faster machine'


def test_what_must_be_installed_first_is_said(machine: Any) -> None:
    machine(cores=1, openvino=False)
    assert 'tokenizer_precision int8 (pip install openvino) or' in remedy(
        bundle('int8'), Execution(threads=1), 'cpu'
    )


def test_a_gpu_is_advised_where_there_is_one_and_threads_of_the_cpu_not_beside_it(
    machine: Any,
) -> None:
    machine(gpu='cuda')
    plain = bundle('fp16', 'decoder.onnx')
    assert 'provider cuda' in remedy(plain, Execution(threads=1), 'cpu')
    assert remedy(plain, Execution(threads=1), 'cuda') == 'use a faster machine'


def test_less_work_and_slower_simulated_time_are_advised(machine: Any) -> None:
    machine(cores=1)
    plain = bundle('int8', 'decoder.onnx')
    assert remedy(plain, Execution(threads=1), 'cpu', horizon=4, simulated=True) == (
        'use a lower horizon, a real_time_factor below 1 or a faster machine'
    )


def test_a_refused_slower_clock_is_not_offered() -> None:
    text = Pace(0.5, 0.0, 0.0).warning(0.2, 1, 'deltas', REMEDY)
    assert text is not None
    assert 'clock_divisor' not in text
    assert '(no slower clock: deltas)' in text


def test_a_slower_clock_keeps_the_stride_and_stretches_step_and_action() -> None:
    slow = slowed(PLANAR, 4, 'shadow')
    assert slow.rates.stride == PLANAR.rates.stride
    assert slow.rates.frame_dt_s == pytest.approx(4 * PLANAR.rates.frame_dt_s)
    assert slow.rates.step_dt_s == pytest.approx(4 * PLANAR.rates.step_dt_s)
    assert slowed(PLANAR, 1, 'execute') is PLANAR
    assert 'clock_divisor: one step in 4:' in slowed_text(PLANAR, 4)


@pytest.mark.parametrize(('spec', 'mode'), [(PLANAR, 'execute'), (DELTA, 'shadow')])
def test_a_slower_clock_is_refused_where_it_would_mislead(spec, mode) -> None:
    with pytest.raises(ConfigError, match='clock_divisor: got 2, expected 1: .*; set'):
        slowed(spec, 2, mode)
