"""``leyden audit --since``: which files are looked at."""

from __future__ import annotations

import os
from argparse import Namespace


def only_changed(options: Namespace) -> frozenset[str] | None:
    """The files that differ from the commit that was named; None where all are looked at.

    What such an audit finds is not kept: it would be taken for all that there is.
    """
    if options.since is None:
        return None
    from leyden.audit.changed import changed
    from leyden.errors import SettingsError

    for option, given in (("--save", options.save), ("--write-baseline", options.write_baseline)):
        if given:
            raise SettingsError(f"--since looks at some files alone, so it does not go with {option}. Leave one out.")
    return changed(options.paths or [os.curdir], os.path.realpath(os.curdir), options.since)
