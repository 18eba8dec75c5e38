# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma import-checkpoint``: from a checkpoint of the authors to a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.network.paper.checkpoint import PaperModel
    from hma_ros.network.paper.config import Domain, PaperConfig
    from hma_ros.network.paper.settings import Ability
    from hma_ros.runtime.manifest import StemInfo

SETTINGS = ('policy', 'forward', 'passive', 'full')
EXAMPLES = """\
examples:
  hf download liruiw/hma-base-disc --local-dir hma-base-disc
  hma import-checkpoint hma-base-disc                       what is it, and what can it do?
  hma import-checkpoint hma-base-disc models/base --stem language_table --require forward
  hma import-checkpoint hma-base-disc models/base --stem language_table \\
    --tokenizer magvit2.ckpt --embodiment my_table        a bundle that runs on a robot

The folder holds config.json and model.safetensors. Every parameter must be there, and no other.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``import-checkpoint``."""
    parser = subparsers.add_parser(
        'import-checkpoint',
        help="a bundle from a checkpoint of the paper's authors",
        description="Check a local copy of a checkpoint of the paper's authors, say what it can "
        'do, and write a bundle from it.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, metavar='SRC', help='the folder of the checkpoint')
    parser.add_argument(
        'bundle', type=Path, nargs='?', metavar='DST', help='the bundle; without it, only check'
    )
    parser.add_argument(
        '--stem',
        action='append',
        metavar='NAME',
        default=[],
        help='action spaces to export; default all',
    )
    parser.add_argument(
        '--require',
        action='append',
        choices=SETTINGS,
        default=[],
        help='refuse a checkpoint that was not trained for this; with DST, one whose bundle '
        'could not do it',
    )
    parser.add_argument(
        '--precision',
        default='fp32',
        choices=('fp32', 'fp16', 'int8'),
        help='of the matrix products in the bundle: fp32 (default), fp16 (for GPUs) or int8',
    )
    parser.add_argument(
        '--tokenizer',
        type=Path,
        metavar='PATH',
        help='the frame tokenizer to put beside: Open-MAGVIT2 (.safetensors, .ckpt) for a '
        'discrete model, a folder of the SVD autoencoder for a continuous one',
    )
    parser.add_argument(
        '--embodiment',
        action='append',
        default=[],
        metavar='NAME',
        help='a robot that the bundle shall serve, through the stem that its file names',
    )
    parser.add_argument(
        '--torch',
        action='store_true',
        help='keep the network in the bundle as well, for provider:=torch-cuda',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read, report, refuse what is required in vain, export."""
    from hma_ros.network.paper.checkpoint import read_released
    from hma_ros.network.paper.settings import Setting, abilities, bundle_abilities, require

    model = read_released(args.source)
    print(f'{args.source}')
    for line in describe(model):
        print(line)
    stems = list(dict.fromkeys(args.stem)) or [domain.name for domain in model.config.domains]
    for stem in stems:
        model.config.domain(stem)
    robots = _robots(args.embodiment, stems)
    found = bundle_abilities(model.config) if args.bundle else abilities(model.config)
    source = f'{args.source}, as a bundle' if args.bundle else str(args.source)
    for name in args.require:
        require(found, Setting(name), source)
    if args.bundle:
        _export(model, stems, robots, args)
    return 0


def _export(
    model: PaperModel,
    stems: Sequence[str],
    robots: Mapping[str, StemInfo],
    args: argparse.Namespace,
) -> None:
    """Write the bundle, and say what it can do."""
    from hma_ros.export.paper import BundleOptions, export_paper
    from hma_ros.export.proof import parity_text
    from hma_ros.network.paper.frames import load_codec
    from hma_ros.network.paper.settings import bundle_abilities
    from hma_ros.runtime.paper.manifest import PaperManifest

    options = BundleOptions(
        stems=stems,
        precision=args.precision,
        codec=load_codec(args.tokenizer, model.config) if args.tokenizer else None,
        robots=robots,
        checkpoint=args.torch,
    )
    manifest = PaperManifest.read(export_paper(model, args.bundle, options))
    found = bundle_abilities(model.config).items()
    able = ', '.join(setting.value for setting, ability in found if not ability.refusal)
    print(f'{args.bundle}: {able} of {", ".join(stems)}')
    print(f'against the checkpoint: {parity_text(manifest.parity)}')


def _robots(embodiments: Sequence[str], stems: Sequence[str]) -> dict[str, StemInfo]:
    from hma_ros.core.embodiment import load_embodiment
    from hma_ros.export.robot import robot_of

    robots = {}
    for name in embodiments:
        spec = load_embodiment(name)
        if spec.stem not in stems:
            raise ConfigError(
                f"--embodiment {name}: its stem is '{spec.stem}', expected one of "
                f'{", ".join(stems)}; write that into a copy of {spec.path}'
            )
        robots[spec.stem] = robot_of(spec)
    return robots


def describe(model: PaperModel) -> Iterator[str]:
    """Yield the lines of the report."""
    from hma_ros.network.paper.settings import abilities, bundle_abilities

    config = model.config
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    names = [domain.name for domain in config.domains]
    own = sum(n for key, n in counts.items() if any(f'.{name}.' in key for name in names))
    yield f'kind         {_kind(config)}'
    yield f'parameters   {sum(counts.values()) / 1e6:.3f} million, {own / 1e6:.3f} of the stems'
    yield f'trunk        {config.layers} layers, {config.heads} heads, width {config.width}'
    yield f'row          {config.image_tokens} tokens, {config.row_tokens} with its action'
    yield f'window       {config.rows} rows'
    yield f'actions      {_conditioning(config)}'
    bundled = bundle_abilities(config)
    for setting, ability in abilities(config).items():
        yield f'{setting.value:<12} {_verdicts(ability, bundled[setting])}'
    for domain in config.domains:
        yield f'stem         {_stem(domain)}'


def _kind(config: PaperConfig) -> str:
    parts = config.diffusion
    if parts is None:
        return f'discrete, {config.factors} factors of {config.factor_size}'
    return (
        f'continuous, patches of {parts.patch} x {parts.patch} of {parts.latent_channels} channels'
    )


def _conditioning(config: PaperConfig) -> str:
    ways = ['concat'] if config.concat else []
    if config.injection.value != 'none':
        ways.append(config.injection.value)
    return '+'.join(ways) if config.domains else 'none'


def _stem(domain: Domain) -> str:
    """One line: size, stride, and what rate of rows the stride was meant for."""
    from hma_ros.data.domains import RATE_HZ, upstream_stride

    text = f'{domain.name}: {len(domain.mean)} numbers x stride {domain.stride}'
    if domain.name not in RATE_HZ:
        return f'{text}, rate unknown'
    rate_hz = RATE_HZ[domain.name]
    text += f', {rate_hz / domain.stride:.3g} rows/s of {rate_hz} Hz'
    expected = upstream_stride(domain.name)
    return text if expected == domain.stride else f'{text} (stride {expected} expected)'


def _verdicts(checkpoint: Ability, bundle: Ability) -> str:
    """One of both, or each where they differ."""
    if checkpoint == bundle:
        return _verdict(checkpoint)
    return f'checkpoint: {_verdict(checkpoint)}; bundle: {_verdict(bundle)}'


def _verdict(ability: Ability) -> str:
    if ability.refusal:
        return f'no: {ability.refusal}'
    return f'yes, but {ability.caution}' if ability.caution else 'yes'
