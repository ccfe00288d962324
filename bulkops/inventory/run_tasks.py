"""Reads which run tasks an organization has."""

from __future__ import annotations

from collections.abc import Sequence

from bulkops.api.resources import RunTask
from bulkops.checking import shown
from bulkops.client.api import Client
from bulkops.errors import JobError, NotFoundOrForbidden


async def read_run_tasks(client: Client, organization: str, source: str = "") -> Sequence[RunTask]:
    """Return the run tasks of an organization.

    Args:
        source: the job file's name, for the error message; empty for the command line.

    Raises:
        JobError: the organization is not there, or its run tasks may not be listed.
        ApiError: the server can't be read.
    """
    try:
        return await client.run_tasks.list(organization)
    except NotFoundOrForbidden as error:
        place = f"{source}: organization" if source else "organization"
        raise JobError(
            f"{place} = {shown(organization)}: it does not exist, or this token may not list its "
            f"run tasks ({'; '.join(error.errors) or error.status})"
        ) from error
