"""Every kind of thing that is audited once for a project, and not file by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from leyden.audit.finding import Survey

if TYPE_CHECKING:
    from leyden.audit.environment.places import Environment
    from leyden.audit.host.survey import Host


def surveys(
    paths: Sequence[str],
    environment: Environment | None = None,
    host: Host | None = None,
    *,
    everything: bool = False,
    online: bool = False,
    advisories: str = "",
) -> Iterator[Survey]:
    """What to look at besides the files at ``paths``: ``everything`` also where that takes long, ``online`` too.

    ``advisories`` is the file of the list of bad releases that counts, where it is not the one that Leyden comes with.
    """
    # Imported here, since most audits of files need none of it.
    if environment is not None:
        from leyden.audit.advisories.listed import listed
        from leyden.audit.environment.survey import survey as survey_of_environment

        yield survey_of_environment(environment, listed(advisories), everything)
    if online:
        from leyden.audit.environment import online as asking

        yield asking.survey(environment, () if environment is not None else asking.lists(paths))
    if host is not None:
        from leyden.audit.host.survey import survey as survey_of_host

        yield survey_of_host(host)
