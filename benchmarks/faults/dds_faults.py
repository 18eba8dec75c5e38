# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Faults that only real processes can have."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import time
from functools import partial

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_msgs.msg import Bool

from benchmarks.faults.catalogue import Fault
from benchmarks.faults.rig import Rig
from hma_ros.ros.command_msg import message_type
from hma_ros.ros.qos import COMMAND, REPORT

# Ends what hangs, however busy the machine is.
_END_S, _START_S, _ANSWER_S = 60.0, 60.0, 5.0


def killed(rig: Rig, number: signal.Signals) -> None:
    """A signal that ends the executor; only SIGKILL may leave it in motion."""
    rig.child.send_signal(number)
    end_s = time.monotonic() + _END_S
    while rig.child.poll() is None and time.monotonic() < end_s:
        rig.run(0.02)
    if rig.child.poll() is None:
        rig.stale.append('the executor does not end')
        return
    rig.hear_all()
    if number != signal.SIGKILL and not rig.wire.is_at_rest:
        rig.stale.append('ended in motion')


def paused(rig: Rig) -> None:
    """The executor is suspended for a while."""
    rig.child.send_signal(signal.SIGSTOP)
    rig.run(rig.rng.uniform(0.05, 2.0))
    rig.child.send_signal(signal.SIGCONT)
    rig.run(0.3)


def state_flood(rig: Rig) -> None:
    """Thousands of states at once."""
    for _ in range(5_000):
        rig.publish_state(rig.arm.message(rig.now_ns()))
    rig.run(0.3)


def chunk_flood(rig: Rig) -> None:
    """300,000 steps, or text of a megabyte where a name should be."""
    message = copy.deepcopy(rig.make_chunk())
    if rig.rng.integers(2):
        message.horizon = 300_000
        message.actions = [0.01] * (300_000 * len(rig.spec.action.names))
    else:
        message.embodiment = 'x' * 1_000_000
    for _ in range(3):
        rig.send_chunk(message)
    rig.run(0.3)


def intruder(rig: Rig) -> None:
    """Somebody else publishes on the command topic: the executor stops, and stays stopped."""
    kind = message_type(rig.spec.commands[0])
    publisher = rig.node.create_publisher(kind, rig.command_topic, COMMAND)
    rig.run(0.5)
    rig.expect_silence()
    if rig.resume():
        rig.stale.append('resumed beside another publisher of commands')
    rig.node.destroy_publisher(publisher)
    rig.run(0.2)


def second_executor(rig: Rig) -> None:
    """A second executor is started: it does not command beside the first."""
    given: dict[str, object] = {
        'embodiment': rig.spec.path,
        'mode': 'execute',
        'autostart': True,
        'discovery_s': 0.5,
    }
    arguments = ['-r', '__node:=second_executor']
    child = rig.system.start('action_executor', given, arguments, subprocess.DEVNULL)
    end_s = time.monotonic() + 5.0
    while child.poll() is None and time.monotonic() < end_s:
        rig.run(0.05)
    if child.poll() is None and len(rig.node.get_publishers_info_by_topic(rig.command_topic)) > 1:
        rig.expect_silence()
    rig.system.end(child)
    rig.run(0.3)


def parameters_set(rig: Rig) -> None:
    """Parameters are set at run time: refused, because they would not take effect."""
    for name, value in (('mode', 'shadow'), ('embodiment', 'sim_planar'), ('bundle', 'x')):
        text = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=text)])
        answer = rig.call(SetParameters, 'set_parameters', request)
        if answer.results[0].successful:
            rig.stale.append(f'{name} was set at run time')
    simulated = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=not rig.is_simulated)
    request = SetParameters.Request(parameters=[Parameter(name='use_sim_time', value=simulated)])
    if rig.call(SetParameters, 'set_parameters', request).results[0].successful:
        rig.stale.append('use_sim_time was set at run time')
    rig.run(0.1)


def pressed_publisher_dies(rig: Rig) -> None:
    """A stop is pressed, and its publisher dies: it holds until a newer one reports "no stop"."""
    rig.buttons_speak = False
    dying = rig.node.create_publisher(Bool, 'emergency_stop', REPORT)
    rig.run(0.2)
    dying.publish(Bool(data=True))
    rig.run(0.2)
    rig.node.destroy_publisher(dying)
    rig.expect_silence()
    if rig.resume():
        rig.stale.append('resumed though the stop was never taken back')
    rig.buttons_speak = True
    rig.run(0.3)
    if rig.resume():
        rig.stale.append('resumed because another button is not pressed')
    restarted = rig.node.create_publisher(Bool, 'emergency_stop', REPORT)
    rig.run(0.3)
    restarted.publish(Bool(data=False))
    rig.run(0.3)
    # Its end is a loss that stops once more: not after the resume.
    rig.node.destroy_publisher(restarted)
    rig.run(0.3)


