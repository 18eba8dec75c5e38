# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What runs for a robot: the one description behind ``ros2 launch`` and ``hma run``.

Nothing here needs ROS, so a test, a launch file and a plain supervisor can all read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hma_ros.core.embodiment import (
    available_embodiments,
    embodiment_folder,
    embodiment_path,
    load_embodiment,
)
from hma_ros.core.errors import BundleError, ConfigError

MODES = ('shadow', 'execute')
PROVIDERS = ('auto', 'cpu', 'cuda', 'tensorrt', 'torch-cuda')
FASTDDS_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')

Value = bool | int | float | str


@dataclass(frozen=True)
class Argument:
    """
    One ``name:=value`` argument of launch and of ``hma run``.

    ``default`` has the type of the value; None means that the argument must be given.
    """

    name: str
    default: Value | None
    description: str
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Value:
        """
        Turn what the user typed into the type of the default.

        :raises ConfigError: the text is not of that type, or not one of the choices.
        """
        if self.choices and text not in self.choices:
            raise ConfigError(
                f'{self.name}: expected one of {", ".join(self.choices)}, got {text!r}'
            )
        if isinstance(self.default, bool):
            return self._boolean(text)
        kind = type(self.default)
        if kind not in (int, float):
            return text
        try:
            return kind(text)
        except ValueError as error:
            raise ConfigError(f'{self.name}: expected {kind.__name__}, got {text!r}') from error

    def _boolean(self, text: str) -> bool:
        if text.lower() not in ('true', 'false'):
            raise ConfigError(f'{self.name}: expected true or false, got {text!r}')
        return text.lower() == 'true'


ARGUMENTS = (
    Argument(
        'robot',
        None,
        'robot to run: franka, ur5e, ... (config/embodiments), or a .yaml file',
    ),
    Argument('sim', False, 'run the simulated robot in place of the real one'),
    Argument('mode', 'shadow', 'shadow: imagine and report; execute: command the robot', MODES),
    Argument('bundle', 'hma_sim', 'model bundle: a folder, or the name of one in models/'),
    Argument('allow_sim_bundle', False, 'let a bundle trained in simulation command a real robot'),
    Argument('horizon', 8, 'frames to imagine ahead; 0 for actions only'),
    Argument('threads', 2, 'threads of the model'),
    Argument('provider', 'auto', f'what runs the model: {", ".join(PROVIDERS)}', PROVIDERS),
    Argument('device_id', 0, 'GPU to use, as CUDA counts them'),
    Argument('allow_cpu', False, 'run on the CPU rather than fail without the provider'),
    Argument('engine_cache', '', "folder of TensorRT engines; empty for the user's cache"),
    Argument('namespace', '', 'namespace of all nodes'),
    Argument('rviz', False, 'open RViz with the camera, the imagined frames and the path'),
    Argument('use_sim_time', False, 'follow /clock; always on with sim:=true'),
    Argument('real_time_factor', 1.0, 'speed of the simulated robot; 1.0 is real time'),
    Argument('seed', 0, 'episode that the simulated robot starts with'),
)


@dataclass(frozen=True)
class Request:
    """What the user asks for; the fields are those of ``ARGUMENTS``."""

    robot: str
    sim: bool
    mode: str
    bundle: str
    allow_sim_bundle: bool
    horizon: int
    threads: int
    provider: str
    device_id: int
    allow_cpu: bool
    engine_cache: str
    namespace: str
    rviz: bool
    use_sim_time: bool
    real_time_factor: float
    seed: int


@dataclass(frozen=True)
class Process:
    """
    One process: an executable of a package, the node in it and what it is given.

    ``reason`` says why it runs; ``arguments`` are plain command-line arguments.
    """

    package: str
    executable: str
    node_name: str
    reason: str
    parameters: tuple[tuple[str, Value], ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bringup:
    """
    Everything that runs, in the order of starting.

    Stop in the reverse order: the executor is the last to start and the first to stop, so that it
    can halt the robot while the robot, its clock and its topics are still there.
    """

    namespace: str
    processes: tuple[Process, ...]
    sim: bool

    def environment(self, present: Mapping[str, str]) -> dict[str, str]:
        """
        Return the variables to add to those present.

        A simulated robot stays on this machine, unless the user brings a Fast DDS profile. A real
        one may have its driver elsewhere, so it keeps the user's network settings.
        """
        if not self.sim or any(name in present for name in FASTDDS_VARIABLES):
            return {}
        return loopback_environment(present)


def parse_request(values: Mapping[str, str]) -> Request:
    """
    Read typed arguments from text.

    :param values: ``{argument name: text}``; arguments left out take their default.
    :raises ConfigError: an argument is unknown, missing or malformed.
    """
    known = {argument.name: argument for argument in ARGUMENTS}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f'arguments: expected some of {", ".join(known)}, got {unknown[0]!r}')
    if 'robot' not in values:
        raise ConfigError(
            f'robot: expected one of {", ".join(_all_robots())}, got nothing; for example '
            'robot:=franka sim:=true'
        )
    typed = {
        name: argument.parse(values[name]) if name in values else argument.default
        for name, argument in known.items()
    }
    return Request(**typed)  # type: ignore[arg-type]


def describe(request: Request) -> Bringup:
    """
    Say which processes run for a robot, and with what.

    :raises ConfigError: the robot is unknown or a value is out of range.
    :raises BundleError: there is no bundle of that name.
    """
    check_request(request)
    bundle = bundle_folder(request.bundle)
    processes = [
        _world_model(request, bundle),
        _rollout_viewer(request),
        _action_executor(request, bundle),
    ]
    if request.sim:
        processes.insert(0, _sim_robot(request))
    if request.rviz:
        processes.insert(0, _rviz(request))
    return Bringup(request.namespace, tuple(processes), request.sim)


