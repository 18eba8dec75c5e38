# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The manifest of a bundle: one format for every HMA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hma_ros.core.domains import stem_remedy
from hma_ros.core.embodiment.stem_facts import StemFacts, read_stem_facts
from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.short_text import first_few, shortened
from hma_ros.runtime.manifest_file import FILE_NAME, check_facts, check_files, read_facts

KINDS = ('discrete', 'continuous')
COMPATS = ('upstream', 'corrected')
TIMES = ('learned', 'rotary', 'lag')
# Frames are decoded from the tokens chosen, or from the expected value of every factor.
DRAWINGS = ('tokens', 'expected')
TOKENIZERS = ('magvit2', 'svd', 'levels', 'values')
SIZE_REMEDY = 'set camera.resize or choose another bundle'
# The diffusion head of patches; those of actions are `action_S`.
PATCH_HEAD = 'patch'
# The graph that decodes frames in int8.
INT8_DECODER = 'decoder_int8'
# How the names of graphs begin that go around compiled layers; they are for the CPU alone.
EDGE_GRAPHS = ('enter_', 'leave_')
# Steps to imagine at most where no window ends it.
_SLIDING_HORIZON = 128


@dataclass(frozen=True)
class FrameFacts:
    """
    The frame tokenizer in a bundle.

    :param tokenizer: one of :data:`TOKENIZERS`: what its graphs were made from.
    :param image_size: height and width of a frame, pixels.
    :param latent_scale: what the encoder graph has multiplied latents with, and the decoder
        graph divides by; 1 for discrete tokens.
    """

    tokenizer: str
    image_size: int
    latent_scale: float


