# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma data inspect``: findings about a data set, and a page that shows it."""

import argparse
from typing import TYPE_CHECKING

from hma_ros.core.short_text import counted

if TYPE_CHECKING:
    from hma_ros.data.inspection import Inspection
    from hma_ros.data.lerobot_reader import LeRobotData
    from hma_ros.runtime.frames import BundleCodec

EXAMPLES = """\
  hma data inspect data/mine
  hma data inspect data/mine --bundle hma_sim    how well its frame tokenizer reconstructs frames
"""


def add_parser(actions: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add ``data inspect``."""
    parser = actions.add_parser(
        'inspect',
        help='check a data set, and write an HTML page about it',
        description='Print findings and write DIR/inspect.html. Exit code 1 if there are any.',
        epilog=f'examples:\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', metavar='DIR', help='a data set of hma data import')
    parser.add_argument('--out', metavar='FILE', help='the page (default: DIR/inspect.html)')
    parser.add_argument(
        '--bundle', metavar='B', help='bundle, to show how its frame tokenizer reconstructs frames'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings and write the page."""
    from pathlib import Path

    from hma_ros.data.inspection import inspect
    from hma_ros.data.inspection_page import write_page
    from hma_ros.data.lerobot_reader import LeRobotData
    from hma_ros.data.outcomes import summary
    from hma_ros.data.synthetic_writer import imagined_by

    data = LeRobotData(Path(args.folder))
    codec = _frame_codec(args.bundle, data) if args.bundle and len(data) else None
    found = inspect(data)
    if codec is not None:
        _draw_frames(found, codec)
    page = Path(args.out) if args.out else data.folder / 'inspect.html'
    write_page(data, found, page)
    for finding in found.findings:
        print(f'- {finding}')
    for origin in imagined_by(data.synthetic):
        print(origin)
    steps, episodes = counted(found.steps, 'step'), summary(data.outcomes)
    print(f'{page}: {steps} in {episodes}, {counted(len(found.findings), "finding")}')
    return 1 if found.findings else 0


def _frame_codec(bundle: str, data: 'LeRobotData') -> 'BundleCodec':
    """Open the frame tokenizer of a bundle; raises ConfigError if it takes another size."""
    from hma_ros.bringup import bundle_folder
    from hma_ros.core.errors import ConfigError
    from hma_ros.runtime.frames import BundleCodec
    from hma_ros.runtime.manifest import Manifest
    from hma_ros.runtime.providers import Execution

    manifest = Manifest.read(bundle_folder(bundle))
    got, expected = list(data.spec.camera.resize), [manifest.image_size] * 2
    if got != expected:
        raise ConfigError(
            f'{data.folder}: frames: got {got}, expected {expected} (size of the bundle); import '
            f'them again with camera.resize {expected}, choose another bundle, or leave out '
            '--bundle'
        )
    return BundleCodec(manifest, Execution())


def _draw_frames(found: 'Inspection', codec: 'BundleCodec') -> None:
    """Reconstruct the frames on the page from their tokens, and print the PSNR."""
    import numpy as np

    from hma_ros.data.drawn_frames import findings, reconstruction, summary

    def draw(frames: np.ndarray) -> np.ndarray:
        return np.stack([codec.decode(codec.encode(frame)) for frame in frames])

    for view in found.episodes:
        view.drawn = list(draw(np.stack(view.frames)))
    quality = reconstruction(draw, [view.frames for view in found.episodes])
    print(summary(quality))
    found.findings += findings(quality)
