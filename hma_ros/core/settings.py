# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a user may set: default, range and choices, each stated once.

Launch arguments, ``hma run`` and the parameters of the nodes are made of these.
"""

import dataclasses
from typing import Any, Literal, get_args

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import quoted

MODES = ('shadow', 'execute')
PRECISIONS = ('fp32', 'fp16', 'int8')
TOKENIZER_PRECISIONS = ('fp32', 'bf16', 'int8')
PROVIDERS = ('auto', 'cpu', 'cuda', 'tensorrt', 'torch-cuda')
NETWORKS = ('auto', 'local', 'shared')
LOG_LEVELS = ('debug', 'info', 'warn', 'error')
# Scenes of the simulator; hma_ros.sim.random_scene draws the random ones.
Scene = Literal['fixed', 'random']
SCENES: tuple[Scene, ...] = get_args(Scene)
# Policies of the closed-loop evaluation.
POLICIES = ('model', 'expert', 'random')
# Which weights of the trunk are fine-tuned; scratch begins with random ones.
TRUNKS = ('frozen', 'lora', 'all', 'scratch')

Scalar = bool | int | float | str


@dataclasses.dataclass(frozen=True)
class Setting:
    """
    One value.

    :param default: of the value's type; None for a text that must be given.
    :param low: smallest number; give ``high`` as well.
    :param choices: the words that a text may be.
    """

    default: Scalar | None
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def expectation(self) -> str:
        """What the value may be, for errors."""
        if self.choices:
            return f'one of {", ".join(self.choices)}'
        if isinstance(self.default, bool):
            return 'true or false'
        kind = type(self.default).__name__
        return kind if self.low is None else f'{kind} of {self.low:g} to {self.high:g}'

    @property
    def default_text(self) -> str:
        """The default as a user would type it."""
        text = '' if self.default is None else str(self.default)
        return text.lower() if isinstance(self.default, bool) else text

    def field(self) -> Any:
        """Return it as a field of a dataclass, which has the default."""
        metadata = {
            'setting': self,
            'description': self.description,
            'range': (self.low, self.high),
            'choices': self.choices,
        }
        if self.default is None:
            return dataclasses.field(metadata=metadata)
        return dataclasses.field(default=self.default, metadata=metadata)

    def parse(self, name: str, text: str) -> Scalar:
        """
        Turn what the user typed into the type of the default.

        :raises ConfigError: the text is not of that type, or :meth:`check` refuses it.
        """
        if isinstance(self.default, bool):
            if text.lower() not in ('true', 'false'):
                self._refuse(name, text)
            return text.lower() == 'true'
        value: Scalar = text
        if isinstance(self.default, int | float):
            try:
                value = type(self.default)(text)
            except ValueError:
                self._refuse(name, text)
        self.check(name, value)
        return value

    def check(self, name: str, value: Scalar) -> None:
        """
        Refuse what is none of the choices, or out of range.

        :raises ConfigError: with the name, the value and the expectation.
        """
        if self.choices and value not in self.choices:
            self._refuse(name, value)
        if self.low is None or self.high is None or isinstance(value, str):
            return
        # Written so that not a number is refused too.
        if not self.low <= value <= self.high:
            self._refuse(name, value)

    def _refuse(self, name: str, value: Scalar) -> None:
        raise ConfigError(f'{name}: got {quoted(value)}, expected {self.expectation}')


MODE = Setting(
    'shadow',
    'shadow: imagine and report; execute: command the robot, refused without a policy and, for a '
    'real robot, with a bundle trained in simulation',
    choices=MODES,
)
ALLOW_SIM_BUNDLE = Setting(False, 'let a bundle trained in simulation command a real robot')
HORIZON = Setting(8, 'frames to imagine ahead, as far as time allows; 0 for actions only', 0, 64)
THREADS = Setting(2, 'threads of the model', 1, 64)
PROVIDER = Setting(
    'auto',
    'what runs the model; auto is cuda where onnxruntime was built for it, else cpu',
    choices=PROVIDERS,
)
TOKENIZER_PRECISION = Setting(
    'fp32',
    'arithmetic of the frame tokenizer; bf16: faster on CPUs with AMX or AVX512-BF16; int8: '
    'decodes faster still, encodes in bf16, needs a bundle exported with --frames; both need '
    'OpenVINO and run on the CPU, whatever the provider',
    choices=TOKENIZER_PRECISIONS,
)
DEVICE_ID = Setting(0, 'GPU to use, as CUDA counts them', 0, 63)
ALLOW_CPU = Setting(False, 'run on the CPU rather than fail without the provider')
ENGINE_CACHE = Setting('', 'folder of TensorRT engines; empty for ~/.cache/hma_ros/engines')
REQUIRE_APPROVAL = Setting(
    False, 'check chunks, but follow them only from ~/approve to the next stop or loss'
)
SEED = Setting(0, 'episode that the simulated robot starts with', 0, 1_000_000_000)