@dataclass(frozen=True)
class Manifest:
    """
    Facts of a bundle; they live here and nowhere else.

    :param folder: where the bundle lies.
    :param kind: one of :data:`KINDS`.
    :param compat: one of :data:`COMPATS`, see ``docs/explanation/model.md``.
    :param time: one of :data:`TIMES`: whether a context ends with the window or slides for ever.
    :param layers: blocks of the trunk.
    :param heads: attention heads.
    :param head_width: channels of a head.
    :param window: steps a step attends to, itself included.
    :param image_tokens: tokens of a frame.
    :param kept_tokens: places of a step of which keys and values are kept.
    :param factors: integers per token of the discrete kind.
    :param factor_size: values each can take.
    :param patch_size: numbers of a token of the continuous kind.
    :param predicts_actions: whether the action heads were trained.
    :param hides_actions: whether the action of a step may be masked.
    :param mask_steps: masked passes per frame.
    :param precision: of the arithmetic, ``fp32``, ``fp16`` or ``int8``.
    :param stems: by name.
    :param files: SHA-256 by file name.
    :param parity: what the export found.
    :param frames: the frame tokenizer; None in a bundle that only takes and gives tokens.
    :param denoise_steps: calls of the denoiser per sample of the continuous kind, at most.
    :param temperature: see :class:`~hma_ros.core.generation.decoding.Decoding`; None is 0 of the
        discrete kind and 1 of the continuous one.
    :param unmasking: likewise, of the discrete kind.
    :param guidance: likewise.
    :param codec_parity: what the export found of encoder and decoder, by graph.
    :param previous_frame: whether the trunk is shown the frame before each step.
    :param action_delay: 0 where the trunk is shown, with each frame, the action executed from it,
        1 where the one that led there; of concern to the rollout alone.
    :param reads_joints: whether action heads read the measured joints of the stem's robot.
    :param drawing: one of :data:`DRAWINGS`.
    """

    folder: Path
    kind: str
    compat: str
    time: str
    layers: int
    heads: int
    head_width: int
    window: int
    image_tokens: int
    kept_tokens: int
    factors: int
    factor_size: int
    patch_size: int
    predicts_actions: bool
    hides_actions: bool
    mask_steps: int
    precision: str
    stems: Mapping[str, StemFacts]
    files: Mapping[str, str]
    parity: Mapping[str, float]
    frames: FrameFacts | None = None
    denoise_steps: int = 16
    temperature: float | None = None
    unmasking: str = 'confident'
    codec_parity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    previous_frame: bool = False
    action_delay: int = 0
    reads_joints: bool = False
    drawing: str = 'tokens'
    guidance: float = 1.0

    @property
    def image_size(self) -> int:
        """Height and width of a frame, pixels; raises BundleError without a tokenizer."""
        if self.frames is None:
            raise BundleError(
                f'{self.folder}: no frame tokenizer, expected encoder and decoder: '
                'export it with one (`hma import-checkpoint --tokenizer`)'
            )
        return self.frames.image_size

    def size_difference(self, resize: tuple[int, int]) -> str:
        """
        Compare the size that a camera is brought to with that of the frames.

        :param resize: ``camera.resize``, height and width [px].
        :returns: what differs; empty if nothing does.
        :raises BundleError: the bundle has no frame tokenizer, so no size.
        """
        size = [self.image_size] * 2
        if list(resize) == size:
            return ''
        name = self.folder.resolve().name
        return f'camera.resize: got {list(resize)}, expected {size} (size of bundle {name!r})'

    @property
    def decoding(self) -> Decoding:
        """What the bundle recommends, complete."""
        usual = 0.0 if self.kind == 'discrete' else 1.0
        temperature = usual if self.temperature is None else self.temperature
        return Decoding(
            self.mask_steps, self.denoise_steps, temperature, self.unmasking, self.guidance
        )

    @property
    def policy_refusal(self) -> str:
        """Why it cannot decide what to do; empty if it can."""
        if not self.predicts_actions:
            return 'its action heads were never trained (jointly_predict_actions)'
        if not self.hides_actions:
            return "its blocks have to be told the very action that it is to predict (upstream's)"
        return ''

    @property
    def max_horizon(self) -> int:
        """Most steps to imagine at once."""
        return self.window - 1 if self.time == 'learned' else _SLIDING_HORIZON

    @property
    def next_window_at(self) -> int:
        """Step with which the next window of learned positions begins; 0 if positions go on."""
        return self.window - self.window // 2 if self.time == 'learned' else 0

    @property
    def robots(self) -> Mapping[str, StemSpec]:
        """The stems that can run on a robot."""
        pairs = ((name, stem.robot) for name, stem in self.stems.items())
        return {name: robot for name, robot in pairs if robot is not None}

    @staticmethod
    def read(folder: str | Path) -> Manifest:
        """
        Read the manifest of a bundle; the other files are not touched.

        :raises BundleError: missing, malformed, changed or of another format.
        """
        folder = Path(folder)
        facts = read_facts(folder)
        try:
            stems = {
                name: read_stem_facts(name, stem) for name, stem in facts.pop('stems').items()
            }
            frames = facts.pop('frames', None)
            facts['frames'] = None if frames is None else FrameFacts(**frames)
            manifest = Manifest(folder=folder, stems=stems, **facts)
            _check(manifest)
            return manifest
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise BundleError(
                f'{folder / FILE_NAME}: got {shortened(repr(error))}, expected the manifest of a '
                'bundle'
            ) from error

    def kv_cache_shape(self, batch: int) -> tuple[int, ...]:
        """Return the shape of kept keys, or values, of a layer."""
        return batch, self.kept_tokens, self.heads, self.window - 1, self.head_width

    def stem(self, name: str) -> StemFacts:
        """Return a stem's facts; raises BundleError listing the stems there are."""
        if name not in self.stems:
            raise BundleError(
                f'{self.folder}: got no stem {shortened(name)!r}, expected one of '
                f'{first_few(sorted(self.stems))}; choose another bundle, or make one: '
                + stem_remedy(name)
            )
        return self.stems[name]

    def robot(self, stem: str) -> StemSpec:
        """
        Return what a stem says of the robot it serves.

        :raises BundleError: no such stem, or one that was exported without a robot.
        """
        robot = self.stem(stem).robot
        if robot is None:
            raise BundleError(
                f'{self.folder}: stem {shortened(stem)!r}: got nothing about a robot, expected '
                'action names, frame rate and bounds; export it for one (`hma import-checkpoint '
                '--embodiment`)'
            )
        return robot

    @staticmethod
    def layers_file(stem: str) -> str:
        """Name the file that describes the layers of a stem's trunk."""
        return f'layers_{stem}.json'

    @staticmethod
    def denoiser_file(head: str) -> str:
        """Name the file that describes the steps of a diffusion head to the compiled library."""
        return f'denoise_{head}.json'

    def sample_size(self, head: str) -> int:
        """Return the numbers of a sample of a diffusion head: of a patch, or of a chunk."""
        if head == PATCH_HEAD:
            return self.patch_size
        return self.stem(head.removeprefix('action_')).chunk_size

    def has_layers(self, stem: str) -> bool:
        """Whether the trunk of a stem is there for the compiled library too."""
        return self.layers_file(stem) in self.files

    def joint_count(self, stem: str) -> int:
        """Joints that the action head of a stem reads."""
        robot = self.stem(stem).robot
        return len(robot.joint_names) if robot and self.reads_joints else 0

    def anchor_count(self, stem: str) -> int:
        """Coordinates of the anchor of a stem; 0 of a model without anchors."""
        robot = self.stem(stem).robot
        return len(robot.anchor) if robot else 0

    def verify(self) -> None:
        """Compare every file with its hash; raises BundleError naming the one that differs."""
        check_files(self.folder, self.files)


_CHOICES = (
    ('kind', KINDS),
    ('compat', COMPATS),
    ('time', TIMES),
    ('drawing', DRAWINGS),
    ('action_delay', (0, 1)),
)


def _check(manifest: Manifest) -> None:
    check_facts(manifest, least=0)
    for name, choices in _CHOICES:
        if (value := getattr(manifest, name)) not in choices:
            raise ValueError(f'{name} {value!r}, expected one of {choices}')
    if manifest.window < 1:
        raise ValueError(f'window {manifest.window!r}, expected at least 1')
    try:
        # Checks itself; `unmasking` and `denoise_steps` are in manifests of both kinds.
        Decoding(guidance=manifest.decoding.guidance).check_model(
            manifest.kind, manifest.hides_actions
        )
    except ConfigError as error:
        raise ValueError(str(error)) from error
    if manifest.frames and manifest.frames.tokenizer not in TOKENIZERS:
        raise ValueError(f'frames {manifest.frames}, expected a tokenizer of {TOKENIZERS}')
