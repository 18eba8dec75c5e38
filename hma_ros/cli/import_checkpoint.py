# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma import-checkpoint``: from a checkpoint of the authors to a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hma_ros.cli.bundle_options import add_decoding, add_frames, add_precision, add_torch
from hma_ros.cli.interruption import tidy_when_ended
from hma_ros.cli.numbers import positive
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.decoding import UNMASKING
from hma_ros.core.generation.problem_setting import ProblemSetting

if TYPE_CHECKING:
    from hma_ros.core.embodiment.stem_spec import StemSpec
    from hma_ros.core.generation.decoding import Decoding
    from hma_ros.export.bundle import BundleOptions
    from hma_ros.network.abilities import Ability
    from hma_ros.network.checkpoint import ReleasedCheckpoint
    from hma_ros.network.config import Domain, HmaConfig

EXAMPLES = """\
examples:
  hf download liruiw/hma-base-disc --local-dir hma-base-disc
  hma import-checkpoint hma-base-disc                       what is it, and what can it do?
  hma import-checkpoint hma-base-disc models/base --stem language_table --require forward
  hma import-checkpoint hma-base-disc models/base --stem language_table \\
    --tokenizer magvit2.ckpt --embodiment my_table        a bundle that runs on a robot
  ... --precision int8 --frames images                      and decodes faster on a CPU

The folder has config.json and model.safetensors, in one file or in shards, with exactly the
parameters of the model. Folders of the Hugging Face cache (models--ORG--NAME) work as they are.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``import-checkpoint``."""
    parser = subparsers.add_parser(
        'import-checkpoint',
        help="write a bundle from a checkpoint of HMA's authors",
        description="Check a local copy of a checkpoint of HMA's authors, say what it supports, "
        'and write a bundle from it.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'source',
        type=Path,
        metavar='SRC',
        help='the folder of the checkpoint, or its folder in the Hugging Face cache',
    )
    parser.add_argument(
        'bundle', type=Path, nargs='?', metavar='DST', help='the bundle; without it, only check'
    )
    parser.add_argument(
        '--stem',
        action='append',
        metavar='NAME',
        default=[],
        help='stem to export, repeatable (default: those of --embodiment, else all)',
    )
    parser.add_argument(
        '--require',
        action='append',
        choices=[setting.value for setting in ProblemSetting],
        default=[],
        help='refuse a checkpoint that was not trained for this setting; with DST, also one '
        'whose bundle would not support it',
    )
    add_precision(parser)
    _add_robot(parser)
    _add_decoding(parser)
    parser.set_defaults(run=run)


def _add_robot(parser: argparse.ArgumentParser) -> None:
    """Add what goes into the bundle beside the model."""
    parser.add_argument(
        '--tokenizer',
        type=Path,
        metavar='PATH',
        help='frame tokenizer to put into the bundle: Open-MAGVIT2 (.safetensors, .ckpt) for a '
        'discrete model, a folder of the SVD autoencoder for a continuous one',
    )
    parser.add_argument(
        '--embodiment',
        action='append',
        default=[],
        metavar='NAME',
        help='robot that the bundle is for; its file names the stem; repeatable',
    )
    add_torch(parser)
    add_frames(parser)


def _add_decoding(parser: argparse.ArgumentParser) -> None:
    """Add the defaults of the bundle; parameters of the node override them."""
    add_decoding(parser, known='')
    parser.add_argument(
        '--denoise-steps',
        type=positive,
        metavar='N',
        help='steps of the denoiser, of a continuous model (default: 16)',
    )
    parser.add_argument(
        '--unmasking',
        choices=UNMASKING,
        help='tokens of a discrete model that a pass unmasks: the most confident (default), or '
        'random ones',
    )


