# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma data``: recordings to data sets."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from hma_ros.cli import data_inspect, data_mark
from hma_ros.cli.pool_options import add_pool, chosen_pool
from hma_ros.core.errors import HmaError
from hma_ros.core.short_text import counted, first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from hma_ros.data.episode_source import EpisodeSource
    from hma_ros.data.imported_source import ImportedSource
    from hma_ros.data.lerobot_writer import LeRobotWriter

BAG = """\
  hma data import bag bags/run_1 bags/run_2 --out data/mine
  hma data import bag bags/* --embodiment my_arm.yaml --out data/mine --namespace left
  hma data import bag bags/* --out data/mine --ray                      on a Ray cluster
"""
LEROBOT = """\
  hma data import lerobot sets/so101 --embodiment so101 --out data/so101 --camera \\
    observation.images.front --state 0,1,2,3,4,5 --action 0,1,2,3,4,gripper.pos
  hma data import lerobot sets/arm --embodiment my_arm.yaml --out data/arm \\
    --state-key state --action-key actions
"""
RLDS = """\
  hma data import rlds sets/bridge/1.0.0 --fps 5 --embodiment my_arm.yaml --out data/bridge \\
    --camera observation/image_0 --state 0,1,2,3,4,5 --action 0,1,2,3,4,5,6
"""
HMA = """\
  hma data import hma sets/language_table_magvit_train --out data/language_table_tokens
"""


