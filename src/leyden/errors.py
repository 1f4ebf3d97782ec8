"""Every error that Leyden raises on purpose.

LeydenError
├── UsageError              the program asks for something that cannot be
│   ├── SettingsError       an argument, or a combination of arguments, of Trainer or of a callback
│   │   └── GitError        a repository that git is asked about and says nothing of
│   ├── ModuleError         a method of a module or data module that is missing or answers wrongly
│   ├── DataError           a loader that is missing, empty or of the wrong kind
│   ├── HparamsError        hyperparameters that cannot be kept or merged
│   ├── LogError            a call of self.log that has no meaning where it stands
│   ├── DetachedError       something that only a running trainer has is asked for without one
│   │   └── NoModelError    something of a model is asked of a trainer that has run none
│   ├── MonitorError        a metric to monitor that nobody has logged
│   └── PackageError        an optional part whose package is not installed
├── CheckpointError         a checkpoint that cannot be written or read
│   ├── FormatError         not a checkpoint, cut short or malformed
│   ├── DigestError         the content is not what was saved
│   ├── SealError           a signature that is wrong, or from somebody who is not trusted
│   ├── TrustError          an object in a file that is not known to be the user's own
│   ├── EncryptionError     a file that cannot be encrypted, or that nothing given opens
│   ├── MismatchError       a sound checkpoint of another model
│   ├── EncodeError         a value that has no safe encoding
│   └── WriteError          a disk that does not take the file
├── PublicationError        what was to be published holds something that is not for everybody
├── KeyStoreError           a key, or the list of trusted keys, that cannot be used
├── PolicyError             a policy that is none, or that cannot be kept here
├── RemoteError             a remote address that is not allowed, or cannot be reached
├── NonfiniteError          a loss or a gradient that is not finite, where the run was told to end for it
└── PathError               a path that leaves its directory, or a link in the way
    └── TakenError          a name that was free, and is no longer

Terminated is not among them: it is how the process ends that was asked to end, and a SystemExit.

A message says what is wrong, where, and the way out. Whatever it quotes, it holds no secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leyden.redaction import redact_text


class LeydenError(Exception):
    """Base of every error that Leyden raises on purpose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*(redact_text(one) if isinstance(one, str) else one for one in args), **kwargs)


class UsageError(LeydenError):
    """The program asks for something that cannot be."""


class SettingsError(UsageError, ValueError, TypeError):
    """An argument, or a combination of arguments, cannot be used."""


class GitError(SettingsError):
    """Git is not there, or has no answer."""


class ModuleError(UsageError, TypeError, RuntimeError):
    """A method of a module or data module is missing or answers wrongly."""


class DataError(UsageError, ValueError, TypeError):
    """A loader is missing, empty or of the wrong kind."""


class HparamsError(UsageError, ValueError, RuntimeError):
    """Hyperparameters cannot be kept or merged."""


class LogError(UsageError, ValueError):
    """A call of ``self.log`` has no meaning where it stands."""


class DetachedError(UsageError, RuntimeError):
    """Something that only a running trainer has is asked for without one."""


class NoModelError(DetachedError, AttributeError):
    """Something of a model is asked of a trainer that has run none."""


class MonitorError(UsageError, RuntimeError):
    """A metric to monitor has not been logged by anybody."""


class PackageError(UsageError, ModuleNotFoundError):
    """An optional part needs a package that is not installed."""


class CheckpointError(LeydenError):
    """A checkpoint cannot be written or read."""


class FormatError(CheckpointError, ValueError):
    """The file is not a checkpoint, is cut short or is malformed."""


class DigestError(CheckpointError):
    """The content is not what was saved."""


class SealError(CheckpointError):
    """A signature is wrong, or from somebody who is not trusted."""


class TrustError(CheckpointError):
    """An object lies in a file that is not known to be the user's own."""


class EncryptionError(CheckpointError, ValueError):
    """A file cannot be encrypted, or nothing that was given opens it."""


class MismatchError(CheckpointError, RuntimeError):
    """The checkpoint is sound and belongs to another model."""


class EncodeError(CheckpointError, TypeError):
    """A value has no safe encoding."""


class WriteError(CheckpointError, OSError):
    """A checkpoint could not be written; ``errno`` says what the system answered."""


class PublicationError(LeydenError, ValueError):
    """What was to be published holds something that is not for everybody."""


class KeyStoreError(LeydenError):
    """A key, or the list of trusted keys, cannot be used."""


class PolicyError(LeydenError, ValueError):
    """A policy is none, or cannot be kept here."""


class NonfiniteError(LeydenError, FloatingPointError):
    """A loss or a gradient is not finite, and the run was told to end for it, or has tried for long enough."""


class PathError(LeydenError, OSError):
    """A path leaves its directory, or a link stands in the way."""


class TakenError(PathError, FileExistsError):
    """A name that was free when it was chosen is no longer."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class RemoteError(LeydenError, OSError):
    """A remote address is not allowed, cannot be used, or cannot be reached."""


class Terminated(SystemExit):
    """The process was asked to end (SIGTERM) and does so, after the listeners were told."""
