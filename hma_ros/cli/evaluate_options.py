# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the parts of ``hma evaluate`` have in common: options, and the command that was typed."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hma_ros.cli.numbers import not_negative
from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.runtime.manifest import Manifest


def add_part(
    parts: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str, epilog: str
) -> argparse.ArgumentParser:
    """Add a part of ``evaluate``; `what` it measures begins with a small letter."""
    return parts.add_parser(
        name,
        help=what,
        description=f'{what[0].upper()}{what[1:]}.',
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that all measurements of a bundle have."""
    parser.add_argument(
        '--bundle',
        default='hma_sim',
        metavar='FOLDER',
        help='bundle, a folder or the name of one in models/ of the package or of the working '
        'directory (default: hma_sim)',
    )
    parser.add_argument(
        '--robot',
        nargs='+',
        default=[],
        metavar='NAME',
        dest='robots',
        help='robots as in config/embodiments (default: all of the bundle)',
    )
    parser.add_argument('--out', type=Path, metavar='FILE', help='also write the results as JSON')


def add_seed(parser: argparse.ArgumentParser, what: str) -> None:
    """Add what selects the `what` that are measured."""
    parser.add_argument(
        '--seed', type=not_negative, default=0, help=f'selects {what} (default: 0)'
    )


def chosen_manifest(args: argparse.Namespace) -> Manifest:
    """
    Read the manifest of the bundle that ``--bundle`` names.

    :raises BundleError: missing, malformed, or of another format.
    """
    from hma_ros.bringup import bundle_folder
    from hma_ros.runtime.manifest import Manifest

    return Manifest.read(bundle_folder(args.bundle))


def chosen_robots(args: argparse.Namespace, manifest: Manifest) -> Sequence[str]:
    """
    Return the robots that ``--robot`` names, or all of the bundle.

    :raises ConfigError: the bundle was not trained on one of them.
    """
    served = [stem.embodiment for stem in manifest.robots.values()]
    for robot in args.robots:
        if robot not in served:
            raise ConfigError(
                f"--robot: got '{robot}', expected one that {manifest.folder} was "
                f'trained on: {", ".join(served)}'
            )
    return args.robots or served


def simulated_robots(args: argparse.Namespace, manifest: Manifest) -> Sequence[str]:
    """
    Return those of :func:`chosen_robots` that the simulator has; the others are named.

    :raises ConfigError: it has none of them, or not all that ``--robot`` names.
    """
    from hma_ros.sim import TASK_NAMES

    chosen = chosen_robots(args, manifest)
    others = [robot for robot in chosen if robot not in TASK_NAMES]
    if others and (args.robots or len(others) == len(chosen)):
        raise ConfigError(
            f'{args.part}: got {", ".join(others)} of {manifest.folder}, expected a robot of the '
            f'simulator ({", ".join(TASK_NAMES)}); judge a policy of your own robot on that '
            'robot (docs/how-to/a-day-with-a-new-robot.md), and its world model with '
            'hma evaluate prediction --data'
        )
    if others:
        print(f'left out, as the simulator does not have them: {", ".join(others)}')
    return [robot for robot in chosen if robot in TASK_NAMES]


def write_results(args: argparse.Namespace, results: Sequence[dict[str, Any]]) -> None:
    """Write the results where ``--out`` says, with the command and how long it took."""
    from hma_ros.evaluation.measurements import write_measurements

    if args.out:
        took_s = round(time.monotonic() - args.begun_s)
        write_measurements(args.out, typed_command(args), results, took_s=took_s)


def typed_command(args: argparse.Namespace) -> str:
    """Write the command that measures this again, defaults included."""
    words = ['hma', 'evaluate', args.part]
    for name, value in vars(args).items():
        if name in {'command', 'part', 'run', 'out', 'images', 'ray', 'begun_s'}:
            continue
        if value is None or value is False or value == []:
            continue
        values = value if isinstance(value, list) else [] if value is True else [value]
        option = 'robot' if name == 'robots' else name.replace('_', '-')
        words += [f'--{option}', *map(str, values)]
    return shlex.join(words)