def share_folder() -> Path:
    """Return the folder that holds config, models and rviz: the checkout, or share/hma_ros."""
    return embodiment_folder().parent.parent


def loopback_environment(present: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables that keep Fast DDS on this machine.

    :param present: the environment; its ``ROS_DISTRO`` says which name Fast DDS reads.

    :raises ConfigError: the profile is missing; without it the traffic would leave the machine.
    """
    profile = share_folder() / 'config' / 'fastdds_loopback.xml'
    if not profile.is_file():
        raise ConfigError(f'Fast DDS profile: expected a file, got {profile}')
    # The old name draws a warning from every process where the new one is known.
    name = FASTDDS_VARIABLES[present.get('ROS_DISTRO') in ('humble', 'jazzy')]
    return {name: str(profile), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SYSTEM_DEFAULT'}


def robots(sim: bool) -> tuple[str, ...]:
    """Return the robots that can run for real, or in simulation."""
    names = available_embodiments()
    if sim:
        return tuple(name.removeprefix('sim_') for name in names if name.startswith('sim_'))
    return tuple(name for name in names if not name.startswith('sim_'))


def bundle_folder(name_or_path: str) -> Path:
    """
    Find a bundle.

    :param name_or_path: a folder, or the name of a folder in ``models/``.
    :raises BundleError: neither holds a manifest.json.
    """
    models = share_folder() / 'models'
    for folder in (Path(name_or_path), models / name_or_path):
        if (folder / 'manifest.json').is_file():
            return folder.resolve()
    there = (
        ', '.join(sorted(path.parent.name for path in models.glob('*/manifest.json'))) or 'none'
    )
    raise BundleError(
        f'bundle: expected a folder with manifest.json, or one of those in {models} ({there}), '
        f'got {name_or_path!r}'
    )


def _all_robots() -> list[str]:
    return sorted({*robots(sim=True), *robots(sim=False)})


def check_request(request: Request) -> None:
    """Refuse a robot that there is not, and values out of range; raises ConfigError."""
    _check_robot(request)
    if request.horizon < 0 or request.threads < 1:
        got = f'{request.horizon} and {request.threads}'
        raise ConfigError(f'horizon and threads: expected at least 0 and 1, got {got}')
    if not 0.0 < request.real_time_factor <= 100.0:
        got = str(request.real_time_factor)
        raise ConfigError(f'real_time_factor: expected above 0 and at most 100, got {got}')


def _check_robot(request: Request) -> None:
    if request.robot.endswith('.yaml') and not request.sim:
        path = embodiment_path(request.robot, sim=False)
        # Nothing else would tell that its limits and its bundle are not for a real robot.
        if load_embodiment(path).simulated:
            raise ConfigError(
                f'robot: {path}: simulated, expected a real robot; a simulated one is called by '
                'its name with sim:=true'
            )
    elif request.robot not in robots(request.sim):
        names = ', '.join(robots(request.sim)) or 'none'
        also = '' if request.sim else ' or a .yaml file'
        sim = str(request.sim).lower()
        raise ConfigError(
            f'robot: expected one of {names}{also} with sim:={sim}, got {request.robot!r}'
        )


def _common(request: Request) -> tuple[tuple[str, Value], ...]:
    return (
        ('embodiment', str(embodiment_path(request.robot, request.sim))),
        ('autostart', True),
        ('use_sim_time', request.sim or request.use_sim_time),
    )


def _world_model(request: Request, bundle: Path) -> Process:
    parameters = (
        ('bundle', str(bundle)),
        ('mode', request.mode),
        ('allow_simulation_bundle', request.allow_sim_bundle),
        ('horizon', request.horizon),
        ('threads', request.threads),
        ('provider', request.provider),
        ('device_id', request.device_id),
        ('allow_cpu', request.allow_cpu),
        ('engine_cache', request.engine_cache),
    )
    reason = 'watches the camera, imagines what follows and proposes actions'
    return _node('world_model', reason, _common(request) + parameters)


def _rollout_viewer(request: Request) -> Process:
    return _node('rollout_viewer', 'draws what was imagined', _common(request))


def _action_executor(request: Request, bundle: Path) -> Process:
    parameters = (
        ('mode', request.mode),
        ('chunk_topic', 'world_model/action_chunk'),
        # For its manifest: the executor decides by itself whether it may command a real robot.
        ('bundle', str(bundle)),
        ('allow_simulation_bundle', request.allow_sim_bundle),
    )
    reason = f'the only one that commands the robot (mode {request.mode})'
    return _node('action_executor', reason, _common(request) + parameters)


def _sim_robot(request: Request) -> Process:
    parameters = (
        ('embodiment', str(embodiment_path(request.robot, request.sim))),
        ('task', f'sim_{request.robot}'),
        ('seed', request.seed),
        ('real_time_factor', request.real_time_factor),
        # It is the clock.
        ('use_sim_time', False),
    )
    return _node('sim_robot', 'sim:=true', parameters)


def _rviz(request: Request) -> Process:
    config = share_folder() / 'rviz' / 'predict.rviz'
    pose = load_embodiment(embodiment_path(request.robot, request.sim)).state.pose
    frame = pose.frame_id if pose else 'base_link'
    parameters = (('use_sim_time', request.sim or request.use_sim_time),)
    arguments = ('-d', str(config), '-f', frame)
    return Process('rviz2', 'rviz2', 'rviz', 'rviz:=true', parameters, arguments=arguments)


def _node(name: str, reason: str, parameters: tuple[tuple[str, Value], ...]) -> Process:
    return Process('hma_ros', f'{name}_node', name, reason, parameters)
