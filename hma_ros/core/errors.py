# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Errors a user can act on.

Each text names the offending value, what was expected, and the file or topic it came from.
A broken invariant inside the package stays a plain ``ValueError``.
"""


class HmaError(Exception):
    """Base of every error that is the user's to fix."""


class ConfigError(HmaError):
    """A parameter or a configuration file is wrong."""


class EmbodimentError(ConfigError):
    """An embodiment file is missing, malformed or contradicts itself."""


class BundleError(HmaError):
    """A model bundle is missing, incomplete, tampered with or of another version."""


class MessageError(HmaError):
    """A message or an array at the boundary has the wrong form."""


class LateError(MessageError):
    """A message is well formed, but came too late to be of use."""


class EarlierError(LateError):
    """A chunk of a frame from just before the motion began: the next one is in time."""


class InferenceError(HmaError):
    """The model cannot answer, or answered with something unusable."""