def run(args: argparse.Namespace) -> int:
    """Report, refuse what is required in vain, then read and export."""
    from hma_ros.network.checkpoint import ReleasedCheckpoint
    from hma_ros.network.frames import check_codec, frame_pixels

    checkpoint = ReleasedCheckpoint(args.source)
    print(checkpoint.folder)
    for line in describe(checkpoint):
        print(line)
    known = [domain.name for domain in checkpoint.config.domains]
    robots = _robots(args.embodiment, args.stem or known)
    stems = _stems(args, robots, checkpoint.config)
    _require(args, checkpoint.config)
    _check_frames(args)
    if not args.bundle:
        _decoding(args, checkpoint.config)  # checks itself
        checkpoint.read()
        return 0
    options = _options(args, stems, robots, checkpoint.config)
    if args.tokenizer:
        check_codec(args.tokenizer, checkpoint.config)
        _check_frame_size(args, frame_pixels(args.tokenizer, checkpoint.config))
    with tidy_when_ended():
        _export(checkpoint, options, args)
    return 0


def _check_frame_size(args: argparse.Namespace, pixels: int | None) -> None:
    """Refuse a robot whose frames have another size than the tokenizer's; None if unknown."""
    from hma_ros.core.embodiment import load_embodiment

    for name in args.embodiment if pixels else ():
        resize = list(load_embodiment(name).camera.resize)
        if resize != [pixels] * 2:
            raise ConfigError(
                f'--embodiment {name}: camera.resize: got {resize}, expected {[pixels] * 2}, the '
                f'frames of {args.tokenizer}; set camera.resize or choose another tokenizer'
            )


def _check_frames(args: argparse.Namespace) -> None:
    from hma_ros.export.int8_decoder import frame_paths

    if args.frames and not args.tokenizer:
        raise ConfigError(
            f'--frames {args.frames}: got no --tokenizer, expected one, whose decoder is '
            'quantized; add --tokenizer or leave --frames out'
        )
    if args.frames:
        frame_paths(args.frames)


def _stems(
    args: argparse.Namespace, robots: Mapping[str, StemSpec], config: HmaConfig
) -> list[str]:
    """Return those that are named, else those of the robots, else all."""
    stems = list(dict.fromkeys(args.stem)) or list(robots)
    for stem in stems:
        config.domain(stem)
    return stems or [domain.name for domain in config.domains]


def _require(args: argparse.Namespace, config: HmaConfig) -> None:
    from hma_ros.network.abilities import abilities, bundle_abilities, require

    found = bundle_abilities(config) if args.bundle else abilities(config)
    source = f'{args.source}, as a bundle' if args.bundle else str(args.source)
    for name in args.require:
        require(found, ProblemSetting(name), source)


def _decoding(args: argparse.Namespace, config: HmaConfig) -> Decoding:
    """Read the sampling options; raises ConfigError of those that the model does not have."""
    from hma_ros.core.generation.decoding import Decoding

    names = ('mask_steps', 'denoise_steps', 'temperature', 'unmasking', 'guidance')
    decoding = Decoding(*(getattr(args, name) for name in names))
    kind = 'continuous' if config.diffusion else 'discrete'
    decoding.check_model(kind, config.hides_actions)
    return decoding


def _options(
    args: argparse.Namespace,
    stems: Sequence[str],
    robots: Mapping[str, StemSpec],
    config: HmaConfig,
) -> BundleOptions:
    """Check all that can be known before anything large is read."""
    from hma_ros.export.bundle import BundleOptions, check_options
    from hma_ros.export.replace import check_replaceable

    decoding = _decoding(args, config)
    options = BundleOptions(
        stems=stems, precision=args.precision, robots=robots, checkpoint=args.torch
    ).recommending(decoding)
    check_options(config, options)
    check_replaceable(args.bundle)
    return options


