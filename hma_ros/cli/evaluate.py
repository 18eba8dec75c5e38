# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate``: measure a bundle, and draw the losses of a training run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli import evaluate_imagined, evaluate_long_horizon, evaluate_losses
from hma_ros.cli.bundle_options import add_decoding, chosen_decoding
from hma_ros.cli.evaluate_options import (
    add_common,
    add_part,
    add_seed,
    chosen_manifest,
    chosen_robots,
    simulated_robots,
    write_results,
)
from hma_ros.cli.generate import add_scene
from hma_ros.cli.interruption import keeping_nothing
from hma_ros.cli.lpips_option import add_lpips, chosen_lpips
from hma_ros.cli.numbers import not_negative, positive, positive_number
from hma_ros.cli.pool_options import add_pool, chosen_pool
from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import POLICIES
from hma_ros.core.writable import check_file, check_folder

if TYPE_CHECKING:
    from hma_ros.data.episodes import Episodes
    from hma_ros.evaluation.closed_loop import PolicyResult
    from hma_ros.evaluation.prediction import FrameMeasure, Prediction
    from hma_ros.runtime.manifest import Manifest
    from hma_ros.runtime.world_model import WorldModel

EXAMPLES = """\
examples:
  hma evaluate prediction --robot sim_planar            how well are frames imagined?
  hma evaluate prediction --data data --images demo     on recorded episodes, with images
  hma evaluate long-horizon --robot sim_planar          how long does a rollout stay true?
  hma evaluate closed-loop --episodes 100               how often does the policy succeed?
  hma evaluate imagined --robot sim_planar              and in frames that the model imagines?
  hma evaluate losses runs/mine/model/log.jsonl         how did the training go?
"""
PREDICTION_EXAMPLES = """\
examples:
  hma evaluate prediction
  hma evaluate prediction --robot sim_franka --steps 50 --trials 2
  hma evaluate prediction --bundle runs/mine/bundle --data data --out benchmarks/out/mine.json
  hma evaluate prediction --bundle mine --data data/mine_held_out --images out

Without --data, held-out episodes are made in the simulator, always the same ones. docs/results.md
explains the tables. A good model gains 3 dB on changed pixels, with a delta PSNR above zero.
Results are written at the end: Ctrl-C keeps nothing.
"""
CLOSED_LOOP_EXAMPLES = """\
examples:
  hma evaluate closed-loop --robot sim_planar --episodes 20
  hma evaluate closed-loop --policies model --out benchmarks/out/closed_loop.json
  hma evaluate closed-loop --through-ros --robot sim_so101 --episodes 100
  hma evaluate closed-loop --policies model --scene random      in scenes it never saw
  hma evaluate closed-loop --episodes 1000 --ray                on a Ray cluster

model is the bundle's policy, expert the script it learned from, random is random motion. The
policy decides without imagining frames, so there is no --temperature. Results are written at the
end: Ctrl-C keeps nothing.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``evaluate`` with its parts."""
    parser = subparsers.add_parser(
        'evaluate',
        help='measure how well a bundle predicts and acts; draw the losses of a training run',
        description='Measure how well a bundle predicts and acts, or draw the losses of a '
        'training run.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(dest='part', metavar='WHAT', required=True)
    _add_prediction(parts)
    evaluate_long_horizon.add_part(parts)
    evaluate_imagined.add_part(parts)
    _add_closed_loop(parts)
    evaluate_losses.add_part(parts)


def _add_prediction(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = add_part(
        parts,
        'prediction',
        'how well frames of held-out episodes are imagined',
        PREDICTION_EXAMPLES,
    )
    add_common(parser)
    parser.add_argument(
        '--data',
        type=Path,
        metavar='FOLDER',
        help='recorded episodes: FOLDER/ROBOT/val, or a data set of `hma data import` (default: '
        'made in the simulator)',
    )
    parser.add_argument(
        '--episodes',
        type=positive,
        default=40,
        metavar='N',
        help='episodes to make without --data (default: 40)',
    )
    parser.add_argument(
        '--steps',
        type=positive,
        default=300,
        metavar='N',
        help='steps to predict from, for each robot (default: 300)',
    )
    parser.add_argument(
        '--trials',
        type=positive,
        default=5,
        metavar='N',
        help='wrong actions tried at each step (default: 5)',
    )
    parser.add_argument(
        '--horizon',
        type=positive,
        default=8,
        metavar='N',
        help='steps of the open-loop rollouts (default: 8)',
    )
    add_lpips(parser)
    add_decoding(parser)
    add_seed(parser, 'steps and wrong actions')
    parser.add_argument(
        '--images',
        type=Path,
        metavar='FOLDER',
        help='write a strip and an animation of a rollout of each robot here',
    )
    parser.set_defaults(run=run_prediction)


def _add_closed_loop(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = add_part(
        parts,
        'closed-loop',
        'how often the policy succeeds in the simulator',
        CLOSED_LOOP_EXAMPLES,
    )
    add_common(parser)
    parser.add_argument(
        '--episodes',
        type=positive,
        default=50,
        metavar='N',
        help='episodes of each policy (default: 50)',
    )
    parser.add_argument(
        '--seed',
        type=not_negative,
        default=0,
        metavar='N',
        help='of the first start; each episode takes the next one (default: 0)',
    )
    parser.add_argument(
        '--policies',
        nargs='+',
        choices=POLICIES,
        metavar='NAME',
        help='of model, expert, random (default: all; with --through-ros model)',
    )
    add_scene(parser)
    add_pool(parser, 2)
    parser.add_argument(
        '--through-ros',
        action='store_true',
        help='drive the model through the ROS nodes, one episode at a time (default: in process)',
    )
    parser.add_argument(
        '--real-time-factor',
        type=positive_number,
        metavar='X',
        help='speed of the simulation, only with --through-ros (default: 1, real time)',
    )
    parser.set_defaults(run=run_closed_loop)


def run_prediction(args: argparse.Namespace) -> int:
    """Print the tables of prediction, and write what was asked for."""
    from hma_ros.data.imported_episodes import is_data_set, open_episodes
    from hma_ros.evaluation.held_out import check_recorded
    from hma_ros.evaluation.measurements import as_result
    from hma_ros.evaluation.prediction import check_horizon
    from hma_ros.evaluation.tables import PREDICTION_TABLES

    check_folder('--images', args.images)
    check_file('--out', args.out)
    manifest = chosen_manifest(args)
    if args.data is not None and is_data_set(args.data):
        args.robots = args.robots or [open_episodes(args.data).embodiment]
    robots = (simulated_robots if args.data is None else chosen_robots)(args, manifest)
    check_horizon(args.horizon, manifest.max_horizon)
    chosen_decoding(args).check_model(manifest.kind, manifest.hides_actions)
    if args.data is not None and not is_data_set(args.data):
        check_recorded(args.data, robots)
    lpips = chosen_lpips(args, manifest.image_size)
    with keeping_nothing(f'prediction of {", ".join(robots)}'):
        measured = [_predict(args, manifest, robot, lpips) for robot in robots]
    results = [as_result('prediction', item) for item in measured]
    print(*(table(results) for table in PREDICTION_TABLES), sep='\n')
    write_results(args, results)
    return 0


def run_closed_loop(args: argparse.Namespace) -> int:
    """Print the table of policies, and write the results where asked to."""
    from hma_ros.evaluation.closed_loop import HELD_OUT_SEED
    from hma_ros.evaluation.measurements import as_result
    from hma_ros.evaluation.tables import closed_loop_table

    check_file('--out', args.out)
    _check_closed_loop(args)
    manifest = chosen_manifest(args)
    robots = simulated_robots(args, manifest)
    first = HELD_OUT_SEED + args.seed
    seeds = range(first, first + args.episodes)
    with keeping_nothing(f'closed-loop of {", ".join(robots)}'):
        results = [
            as_result('closed_loop', item)
            for robot in robots
            for item in _closed_loop(args, robot, manifest.folder, seeds)
        ]
    print(closed_loop_table(results))
    write_results(args, results)
    return 0


def _check_closed_loop(args: argparse.Namespace) -> None:
    """Refuse what does not go together, and fill in what was not said: ConfigError."""
    if args.through_ros and args.ray is not None:
        raise ConfigError(
            '--ray: got it with --through-ros, whose nodes run on this machine, expected one of '
            'the two; leave one out'
        )
    if args.through_ros and args.scene != 'fixed':
        raise ConfigError(
            f'--scene: got {args.scene} with --through-ros, expected fixed; leave one out'
        )
    if args.through_ros and args.policies not in (None, ['model']):
        raise ConfigError(
            f'--policies: got {" ".join(args.policies)} with --through-ros, expected model; '
            'leave one out'
        )
    if args.real_time_factor is not None and not args.through_ros:
        raise ConfigError(
            f'--real-time-factor: got {args.real_time_factor:g} without --through-ros, expected '
            'both; leave it out'
        )
    if args.through_ros:
        args.policies, args.real_time_factor = ['model'], args.real_time_factor or 1.0
    args.policies = args.policies or list(POLICIES)


def _closed_loop(
    args: argparse.Namespace, robot: str, bundle: Path, seeds: Sequence[int]
) -> list[PolicyResult]:
    if args.through_ros:
        return [_through_ros(robot, bundle, seeds, args.real_time_factor)]
    from hma_ros.evaluation.closed_loop import evaluate_policies

    pool = chosen_pool(args)
    return evaluate_policies(robot, bundle, seeds, args.policies, pool, scene=args.scene)


def _through_ros(
    robot: str, bundle: Path, seeds: Sequence[int], real_time_factor: float
) -> PolicyResult:
    import numpy as np

    from hma_ros.cli.session import running_nodes
    from hma_ros.core.progress import Progress
    from hma_ros.evaluation.closed_loop import PolicyResult
    from hma_ros.sim import make_task

    task = make_task(robot)
    horizon_s = task.horizon_steps / task.frame_hz
    task.close()
    name = robot.removeprefix('sim_')
    with running_nodes(name, real_time_factor, str(bundle), horizon=2) as (spec, client):
        episodes = [client.run(seed, horizon_s) for seed in Progress(seeds, robot, unit='episode')]
    steps = [item.sim_time_s * spec.rates.frame_hz for item in episodes if item.success]
    mean_steps = float(np.mean(steps)) if steps else float('nan')
    return PolicyResult(robot, 'model, through ROS', len(episodes), len(steps), mean_steps)


def _predict(
    args: argparse.Namespace, manifest: Manifest, robot: str, lpips: FrameMeasure | None
) -> Prediction:
    from hma_ros.evaluation.prediction import PredictionConfig, measure_prediction
    from hma_ros.runtime.fit import serving_stem
    from hma_ros.runtime.world_model import WorldModel

    with tempfile.TemporaryDirectory() as scratch:
        episodes = _episodes(args, robot, scratch, manifest.image_size)
        _warn_of_synthetic(episodes)
        stem = serving_stem(episodes.spec, manifest)
        model = WorldModel(manifest.folder, stem, decoding=chosen_decoding(args))
        config = PredictionConfig(args.steps, args.trials, args.horizon, args.seed)
        measured = measure_prediction(model, episodes, config, lpips=lpips)
        if args.images:
            _draw(model, episodes, args.images / robot)
    return measured


def _episodes(args: argparse.Namespace, robot: str, scratch: str, image_size: int) -> Episodes:
    from hma_ros.data.imported_episodes import is_data_set, open_episodes
    from hma_ros.evaluation.held_out import fresh_episodes, kinds, recorded_episodes

    if args.data is not None:
        is_imported = is_data_set(args.data)
        return open_episodes(args.data) if is_imported else recorded_episodes(args.data, robot)
    return fresh_episodes(scratch, robot, kinds(args.episodes), image_size=image_size)


def _warn_of_synthetic(episodes: Episodes) -> None:
    """Say where the frames to compare with are no camera's."""
    from hma_ros.data.synthetic_writer import imagined_by

    for text in imagined_by(episodes.synthetic):
        print(
            f'warning: {episodes.embodiment}: {text}; such frames are no truth: the numbers say '
            'how alike two models imagine',
            file=sys.stderr,
        )


def _draw(model: WorldModel, episodes: Episodes, path: Path) -> None:
    """Draw the longest episode, from its first quarter on."""
    from hma_ros.data.episodes import in_memory
    from hma_ros.evaluation.images import imagine_episode, write_animation, write_strip

    longest = in_memory(max(episodes, key=lambda episode: episode.steps))
    rollout = imagine_episode(model, longest, longest.steps // 4, horizon=24)
    write_strip(rollout, path.with_suffix('.png'))
    write_animation(rollout, path.with_suffix('.gif'))
    print(f'images: {path}.png, {path}.gif')
