"""The names of a plan's projects, read only if a person looks at the plan."""

from __future__ import annotations

import msgspec

from bulkops.client.api import Client
from bulkops.errors import RequestRejected, ServerBroken
from bulkops.plan.model import Plan


async def with_project_names(client: Client, plan: Plan) -> Plan:
    """Return the plan with project names for ids, if this token may read them."""
    if not plan.projects:
        return plan
    try:
        projects = await client.projects(plan.job.organization)
    except (RequestRejected, ServerBroken):
        # The names are for display: applying the plan needs no right to list projects.
        return plan
    names = {project.id: project.name for project in projects}
    named = {names.get(ident, ident): number for ident, number in plan.projects.items()}
    return msgspec.structs.replace(plan, projects=named)
