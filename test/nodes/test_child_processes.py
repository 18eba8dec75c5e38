# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A test that is killed leaves no process behind that speaks on its topics."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.faults.gripper_process import has_actions
from benchmarks.faults.processes import DEADLINE_S, is_running

PARENT = """
import sys, time
from pathlib import Path
import rclpy
from benchmarks.faults.gripper_process import GripperProcess
from benchmarks.faults.processes import System
from hma_ros.core.embodiment import load_embodiment

context = rclpy.Context()
rclpy.init(context=context)
gripper = GripperProcess(System(Path(sys.argv[1]), context), load_embodiment('franka').gripper)
gripper.start()
print(gripper.child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != 'linux' or not has_actions(), reason='needs /proc and actions')
def test_a_gripper_ends_with_the_test_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, '-c', PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline_s = time.monotonic() + DEADLINE_S
    while is_running(child):
        assert time.monotonic() < deadline_s, child
        time.sleep(0.02)
