# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the user asks for: the ``name:=value`` arguments of launch and of ``hma run``."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from hma_ros.bringup.arguments import refuse_unknown
from hma_ros.bringup.places import robots
from hma_ros.core import settings
from hma_ros.core.embodiment import embodiment_path, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import Setting
from hma_ros.core.short_text import quoted

_NAMESPACE = re.compile(r'(?:/?[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*/?|/)?', re.ASCII)
# The longest that every middleware takes.
_NAMESPACE_LENGTH = 245
# From 0 to 1; above the similarity of namespace and launch's own ros_namespace.
_SIMILARITY = 0.85
# By the value of sim: what is wrong with a robot that runs with the other one only.
_OTHER_KIND = {
    False: 'is simulated only: add sim:=true, or take',
    True: 'has no simulation: leave out sim:=true, or take',
}


@dataclass(frozen=True)
class Request:
    """Each field is an argument, with its default; see :data:`ARGUMENTS`."""

    robot: str = Setting(
        None, 'robot to run: franka, ur5e, ... (config/embodiments), or a .yaml file'
    ).field()
    sim: bool = Setting(False, 'run the simulated robot in place of the real one').field()
    mode: str = settings.MODE.field()
    require_approval: bool = settings.REQUIRE_APPROVAL.field()
    bundle: str = Setting(
        'hma_sim',
        'model bundle: a folder, or the name of one in models/ of the package or of '
        'the working directory',
    ).field()
    allow_sim_bundle: bool = settings.ALLOW_SIM_BUNDLE.field()
    horizon: int = settings.HORIZON.field()
    threads: int = settings.THREADS.field()
    provider: str = settings.PROVIDER.field()
    tokenizer_precision: str = settings.TOKENIZER_PRECISION.field()
    device_id: int = settings.DEVICE_ID.field()
    allow_cpu: bool = settings.ALLOW_CPU.field()
    engine_cache: str = settings.ENGINE_CACHE.field()
    namespace: str = Setting('', 'namespace of all nodes').field()
    network: str = Setting(
        'auto',
        'local: only this machine hears the nodes (Fast DDS); shared: your own network settings; '
        'auto: local with sim:=true, unless you bring a Fast DDS profile, else shared',
        choices=settings.NETWORKS,
    ).field()
    params_file: str = Setting(
        '', 'YAML file of ROS parameters for our nodes; overrides the other arguments'
    ).field()
    log_level: str = Setting(
        'info',
        'least severe messages that are logged; `debug` adds a line of `world_model` for each '
        'step',
        choices=settings.LOG_LEVELS,
    ).field()
    autostart: bool = Setting(
        True, 'configure and activate the nodes; false leaves that to a lifecycle manager'
    ).field()
    record: bool = Setting(
        False, "record the robot's topics and ours to a new folder below bags/"
    ).field()
    rviz: bool = Setting(
        False, 'open RViz with the camera, the imagined frames and the path'
    ).field()
    use_sim_time: bool = Setting(False, 'follow /clock; always on with sim:=true').field()
    real_time_factor: float = Setting(
        1.0, 'speed of the simulated robot; 1.0 is real time', 0.01, 100.0
    ).field()
    seed: int = settings.SEED.field()


class Argument(NamedTuple):
    """One ``name:=value`` argument."""

    name: str
    setting: Setting


ARGUMENTS = tuple(Argument(field.name, field.metadata['setting']) for field in fields(Request))


def parse_request(values: Mapping[str, str]) -> Request:
    """
    Read typed arguments from text.

    :param values: ``{argument name: text}``; arguments left out take their default.
    :raises ConfigError: an argument is unknown, missing or malformed.
    """
    known = dict(ARGUMENTS)
    refuse_unknown(values, list(known))
    if 'robot' not in values:
        names = ', '.join(sorted({*robots(sim=True), *robots(sim=False)}))
        raise ConfigError(
            f'robot: got nothing, expected one of {names}; for example robot:=franka sim:=true'
        )
    typed = {name: known[name].parse(name, text) for name, text in values.items()}
    request = Request(**typed)  # type: ignore[arg-type]
    return replace(request, namespace=absolute_namespace(request.namespace))


def misspelled(names: Iterable[str]) -> dict[str, str]:
    """
    Return the names that resemble an argument, each with that argument.

    :param names: may include those of others, such as a launch file that includes ours.
    """
    known = [name for name, _ in ARGUMENTS]
    similar = {name: get_close_matches(name, known, 1, _SIMILARITY) for name in names}
    return {name: match[0] for name, match in similar.items() if match and name not in known}


def check_request(request: Request) -> None:
    """Refuse a robot that there is not, and values out of range; raises ConfigError."""
    for name, setting in ARGUMENTS:
        setting.check(name, getattr(request, name))
    absolute_namespace(request.namespace)
    _check_robot(request)


def absolute_namespace(text: str) -> str:
    """
    Return a namespace in its one form: empty, or with a slash in front and none at the end.

    :param text: as the user writes it, with or without these slashes.
    :raises ConfigError: ROS takes no such namespace.
    """
    if not _NAMESPACE.fullmatch(text) or len(text) > _NAMESPACE_LENGTH:
        raise ConfigError(
            f'namespace: got {quoted(text)}, expected letters, digits and _, no digit at '
            'the start of a part, parts separated by single slashes, at most '
            f'{_NAMESPACE_LENGTH} characters; for example left or /cell_1/left'
        )
    name = text.strip('/')
    return f'/{name}' if name else ''


def _check_robot(request: Request) -> None:
    if request.robot.endswith('.yaml'):
        _check_file(request)
    elif request.robot not in (known := robots(request.sim)):
        got, names = quoted(request.robot), ', '.join(known) or 'none'
        if request.robot in robots(not request.sim):
            raise ConfigError(f'robot: got {got}, which {_OTHER_KIND[request.sim]} one of {names}')
        file = Path(f'{request.robot}.yaml')
        hint = f'; did you mean {file}?' if file.is_file() else ''
        raise ConfigError(
            f'robot: got {got}, expected one of {names} or a .yaml file with '
            f'sim:={str(request.sim).lower()}{hint}'
        )


def _check_file(request: Request) -> None:
    """
    Refuse a file that does not fit ``sim``.

    Nothing else would notice that the limits and the bundle of a real robot are simulated.
    """
    spec = load_embodiment(embodiment_path(request.robot, request.sim))
    if spec.simulated and not request.sim:
        raise ConfigError(
            f'robot: {spec.path}: got a simulated robot, expected a real one; set sim:=true to '
            'run it in simulation, or simulated: false for a simulator that you start yourself'
        )
    names = [f'sim_{name}' for name in robots(sim=True)]
    if request.sim and not (spec.simulated and spec.name in names):
        raise ConfigError(
            f'robot: {spec.path}: got name: {spec.name} and simulated: '
            f'{str(spec.simulated).lower()}, expected a copy of the file of {", ".join(names)} '
            'with sim:=true; keep its name and simulated: true'
        )
