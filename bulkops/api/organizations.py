"""Organizations, their projects and entitlements, as typed values. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bulkops.api.jsonapi import Resource, Text
from bulkops.api.messages import UNREADABLE
from bulkops.api.tolerant import included


class Organization(msgspec.Struct, frozen=True):
    """An organization that the token sees.

    Attributes:
        id: what paths name it by, which is its name.
    """

    id: str
    name: str


class Project(msgspec.Struct, frozen=True):
    """A project.

    Attributes:
        id: ``prj-…``.
        name: the name; empty if not shown.
        unread: what can't be read, by its API name, as in ``Resource``.
    """

    id: str
    name: str
    unread: Mapping[str, str] = {}


class Entitlements(msgspec.Struct, frozen=True, rename="kebab"):
    """What an organization's plan allows; ``None`` means no limit, or not shown."""

    run_tasks: bool | None = None
    global_run_tasks: bool | None = None
    private_run_tasks: bool | None = None
    run_task_limit: int | None = None
    run_task_workspace_limit: int | None = None
    run_task_mandatory_enforcement_limit: int | None = None


class EntitlementsResource(Resource, frozen=True):
    """An ``entitlement-sets`` resource."""

    attributes: Entitlements = Entitlements()

    def value(self) -> Entitlements:
        """Return the flat form; a server that writes 0 for a limit means that there is none."""
        a = self.attributes
        return msgspec.structs.replace(
            a,
            run_task_limit=a.run_task_limit or None,
            run_task_workspace_limit=a.run_task_workspace_limit or None,
            run_task_mandatory_enforcement_limit=a.run_task_mandatory_enforcement_limit or None,
        )


class _OrganizationAttributes(msgspec.Struct, frozen=True):
    name: Text = ""


class OrganizationResource(Resource, frozen=True):
    """An ``organizations`` resource."""

    attributes: _OrganizationAttributes = _OrganizationAttributes()

    def value(self) -> Organization:
        """Return the flat form."""
        return Organization(id=self.id, name=self.attributes.name or self.id)


class _ProjectAttributes(msgspec.Struct, frozen=True):
    name: Text = ""


class ProjectResource(Resource, frozen=True):
    """A ``projects`` resource."""

    attributes: _ProjectAttributes = _ProjectAttributes()

    def value(self) -> Project:
        """Return the flat form."""
        return Project(id=self.id, name=self.attributes.name, unread=self.unread)


class _Included(msgspec.Struct, frozen=True):
    id: Text
    type: str = ""
    attributes: _ProjectAttributes = _ProjectAttributes()


_all_included = msgspec.json.Decoder(tuple[_Included, ...]).decode


def included_project_names(part: msgspec.Raw) -> dict[str, str]:
    """Return project id → name of the projects in a document's ``included``."""
    try:
        every = _all_included(part)
    except UNREADABLE:
        # Reading them one by one takes 20 times as long (measured), and a page may have a hundred.
        return {one.id: one.attributes.name for one in included(part, "projects", ProjectResource)}
    return {one.id: one.attributes.name for one in every if one.type == "projects"}
