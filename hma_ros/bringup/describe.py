# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which processes run for a robot, and with what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hma_ros.bringup.parameter_file import ParameterFile, Value
from hma_ros.bringup.places import FASTDDS_VARIABLES, bundle_folder, loopback_environment
from hma_ros.bringup.recording import check_recording
from hma_ros.bringup.request import Request, absolute_namespace, check_request
from hma_ros.bringup.rviz import write_rviz_config
from hma_ros.core.embodiment import EmbodimentSpec, embodiment_path, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.topics import CHUNK_TOPIC

# Those that a parameter file may name, running or not.
NODES = ('world_model', 'action_executor', 'rollout_viewer', 'sim_robot', 'bag_recorder', 'rviz')
_BAGS = 'bags'

Parameters = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Process:
    """
    One process: an executable of a package, the node in it and what it is given.

    ``reason`` says why it runs; ``arguments`` are plain command-line arguments. With ``ends_all``
    its end ends all others; without, they go on.
    """

    package: str
    executable: str
    node_name: str
    reason: str
    parameters: Parameters = ()
    remappings: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    ros_arguments: tuple[str, ...] = ()
    ends_all: bool = True


@dataclass(frozen=True)
class Bringup:
    """
    Everything that runs, in the order of starting.

    Stop in the reverse order: the executor is the last to start and the first to stop, so that it
    can halt the robot while the robot, its clock and its topics are still there.

    ``namespace`` is empty, or starts with a slash.
    """

    namespace: str
    processes: tuple[Process, ...]
    network: str = 'shared'

    def environment(self, present: Mapping[str, str]) -> dict[str, str]:
        """
        Return the variables to add to those present.

        ``local`` keeps the nodes on this machine, ``auto`` too unless the user brings a Fast DDS
        profile. A real robot may have its driver elsewhere: ``shared`` keeps the user's settings.
        """
        has_profile = any(name in present for name in FASTDDS_VARIABLES)
        if self.network == 'shared' or (self.network == 'auto' and has_profile):
            return {}
        return loopback_environment(present)


def network_of(request: Request) -> str:
    """Return the network of a request; that of a real robot is shared unless it is given."""
    return 'shared' if request.network == 'auto' and not request.sim else request.network


def describe(request: Request) -> Bringup:
    """
    Say which processes run for a robot, and with what.

    :raises ConfigError: the robot is unknown, a value is out of range, the parameter file
        cannot be used, or a bag cannot be written.
    :raises BundleError: there is no bundle of that name.
    """
    check_request(request)
    namespace = absolute_namespace(request.namespace)
    spec = load_embodiment(embodiment_path(request.robot, request.sim))
    bundle = bundle_folder(request.bundle)
    processes = [
        *([_recorder(request, spec, namespace)] if request.record else []),
        *([_rviz(request, spec, namespace)] if request.rviz else []),
        *([_sim_robot(request, spec)] if request.sim else []),
        _world_model(request, spec, bundle),
        _rollout_viewer(request, spec),
        _action_executor(request, spec, bundle),
    ]
    processes = [
        replace(item, ros_arguments=_ros_arguments(request.log_level, namespace, item.node_name))
        for item in processes
    ]
    if request.params_file:
        file = ParameterFile(Path(request.params_file), namespace, NODES)
        processes = [_overridden(item, file) for item in processes]
        _check_shared(processes, request.params_file)
    _check_recorder(processes)
    return Bringup(namespace, tuple(processes), network_of(request))


def describe_recording(request: Request, folder: str = '', keys: bool = False) -> Bringup:
    """
    Describe a recorder alone, for a robot whose topics are there.

    :param folder: of the bag; empty for one below ``bags`` with the robot's name and the time.
    :param keys: whether keys of the terminal mark episodes.
    :raises ConfigError: as :func:`describe`.
    """
    check_request(request)
    namespace = absolute_namespace(request.namespace)
    spec = load_embodiment(embodiment_path(request.robot, request.sim))
    recorder = _recorder(request, spec, namespace, folder, keys)
    arguments = _ros_arguments(request.log_level, namespace, recorder.node_name)
    recorder = replace(recorder, ros_arguments=arguments)
    _check_recorder([recorder])
    return Bringup(namespace, (recorder,), network_of(request))


def _ros_arguments(level: str, namespace: str, node: str) -> tuple[str, ...]:
    # An enclave counts with ROS_SECURITY_ENABLE only; `hma security` writes their policy.
    return (*_log_arguments(level, namespace, node), '--enclave', f'{namespace}/{node}')


def _log_arguments(level: str, namespace: str, node: str) -> tuple[str, ...]:
    if level == 'info':
        return ()
    if level == 'debug':
        # Of the node alone: ROS itself would add thousands of lines per second.
        logger = f'{namespace}/{node}'.strip('/').replace('/', '.')
        return ('--log-level', f'{logger}:=debug')
    return ('--log-level', level)


