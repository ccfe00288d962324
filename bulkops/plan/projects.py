"""A plan's projects by name: read where a person looks at the plan."""

from __future__ import annotations

import msgspec

from bulkops.client.api import Client
from bulkops.errors import RequestRejected, ServerBroken
from bulkops.plan.model import Plan


async def with_project_names(client: Client, plan: Plan) -> Plan:
    """Return a plan whose projects have their names, as far as this token may read them."""
    if not plan.projects:
        return plan
    try:
        projects = await client.projects(plan.job.organization)
    except (RequestRejected, ServerBroken):
        # To carry it out needs no right to list projects.
        return plan
    names = {project.id: project.name for project in projects}
    named = {names.get(ident, ident): number for ident, number in plan.projects.items()}
    return msgspec.structs.replace(plan, projects=named)