def add_parser(subparsers: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``data import``, ``data inspect`` and ``data mark``."""
    parser = subparsers.add_parser(
        'data',
        help='import recordings to data sets, inspect them, and mark their episodes',
        **_examples(BAG, LEROBOT, RLDS, HMA, data_inspect.EXAMPLES),
    )
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    importer = actions.add_parser(
        'import',
        help='write a LeRobot v3 data set from recordings',
        description='Write a LeRobot v3 data set from recordings, which are never modified. Run '
        'the same command again to resume after an interruption, or to add sources.',
        **_examples(BAG, LEROBOT, RLDS, HMA),
    )
    formats = importer.add_subparsers(dest='format', metavar='FORMAT', required=True)
    _add_bag(formats)
    _add_lerobot(formats)
    _add_rlds(formats)
    _add_hma(formats)
    data_inspect.add_parser(actions)
    data_mark.add_parser(actions)


def _add_bag(formats: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    parser = formats.add_parser('bag', help='rosbag2, sqlite3 or MCAP', **_examples(BAG))
    _add_common(parser)
    parser.add_argument(
        '--embodiment',
        metavar='X',
        help='name of a robot, or its YAML file (default: that in the bags of hma record)',
    )
    parser.add_argument(
        '--namespace',
        help='of the topics in the bags (default: that stored in the bag, else none)',
    )
    parser.set_defaults(run=run_bag)


def _add_lerobot(formats: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    text = 'LeRobot data sets, v2.1 or v3'
    parser = formats.add_parser('lerobot', help=text, **_examples(LEROBOT))
    _add_common(parser)
    _add_mapping(
        parser,
        'a name or an index of the state, with *FACTOR if the unit differs, separated '
        'by commas; for example "shoulder.pos*0.01745,1,2" (default: the names of the joints)',
    )
    _add_keys(parser, 'observation.state')
    parser.set_defaults(run=run_lerobot)


def _add_rlds(formats: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    parser = formats.add_parser(
        'rlds',
        help='RLDS data sets of TensorFlow Datasets, such as Open X-Embodiment',
        **_examples(RLDS),
    )
    _add_common(parser)
    _add_mapping(
        parser,
        'an index of the state, with *FACTOR if the unit differs, separated by commas; for '
        'example "0*0.01745,1,2"',
    )
    parser.add_argument(
        '--fps', type=_rate, required=True, metavar='HZ', help='steps per second of the data set'
    )
    _add_keys(parser, 'observation/state')
    parser.add_argument('--split', default='train', metavar='NAME', help='(default: train)')
    parser.set_defaults(run=run_rlds)


def _add_hma(formats: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    parser = formats.add_parser(
        'hma',
        help="token or latent folders of HMA's authors",
        description="Check token or latent folders of HMA's authors and join them to one, for "
        'hma train model --folders. Damaged episodes are left out and named.',
        **_examples(HMA),
    )
    parser.add_argument('sources', nargs='+', metavar='SRC', help='folders with metadata.json')
    parser.add_argument('--out', required=True, metavar='DIR', help='a new folder')
    parser.add_argument(
        '--domain', metavar='NAME', help="name for the model's stem (default: as in the sources)"
    )
    parser.set_defaults(run=run_hma)


def _examples(*commands: str) -> dict[str, Any]:
    epilog = f'examples:\n{"".join(commands)}'
    return {'epilog': epilog, 'formatter_class': argparse.RawDescriptionHelpFormatter}


def _rate(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1000.0:
        raise argparse.ArgumentTypeError(f'got {text}, expected a rate of at most 1000 per second')
    return value


def _add_mapping(parser: argparse.ArgumentParser, entries: str) -> None:
    parser.add_argument(
        '--embodiment', required=True, metavar='X', help='name of a robot, or its YAML file'
    )
    parser.add_argument(
        '--camera', default='', metavar='KEY', help='the images (default: the only camera)'
    )
    parser.add_argument(
        '--state',
        default='',
        metavar='NAMES',
        help=f'for each joint of the embodiment, in order, {entries}',
    )
    parser.add_argument(
        '--action',
        default='',
        metavar='NAMES',
        help='likewise for each value of an action; or "measured": derived from the joints',
    )


def _add_keys(parser: argparse.ArgumentParser, state: str) -> None:
    for name, default in (('state', state), ('action', 'action')):
        parser.add_argument(
            f'--{name}-key',
            default=default,
            metavar='KEYS',
            help=f'features that make up the {name}, separated by commas (default: {default})',
        )


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('sources', nargs='+', metavar='SRC', help='folders or files')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the data set')
    parser.add_argument(
        '--task', default='', help='what the robot does, as text (default: its stem)'
    )
    add_pool(parser, 1)


def run_bag(args: argparse.Namespace) -> int:
    """Import bags."""
    from pathlib import Path

    from hma_ros.core.embodiment import load_embodiment
    from hma_ros.data.bag_import import bag_embodiment, import_bags
    from hma_ros.data.lerobot_writer import LeRobotWriter

    sources, text = [Path(source) for source in args.sources], None
    if args.embodiment is None:
        spec, text, differing = bag_embodiment(sources)
        if differing:
            print(
                f'{sources[0]}: its embodiment file is used for all bags; the others differ in '
                f'{first_few(differing)}'
            )
    else:
        spec = load_embodiment(args.embodiment)
    writer = LeRobotWriter(Path(args.out), spec, args.task or spec.stem, text)
    return _tell_all(
        writer, sources, import_bags(sources, writer, args.namespace, chosen_pool(args))
    )


def run_lerobot(args: argparse.Namespace) -> int:
    """Import LeRobot data sets."""
    from hma_ros.data.lerobot_source import LeRobotSource

    keys = tuple(args.state_key.split(',')), tuple(args.action_key.split(','))
    return _import_episodes(args, lambda path: LeRobotSource(path, *keys))


def run_rlds(args: argparse.Namespace) -> int:
    """Import RLDS data sets."""
    from hma_ros.data.rlds_source import RldsSource

    keys = tuple(args.state_key.split(',')), tuple(args.action_key.split(','))
    return _import_episodes(args, lambda path: RldsSource(path, args.fps, *keys, args.split))


def _import_episodes(args: argparse.Namespace, open_: 'Callable[[Path], EpisodeSource]') -> int:
    """Open every source before any is imported."""
    from pathlib import Path

    from hma_ros.core.embodiment import load_embodiment
    from hma_ros.data.episode_import import FieldMap, import_episodes
    from hma_ros.data.lerobot_writer import LeRobotWriter

    spec = load_embodiment(args.embodiment)
    mapping = FieldMap(args.camera, args.state, args.action)
    sources = [open_(Path(source)) for source in args.sources]
    writer = LeRobotWriter(Path(args.out), spec, args.task or spec.stem)
    pool = chosen_pool(args)
    imported = (import_episodes(item, writer, mapping, pool) for item in sources)
    return _tell_all(writer, [item.folder for item in sources], imported)


def run_hma(args: argparse.Namespace) -> int:
    """Import token folders."""
    from pathlib import Path

    from hma_ros.data.token_import import import_tokens

    found = import_tokens([Path(source) for source in args.sources], Path(args.out), args.domain)
    for item in found:
        _tell(item)
    steps = sum(item.steps for item in found)
    frames = counted(steps, 'frame')
    print(f'{args.out}: {frames}; train on them with: hma train model --folders {args.out}')
    return 0


def _tell_all(
    writer: 'LeRobotWriter', paths: 'Sequence[Path]', sources: 'Iterable[ImportedSource]'
) -> int:
    """Report each source once it is imported; return 1 if one has no step."""
    from hma_ros.data.outcomes import summary

    added, without = 0, list[str]()
    try:
        for found in _shown(paths, sources):
            added += found.steps if found.is_new else 0
            _tell(found)
            if not found.steps:
                without.append(found.path)
    except KeyboardInterrupt:
        print('interrupted: the same command goes on with what is missing', file=sys.stderr)
        raise
    except HmaError:
        writer.remove_if_empty()
        raise
    writer.remove_if_empty()
    if writer.kept_keys:
        print(
            f'{writer.folder}: keeps the embodiment file of the first import, which differs in '
            f'{first_few(writer.kept_keys)}'
        )
    if writer.steps:
        print(
            f'added {counted(added, "step")}; {writer.folder}: {counted(writer.steps, "step")} in '
            f'{summary(writer.outcomes)}; look at them with: hma data inspect {writer.folder}'
        )
    if without:
        print(f'{first_few(without)}: got no steps, for the reasons above, expected some of each')
    return 1 if without else 0


def _shown(
    paths: 'Sequence[Path]', sources: 'Iterable[ImportedSource]'
) -> 'Iterator[ImportedSource]':
    """Yield the sources, with a bar that names the one that is read."""
    from contextlib import closing

    from hma_ros.core.progress import Progress, moving

    with closing(moving(paths, 'import', 'source')) as bar:
        for _, found in zip(bar, sources, strict=True):
            with Progress.external_write_mode(sys.stdout):
                yield found


def _tell(found: 'ImportedSource') -> None:
    known = '' if found.is_new else ' (imported before)'
    episodes, steps = counted(found.episodes, 'episode'), counted(found.steps, 'step')
    print(f'{found.path}: {episodes}, {steps}{known}')
    if found.facts['is_truncated']:
        print('  a file of the bag ends too early; all before that was read')
    _tell_marks(found.facts)
    for topic, counts in found.facts['topics'].items():
        named = ', '.join(
            f'{value} {key.replace("_", " ")}'
            for key, value in counts.items()
            if key != 'first_fault' and value
        )
        print(f'  {topic}: {named or "nothing"}')
        if counts['first_fault']:
            print(f'    first: {counts["first_fault"]}')
    for why in found.facts.get('left_out', ()):
        print(f'  left out: {why}')
    _tell_dropped(found.facts)


def _tell_marks(facts: 'dict[str, Any]') -> None:
    if not facts.get('has_marks', True):
        lost = ' (or they are lost with its end)' if facts['is_truncated'] else ''
        print(
            f'  no marks of episodes{lost}: all that follows without a gap is one episode; mark '
            'them while you record, with the keys of hma record or the services of bag_recorder'
        )
    elif marks := facts.get('marks'):
        effects = ', '.join(f'{count} {effect}' for effect, count in marks.items() if count)
        print(f'  attempts by their marks: {effects or "none begun"}')
    if count := facts.get('split_attempts'):
        print(
            f'  {counted(count, "attempt")} became several episodes, as steps were dropped; of a '
            'success only the last counts as succeeded'
        )
    if count := facts.get('empty_attempts'):
        print(f'  {counted(count, "attempt")} left out: no two steps in a row')


def _tell_dropped(facts: 'dict[str, Any]') -> None:
    """Tell what is missing in episodes, apart from what is missing elsewhere."""
    firsts = facts.get('first_drops', {})
    for kind, count in facts['dropped_steps'].items():
        print(f'  dropped: {count} x {kind}')
        if kind in firsts:
            print(f'    first: {firsts[kind]}')
    if not firsts and facts['first_drop']:
        print(f'    first: {facts["first_drop"]}')
    elsewhere = ', '.join(f'{n} x {kind}' for kind, n in facts.get('dropped_outside', {}).items())
    if steps := facts.get('outside_episodes'):
        print(f'  outside of episodes: {counted(steps, "step")}')
    if elsewhere:
        print(f'  dropped outside of episodes: {elsewhere}')