def _overridden(process: Process, file: ParameterFile) -> Process:
    parameters = {**dict(process.parameters), **file.parameters(process.node_name)}
    return replace(process, parameters=tuple(parameters.items()))


def _check_shared(processes: Sequence[Process], path: str) -> None:
    """Refuse nodes that run different robots, bundles or modes: ConfigError."""
    for name in ('embodiment', 'bundle', 'mode', 'allow_sim_bundle'):
        given = {item.node_name: dict(item.parameters).get(name) for item in processes}
        known = {node: value for node, value in given.items() if value is not None}
        if len(set(map(repr, known.values()))) > 1:
            text = ', '.join(f'{node}: {value}' for node, value in known.items())
            raise ConfigError(
                f'params_file: {path}: {name}: got {text}, expected the same for all nodes; give '
                'it as an argument, or under /**'
            )


def _time(request: Request) -> Parameters:
    return (('use_sim_time', request.sim or request.use_sim_time),)


def _common(request: Request, spec: EmbodimentSpec) -> Parameters:
    return (
        ('embodiment', spec.path),
        ('autostart', request.autostart),
        *_time(request),
    )


def _world_model(request: Request, spec: EmbodimentSpec, bundle: Path) -> Process:
    parameters = (
        ('bundle', str(bundle)),
        ('mode', request.mode),
        ('allow_sim_bundle', request.allow_sim_bundle),
        ('horizon', request.horizon),
        ('threads', request.threads),
        ('provider', request.provider),
        ('tokenizer_precision', request.tokenizer_precision),
        ('device_id', request.device_id),
        ('allow_cpu', request.allow_cpu),
        ('engine_cache', request.engine_cache),
    )
    reason = 'watches the camera, imagines what follows and proposes actions'
    return _node('world_model', reason, _common(request, spec) + parameters)


def _rollout_viewer(request: Request, spec: EmbodimentSpec) -> Process:
    return _node('rollout_viewer', 'draws what was imagined', _common(request, spec), False)


def _action_executor(request: Request, spec: EmbodimentSpec, bundle: Path) -> Process:
    parameters: Parameters = (
        ('mode', request.mode),
        ('chunk_topic', CHUNK_TOPIC),
        # For its manifest: the executor decides by itself whether it may command a real robot.
        ('bundle', str(bundle)),
        ('allow_sim_bundle', request.allow_sim_bundle),
        ('require_approval', request.require_approval),
    )
    reason = f'the only one that commands the robot (mode {request.mode})'
    return _node('action_executor', reason, _common(request, spec) + parameters)


def image_scale(spec: EmbodimentSpec) -> int:
    """Return how many times smaller to render: no fewer pixels than the model sees."""
    seen, size = spec.camera.crop or spec.camera, spec.camera.resize
    is_halved = 2 * size[0] <= seen.height and 2 * size[1] <= seen.width
    return 2 if is_halved else 1


def _sim_robot(request: Request, spec: EmbodimentSpec) -> Process:
    parameters = (
        ('embodiment', spec.path),
        ('task', spec.name),
        ('seed', request.seed),
        ('real_time_factor', request.real_time_factor),
        ('image_scale', image_scale(spec)),
        # It is the clock.
        ('use_sim_time', False),
    )
    return _node('sim_robot', 'sim:=true', parameters)


def _recorder(
    request: Request, spec: EmbodimentSpec, namespace: str, folder: str = '', keys: bool = False
) -> Process:
    parts = [*namespace.split('/'), spec.name, f'{datetime.now():%Y-%m-%d_%H-%M-%S}']
    path = Path(folder) if folder else Path(_BAGS) / '_'.join(filter(None, parts))
    parameters: Parameters = (
        ('embodiment', spec.path),
        ('folder', str(path.absolute())),
        ('keys', keys),
        *_time(request),
    )
    return _node('bag_recorder', 'record:=true', parameters, False)


def _check_recorder(processes: Sequence[Process]) -> None:
    for item in processes:
        if item.node_name == 'bag_recorder':
            check_recording(Path(str(dict(item.parameters)['folder'])))


def _rviz(request: Request, spec: EmbodimentSpec, namespace: str) -> Process:
    arguments = ('-d', str(write_rviz_config(spec, namespace)))
    return Process(
        'rviz2',
        'rviz2',
        'rviz',
        'rviz:=true',
        _time(request),
        arguments=arguments,
        ends_all=False,
    )


def _node(name: str, reason: str, parameters: Parameters, ends_all: bool = True) -> Process:
    return Process('hma_ros', f'{name}_node', name, reason, parameters, ends_all=ends_all)
