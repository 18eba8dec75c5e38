# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A log file gets lines, a terminal a bar that is drawn again and again."""

import io
import threading
from types import SimpleNamespace

import pytest

from hma_ros.core import progress
from hma_ros.core.progress import Progress, moving


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_one_line_for_a_quick_job() -> None:
    file = io.StringIO()
    for _ in Progress(range(50), 'frames', unit='frame', file=file):
        pass
    assert file.getvalue() == 'frames: 50 of 50 frames in 00:00\n'


def test_a_unit_has_its_plural() -> None:
    file = io.StringIO()
    for _ in Progress(range(2), 'frames', unit='batch', file=file):
        pass
    assert file.getvalue() == 'frames: 2 of 2 batches in 00:00\n'


def test_a_file_hears_of_a_long_job_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    file = io.StringIO()
    with Progress(total=100, desc='steps', unit='step', file=file) as bar:
        for _ in range(100):
            now[0] += 1.0
            bar.update()
            bar.set_postfix_str('loss 1')
    lines = file.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert all(line.endswith(' to go, loss 1') for line in lines[:-1])
    assert lines[-1].startswith('steps: 100 of 100 steps')


@pytest.mark.parametrize('make', [io.StringIO, Terminal])
def test_the_first_step_that_compiles_does_not_count_for_the_time_to_go(
    monkeypatch: pytest.MonkeyPatch, make: type[io.StringIO]
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    file = make()
    with Progress(total=30, desc='train', unit='step', file=file, mininterval=0) as bar:
        bar._time = lambda: now[0]
        bar.start_t = bar.last_print_t = now[0]
        now[0] += 75.0
        bar.update()
        assert ', ? to go' in str(bar) or '01:15<?' in str(bar)
        for _ in range(10):
            now[0] += 1.0
            bar.update()
        assert ', 00:19 to go' in str(bar) or '01:25<00:19' in str(bar)


def test_a_terminal_gets_a_bar() -> None:
    file = Terminal()
    for _ in Progress(range(3), 'frames', file=file, mininterval=0):
        pass
    assert file.getvalue().count('\r') >= 3
    assert '100%' in file.getvalue()


def test_a_disabled_one_is_silent() -> None:
    file = io.StringIO()
    for _ in Progress(range(3), 'frames', file=file, disable=True):
        pass
    assert file.getvalue() == ''


def test_the_time_moves_while_one_item_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    redrawn = threading.Event()
    monkeypatch.setattr(progress, '_REDRAWN_EVERY_S', 0.001)
    monkeypatch.setattr(Progress, 'refresh', lambda *_, **__: redrawn.set())
    for _ in moving(['one'], 'graphs', 'graph'):
        redrawn.clear()
        assert redrawn.wait(30.0)


@pytest.mark.parametrize('make', [io.StringIO, Terminal])
def test_no_time_to_go_is_promised_of_items_that_differ(
    monkeypatch: pytest.MonkeyPatch, make: type[io.StringIO]
) -> None:
    stream = make()
    monkeypatch.setattr(progress.sys, 'stderr', stream)
    monkeypatch.setattr(progress, '_PLAIN_EVERY_S', 0.0)
    for _ in moving(
        [SimpleNamespace(name=name) for name in ('encoder', 'decoder')], 'graphs', 'graph'
    ):
        pass
    said = stream.getvalue()
    assert 'to go' not in said
    assert '<' not in said
    assert 'encoder' in said
    assert 'decoder' in said


def test_nothing_to_do_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert not list(moving([], 'compiled', 'part'))
    assert capsys.readouterr().err == ''


def test_a_bar_that_is_not_shown_can_be_counted_on():
    bar = Progress(total=3, disable=True)
    bar.update()
    bar.close()
