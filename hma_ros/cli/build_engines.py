# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma build-engines``: build the TensorRT engines of a bundle ahead of time."""

from __future__ import annotations

import argparse
from pathlib import Path

from hma_ros.core.short_text import counted

EXAMPLES = """\
examples:
  hma build-engines hma_sim                       on the robot's own GPU, once
  hma build-engines hma_sim --engine-cache /data/engines
  hma build-engines hma_sim --provider cpu        only load each graph and run it once

Graphs that only the CPU runs, around its compiled layers, are left out. An engine fits one bundle,
one GPU, and one version of TensorRT and onnxruntime; after a change of any of them, build again.
Without this command the first start of the world model builds the engines.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``build-engines``."""
    parser = subparsers.add_parser(
        'build-engines',
        help='build the TensorRT engines of a bundle',
        description='Build the TensorRT engines of all graphs of a bundle, and run each once.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'bundle',
        metavar='BUNDLE',
        help='a folder, or the name of one in models/ of the package or of the working directory',
    )
    parser.add_argument(
        '--provider',
        default='tensorrt',
        choices=('tensorrt', 'cuda', 'cpu'),
        help='what runs the graphs (default: tensorrt); only tensorrt keeps engines',
    )
    parser.add_argument(
        '--device-id', type=int, default=0, metavar='N', help='GPU, as CUDA counts (default: 0)'
    )
    parser.add_argument(
        '--engine-cache',
        type=Path,
        metavar='FOLDER',
        help='where engines are kept (default: ~/.cache/hma_ros/engines)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build one graph after another; say how long each took and where its engine is."""
    from onnxruntime import get_available_providers

    from hma_ros.bringup import bundle_folder
    from hma_ros.core.progress import Progress
    from hma_ros.runtime.engine_builder import build, graphs_of
    from hma_ros.runtime.providers import Execution, choose

    folder = bundle_folder(args.bundle)
    execution = Execution(
        provider=args.provider, device_id=args.device_id, engine_cache=args.engine_cache
    )
    # Refused before a bar is drawn that cannot move.
    choose(execution, get_available_providers())
    graphs = graphs_of(folder, execution)
    total_s = 0.0
    with Progress(graphs, 'engines', unit='graph') as progress:
        for path, fitting in progress:
            progress.set_postfix_str(path.name)
            built = build(path, fitting)
            total_s += built.seconds
            progress.write(str(built))
    print(f'{counted(len(graphs), "graph")} of {folder} run on {args.provider}: {total_s:.1f} s')
    if args.provider != 'tensorrt':
        print(f'{args.provider} keeps no engines: it takes this long at every start')
    return 0
