"""What the arguments of ModelCheckpoint may be, alone and together."""

from __future__ import annotations

import os
from datetime import timedelta
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

from leyden.callbacks.checkpoint_names import check_template
from leyden.callbacks.topk import ALL
from leyden.errors import SettingsError
from leyden.security.remote import HTTPS, Remote, is_url, place_of

if TYPE_CHECKING:
    from leyden.trainer import Trainer


def check_when(every_n_train_steps: Any, train_time_interval: Any, every_n_epochs: Any) -> None:
    """When to save: at most one of steps, time and epochs.

    Raises:
        SettingsError: one of them has no meaning, or two are given.
    """
    for name, value in (("every_n_train_steps", every_n_train_steps), ("every_n_epochs", every_n_epochs)):
        if value is not None and (not isinstance(value, SupportsIndex) or index(value) < 0):
            raise SettingsError(f"{name}={value!r} must be a whole number: 1 or more, or 0 for never.")
    if train_time_interval is not None and not (
        isinstance(train_time_interval, timedelta) and train_time_interval >= timedelta(0)
    ):
        raise SettingsError(
            f"train_time_interval={train_time_interval!r} must be a datetime.timedelta that is not negative, such as "
            "timedelta(minutes=10)."
        )
    given = {
        "every_n_train_steps": every_n_train_steps or None,
        "every_n_epochs": every_n_epochs or None,
        "train_time_interval": train_time_interval,
    }
    chosen = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise SettingsError(
            f"{' and '.join(chosen)} exclude each other. Keep one, and add a second ModelCheckpoint for the other."
        )


def check_what(monitor: Any, save_top_k: Any, save_last: Any) -> None:
    """What to keep.

    Raises:
        SettingsError: one of them has no meaning, or there is nothing to rank checkpoints by.
    """
    if monitor is not None and (not isinstance(monitor, str) or not monitor):
        raise SettingsError(f"monitor={monitor!r} must be the name of a metric, or None to keep the latest checkpoint.")
    if not isinstance(save_top_k, SupportsIndex) or index(save_top_k) < ALL:
        raise SettingsError(
            f"save_top_k={save_top_k!r} must be a whole number: k for the best k, 0 for none, -1 for all."
        )
    if monitor is None and index(save_top_k) > 1:
        raise SettingsError(
            f"save_top_k={save_top_k} with monitor=None has nothing to tell the best by. Name a metric with "
            "monitor=..., or use save_top_k=1 (the latest), 0 (none) or -1 (all)."
        )
    if save_last not in (None, True, False, "link"):
        raise SettingsError(f"save_last={save_last!r} must be True (a copy), 'link' (a symbolic link), False or None.")


def check_where(dirpath: Any, filename: Any) -> str | None:
    """The directory as an absolute path or an address, or None if the trainer is to choose one.

    Raises:
        SettingsError: the directory is none, or the file name would leave it.
        RemoteError: the directory is remote, and not allowed.
    """
    if filename is not None:
        if not isinstance(filename, str):
            raise SettingsError(
                f"filename={filename!r} must be a string such as '{{epoch}}-{{val_loss:.2f}}', or None."
            )
        check_template("filename", filename)
    if dirpath is None:
        return None
    if not isinstance(dirpath, (str, os.PathLike)):
        raise SettingsError(f"dirpath={dirpath!r} must be a path, or None to use the logger's directory.")
    text = os.fspath(dirpath)
    place = place_of(dirpath, expand=True) if text else Path()
    if not isinstance(place, Remote):
        return str(place.resolve()) if text else text
    if place.query or place.sha256 or place.scheme == HTTPS:
        raise SettingsError(f"dirpath={str(place)!r} must be a directory in a store, such as s3://bucket/run.")
    return str(place)


def default_directory(trainer: Trainer) -> str:
    """Where checkpoints go if the user names no place: with the first logger's files, else in the trainer's root."""
    parts = [os.fspath(trainer.default_root_dir)]
    if trainer.loggers:
        logger = trainer.loggers[0]
        version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
        save_dir = os.path.expandvars(os.path.expanduser(logger.save_dir or parts[0]))  # noqa: PTH111 (see below)
        parts = [save_dir, str(logger.name), version]
    if is_url(parts[0]):
        return str(place_of("/".join(part.rstrip("/") for part in (*parts, "checkpoints") if part)))
    return os.path.join(*parts, "checkpoints")  # noqa: PTH118 (as the logger spells it)