def stop_topic_dies(rig: Rig) -> None:
    """All publishers of a mandatory stop topic die."""
    while rig.buttons:
        rig.node.destroy_publisher(rig.buttons.pop())
    rig.buttons_speak = False
    rig.run(0.3)
    rig.expect_silence()
    if rig.resume():
        rig.stale.append('resumed without a mandatory stop topic')
    rig.buttons += [rig.node.create_publisher(Bool, 'emergency_stop', REPORT) for _ in '12']
    rig.run(0.2)


def pressed_before_start(rig: Rig) -> None:
    """The executor starts while a stop is pressed."""
    rig.press(0, True)
    rig.system.end(rig.child)
    rig.run(0.3)
    rig.hear_all()
    before = rig.wire.count
    rig.start()
    rig.run(2.5)
    rig.stale += ['a command while a stop was pressed'] * (rig.wire.count - before)


def output_not_read(rig: Rig) -> None:
    """Nobody reads the executor's output, and it has much to say; ``~/stop`` is answered."""
    rig.clear()
    # Not SIGKILL: others take a killed process for alive for a while, and send to it in vain.
    killed(rig, signal.SIGTERM)
    rig.system.end(rig.child)
    read_end, write_end = os.pipe()
    # Full from the start.
    os.set_blocking(write_end, False)
    try:
        while os.write(write_end, b'x' * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(write_end, True)
    rig.start(stderr=write_end)
    os.close(write_end)
    # What it promises is to work, not how soon a process is up on a busy machine.
    if not rig.moves_within(_START_S):
        rig.stale.append('does not start with full output')
    bad = rig.make_chunk()
    bad.embodiment = 'x' * 100_000
    for _ in range(50):
        rig.send_chunk(bad)
        rig.run(0.01)
    start_s = time.monotonic()
    rig.stop()
    if time.monotonic() - start_s > _ANSWER_S:
        rig.stale.append(f'~/stop was not answered within {_ANSWER_S:g} s')
    rig.expect_silence()
    os.close(read_end)


def qos_overridden(rig: Rig) -> None:
    """Started with other QoS for the command topic: it works."""
    rig.clear()
    topic = rig.node.resolve_topic_name(rig.command_topic)
    rig.system.end(rig.child)
    rig.start({f'qos_overrides.{topic}.publisher.depth': 20})
    if not rig.moves_within(_START_S):
        rig.stale.append('does not start with qos_overrides')


def cycles(rig: Rig) -> None:
    """Lifecycle transitions, repeated."""
    for _ in range(4):
        rig.deactivate()
        rig.reconfigure()
        rig.activate()
        rig.run(rig.rng.uniform(0.0, 0.1))


def clock_jumps(rig: Rig, side: int) -> None:
    """The simulated clock jumps, or that of the system."""
    rig.jump(side * rig.rng.uniform(0.2, 20.0))
    rig.run(0.5)


DDS_FAULTS: dict[str, Fault] = {
    'executor gets SIGTERM': Fault('process', partial(killed, number=signal.SIGTERM), stops=True),
    'executor gets SIGINT': Fault('process', partial(killed, number=signal.SIGINT), stops=True),
    'executor gets SIGHUP': Fault('process', partial(killed, number=signal.SIGHUP), stops=True),
    'executor gets SIGKILL': Fault('process', partial(killed, number=signal.SIGKILL), stops=True),
    'executor gets SIGSTOP': Fault('process', paused),
    'flood of states': Fault('flood', state_flood),
    'flood of steps or text': Fault('flood', chunk_flood),
    'another publisher of commands': Fault('exclusive', intruder, stops=True),
    'second executor': Fault('exclusive', second_executor),
    'parameters set at run time': Fault('lifecycle', parameters_set),
    'publisher of a pressed stop dies': Fault('stop', pressed_publisher_dies, stops=True),
    'mandatory stop topic dies': Fault('stop', stop_topic_dies, stops=True),
    'stop pressed before the start': Fault('stop', pressed_before_start),
    'output is not read': Fault('process', output_not_read),
    'qos_overrides': Fault('lifecycle', qos_overridden),
    'lifecycle cycles': Fault('lifecycle', cycles),
}
SIMULATED_CLOCK_FAULTS: dict[str, Fault] = {
    'clock steps back': Fault('clock', partial(clock_jumps, side=-1)),
    'clock steps forward': Fault('clock', partial(clock_jumps, side=1)),
}
SYSTEM_CLOCK_FAULTS: dict[str, Fault] = {
    'system clock set back': Fault('clock', partial(clock_jumps, side=-1)),
    'system clock set forward': Fault('clock', partial(clock_jumps, side=1)),
}
