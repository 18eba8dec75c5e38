# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What each node of a Franka costs, by how often its driver publishes joint states and poses."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faults.processes import System, claim_domain
from hma_ros.bringup import bundle_folder, loopback_environment
from hma_ros.core.embodiment import load_embodiment
from hma_ros.evaluation.measurements import write_measurements

_ROBOT = 'franka'
_CAMERA_HZ = 30.0
_WARM_S, _MEASURED_S = 8.0, 20.0
_TICKS = os.sysconf('SC_CLK_TCK')
# As the embodiment has it.
_POSE, _TOOL = 'franka_robot_state_broadcaster/current_pose', (0.45, 0.0, 0.2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every rate and write the results."""
    args = _parser().parse_args(arguments)
    if args.drive is not None:
        _drive(args.drive)
    results = [result for rate_hz in args.rates for result in _measure(rate_hz)]
    command = ['python', '-m', 'benchmarks.state_rate', '--rates', *map('{:g}'.format, args.rates)]
    write_measurements(args.out, shlex.join(command), results)
    for result in results:
        print(result)
    print(f'wrote {args.out}')
    return 0


def _measure(rate_hz: float) -> Iterator[dict[str, Any]]:
    with _nodes(rate_hz) as children:
        time.sleep(_WARM_S)
        before = {name: _cpu_s(child.pid) for name, child in children.items()}
        begin_s = time.monotonic()
        time.sleep(_MEASURED_S)
        passed_s = time.monotonic() - begin_s
        for name, (main_s, all_s) in before.items():
            main_now_s, all_now_s = _cpu_s(children[name].pid)
            yield {
                'name': 'state_rate',
                'node': name,
                'state_hz': rate_hz,
                'ros_thread': (main_now_s - main_s) / passed_s,
                'process': (all_now_s - all_s) / passed_s,
            }


@contextmanager
def _nodes(rate_hz: float) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    import rclpy

    domain, lock = claim_domain()
    os.environ.update(loopback_environment(os.environ), ROS_DOMAIN_ID=str(domain))
    context = rclpy.Context()
    rclpy.init(context=context)
    with lock, tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder), context)
        driver = subprocess.Popen([sys.executable, '-m', __spec__.name, '--drive', f'{rate_hz}'])
        try:
            given: dict[str, Any] = {'embodiment': _ROBOT, 'autostart': True}
            bundle = str(bundle_folder('hma_sim'))
            children = {
                'world_model': system.spawn('world_model', bundle=bundle, horizon=0, **given),
                'action_executor': system.spawn('action_executor', mode='shadow', **given),
                'rollout_viewer': system.spawn('rollout_viewer', lead=1, **given),
            }
            for name in children:
                system.until_logged(name, 'activated')
            yield children
        finally:
            driver.kill()
            driver.wait()
            system.close()
            rclpy.shutdown(context=context)


def _cpu_s(pid: int) -> tuple[float, float]:
    """Return the CPU time of a process: of its first thread, which runs ROS, and of all."""
    process = Path(f'/proc/{pid}')
    return _spent_s(process / f'task/{pid}/stat'), _spent_s(process / 'stat')


def _spent_s(stat: Path) -> float:
    user, system = stat.read_text().rpartition(')')[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS


def _drive(rate_hz: float) -> None:
    """Publish what the drivers of the robot at rest do, until killed."""
    import rclpy
    from geometry_msgs.msg import PoseStamped
    from sensor_msgs.msg import Image, JointState

    from hma_ros.ros.qos import SENSOR_OUT

    spec = load_embodiment(_ROBOT)
    source, camera = spec.state.sources[0], spec.camera
    rclpy.init()
    node = rclpy.create_node('drivers')
    joints = node.create_publisher(JointState, source.topic, SENSOR_OUT)
    poses = node.create_publisher(PoseStamped, _POSE, SENSOR_OUT)
    images = node.create_publisher(Image, camera.topic, SENSOR_OUT)
    state = JointState(name=list(source.message_names), position=list(spec.home))
    place = PoseStamped()
    place.header.frame_id = spec.action.frame
    place.pose.position.x, place.pose.position.y, place.pose.position.z = _TOOL
    place.pose.orientation.x, place.pose.orientation.w = 1.0, 0.0
    image = Image(height=camera.height, width=camera.width, encoding='rgb8')
    image.step = 3 * camera.width
    image.data = bytes(range(256)) * (camera.height * image.step // 256)
    begin_s, sent, shown = time.monotonic(), 0, 0
    while True:
        now = node.get_clock().now().to_msg()
        passed_s = time.monotonic() - begin_s
        for message in (state, place, image):
            message.header.stamp = now
        joints.publish(state)
        poses.publish(place)
        sent += 1
        if passed_s * _CAMERA_HZ >= shown:
            images.publish(image)
            shown += 1
        time.sleep(max(0.0, sent / rate_hz - passed_s))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.state_rate', description=(__doc__ or '').strip()
    )
    parser.add_argument('--out', type=Path, default=Path('benchmarks/out/state_rate.json'))
    parser.add_argument('--rates', type=float, nargs='+', default=[100.0, 1000.0], metavar='HZ')
    parser.add_argument('--drive', type=float, metavar='HZ', help=argparse.SUPPRESS)
    return parser


if __name__ == '__main__':
    raise SystemExit(main())
