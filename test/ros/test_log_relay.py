# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A reader that does not read holds nobody up, and what is read later is what was said."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.faults.processes import DEADLINE_S

LINE = 'x' * 99
SCRIPT = """
import os, sys
from hma_ros.ros.log_relay import LogRelay
relay = LogRelay()
{body}
relay.close()
"""
TALK = f"""
for _ in range(100_000):
    try:
        os.write(2, b'{LINE}\\n')
    except BlockingIOError:
        pass
"""


@contextmanager
def child(body: str, *arguments: str) -> Iterator['subprocess.Popen[bytes]']:
    command = [sys.executable, '-c', SCRIPT.format(body=body), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_pipe_that_nobody_reads_stops_nobody() -> None:
    # Ten megabytes: more than the pipes between them hold.
    with child(TALK) as process:
        assert process.wait(DEADLINE_S) == 0


def test_what_is_read_later_is_whole_lines_from_the_first_on() -> None:
    with child(TALK) as process:
        process.wait(DEADLINE_S)
        assert process.stderr is not None
        lines = process.stderr.read().decode().splitlines()
    # What a pipe holds at least.
    assert len(lines) > 400
    assert set(lines[:400]) == {LINE}


@pytest.mark.parametrize('number', [1, 2])
def test_output_that_is_read_arrives_whole_and_in_order(number: int) -> None:
    body = f"for k in range(2000): os.write({number}, b'line %d\\n' % k)"
    with child(body) as process:
        outputs = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0
    assert outputs[number - 1].decode().splitlines() == [f'line {k}' for k in range(2000)]


def test_the_last_words_before_an_exit_are_not_lost() -> None:
    body = "print('first', flush=True); os.write(2, b'last'); relay.close(); sys.exit(3)"
    with child(body) as process:
        assert process.communicate(timeout=DEADLINE_S) == (b'first\n', b'last')
        assert process.returncode == 3


def test_a_reader_that_has_gone_stops_nobody() -> None:
    with child(TALK) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.wait(DEADLINE_S) == 0
