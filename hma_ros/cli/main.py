# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Entry point of the ``hma`` command."""

import argparse
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from hma_ros import __version__
from hma_ros.core.errors import HmaError

# Each has a module of its name in this package; in the order of --help.
COMMANDS = (
    'run',
    'call',
    'doctor',
    'check',
    'new-robot',
    'security',
    'topics',
    'record',
    'data',
    'generate',
    'imagine',
    'train',
    'finetune',
    'export',
    'build-engines',
    'import-checkpoint',
    'evaluate',
    'verify',
)
EXAMPLES = """\
examples:
  hma run predict robot:=franka sim:=true                try it without a robot
  hma run predict robot:=franka sim:=true mode:=execute  let the policy move the simulated arm
  hma doctor robot:=ur5e                                 check a real robot before it moves
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all sub-commands."""
    parser = argparse.ArgumentParser(
        prog='hma',
        description='Run the world model HMA on a robot, and train it.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'hma_ros {__version__}')
    subparsers = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name in COMMANDS:
        module = importlib.import_module(f'hma_ros.cli.{name.replace("-", "_")}')
        module.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :param arguments: without the program name; None takes those of the process.
    :returns: 0 on success, 1 on a finding, 2 on an error of the user's to fix, 130 on Ctrl-C, 141
        where nobody reads the output to its end.
    """
    try:
        _heed_interrupt()
        begun_s = time.monotonic()
        parsed = build_parser().parse_args(arguments)
        parsed.begun_s = begun_s
        code = int(parsed.run(parsed))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        if _has_reader(sys.stdout):
            raise  # the pipe was another one
        # The reader has read enough, like head(1): drop the rest without an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except HmaError as error:
        print(f'hma: error: {error}', file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise  # no file of the user's
        print(
            f'hma: error: {error.filename}: got "{error.strerror}", expected a path that can be '
            'read or written as asked for; choose another, or change its permissions',
            file=sys.stderr,
        )
        return 2
    except ModuleNotFoundError as error:
        print(
            f'hma: error: {error}; expected the packages of this command: `make setup-dev`, or '
            'requirements/train.txt for what trains, exports, imports or verifies',
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130


def _heed_interrupt() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again, which the executable has put off."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _has_reader(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLERR)
    return not any(event & select.POLLERR for _, event in poll.poll(0))


if __name__ == '__main__':
    sys.exit(main())