def _export(
    checkpoint: ReleasedCheckpoint, options: BundleOptions, args: argparse.Namespace
) -> None:
    """Write the bundle, and say what it can do."""
    from hma_ros.export.bundle import export_bundle
    from hma_ros.export.int8_decoder import read_frames
    from hma_ros.export.parity import parity_text
    from hma_ros.network.abilities import bundle_abilities
    from hma_ros.network.frames import load_codec
    from hma_ros.runtime.manifest import Manifest

    if args.tokenizer:
        codec = load_codec(args.tokenizer, checkpoint.config)
        frames = read_frames(args.frames, codec.image_size) if args.frames else None
        options = replace(options, codec=codec, frames=frames)
    model = checkpoint.read(options.stems)
    manifest = Manifest.read(export_bundle(model, args.bundle, options))
    found = bundle_abilities(model.config).items()
    able = ', '.join(setting.value for setting, ability in found if not ability.refusal)
    print(f'{args.bundle}: {able} of {", ".join(options.stems)}')
    print(f'against the checkpoint: {parity_text(manifest.parity)}')
    for name, parity in manifest.codec_parity.items():
        print(f'{name} against the tokenizer: {parity_text(parity)}')


def _robots(embodiments: Sequence[str], stems: Sequence[str]) -> dict[str, StemSpec]:
    """Read the robots by their stems, which have to be among those given."""
    from hma_ros.core.embodiment import load_embodiment
    from hma_ros.export.robot import robot_of

    robots: dict[str, StemSpec] = {}
    for name in embodiments:
        spec = load_embodiment(name)
        if spec.stem not in stems:
            raise ConfigError(
                f'--embodiment {name}: stem: got {spec.stem!r}, expected one of '
                f'{", ".join(stems)}; write that into a copy of {spec.path}'
            )
        if spec.stem in robots:
            raise ConfigError(
                f'--embodiment {name}: stem: got {spec.stem!r} again, expected a stem of its own: '
                f'{robots[spec.stem].embodiment} has it; make a bundle for each'
            )
        robots[spec.stem] = robot_of(spec, is_released=True)
    return robots


def describe(checkpoint: ReleasedCheckpoint) -> Iterator[str]:
    """Yield the lines of the report."""
    from hma_ros.network.abilities import abilities, bundle_abilities
    from hma_ros.network.released_config import defaults_text

    config, counts = checkpoint.config, checkpoint.counts
    names = [domain.name for domain in config.domains]
    own = sum(n for key, n in counts.items() if any(f'.{name}.' in key for name in names))
    yield f'kind         {_kind(config)}'
    yield f'parameters   {sum(counts.values()) / 1e6:.3f} million, {own / 1e6:.3f} of the stems'
    yield f'trunk        {config.layers} layers, {config.heads} heads, width {config.width}'
    yield f'step         {config.image_tokens} tokens, {config.step_tokens} with its action'
    yield f'window       {config.window} steps'
    yield f'actions      {_conditioning(config)}'
    if checkpoint.missing_keys:
        taken = defaults_text(checkpoint.missing_keys)
        yield f"defaults     {taken} (not in config.json: the authors' defaults)"
    bundled = bundle_abilities(config)
    for setting, ability in abilities(config).items():
        yield f'{setting.value:<12} {_verdicts(ability, bundled[setting])}'
    for domain in config.domains:
        yield f'stem         {_stem(domain)}'


def _kind(config: HmaConfig) -> str:
    parts = config.diffusion
    if parts is None:
        return f'discrete, {config.factors} factors of {config.factor_size}'
    return (
        f'continuous, patches of {parts.patch} x {parts.patch} of {parts.latent_channels} channels'
    )


def _conditioning(config: HmaConfig) -> str:
    ways = ['concat'] if config.concat else []
    if config.injection.value != 'none':
        ways.append(config.injection.value)
    return '+'.join(ways) if config.domains else 'none'


def _stem(domain: Domain) -> str:
    """One line: size, stride, and what rate of steps the stride was meant for."""
    from hma_ros.core.domains import recorded_hz, upstream_stride

    text = f'{domain.name}: {len(domain.mean)} numbers x stride {domain.stride}'
    rate_hz = recorded_hz(domain.name)
    if rate_hz is None:
        return f'{text}, rate unknown'
    text += f', {rate_hz / domain.stride:.3g} steps/s of {rate_hz} Hz'
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
