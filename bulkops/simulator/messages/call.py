"""One request while it is handled: its parameters, its user, and the changes it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from bulkops.api.messages import UNREADABLE, Request
from bulkops.simulator.effects import Action, Effect, Record, Snapshot, names, snapshot
from bulkops.simulator.history import History
from bulkops.simulator.messages.problems import Problem, not_found, unprocessable
from bulkops.simulator.profiles import Profile
from bulkops.simulator.state import (
    Organization,
    Project,
    Task,
    User,
    Workspace,
    WorkspaceTask,
)
from bulkops.simulator.world import World

_Body = TypeVar("_Body")

# msgspec's messages end with the place: "... - at `$.data.attributes.name`".
_PLACE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


class _Identifier(msgspec.Struct):
    id: str


class _Identifiers(msgspec.Struct):
    data: tuple[_Identifier, ...]


_IDENTIFIERS = msgspec.json.Decoder(_Identifiers)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, matched to a route.

    Attributes:
        args: the path's parameters in order, percent-decoded.
        user: the token's user, with the permissions in the organization that the path addresses.
        effects: the effects of all requests so far, to which this one's are added.
        history: earlier states, for lists that lag.
        accept_duplicates: whether attaching the same run task again creates a second attachment.
        url_status: the status that the run task's new URL answered (0 for no answer); None if
            it was not called.
        query: the query's parameters; the last one if a name is repeated.
    """

    request: Request
    args: tuple[str, ...]
    user: User
    now: float
    world: World
    profile: Profile
    effects: list[Effect]
    history: History
    accept_duplicates: bool
    url_status: int | None
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.query = dict(self.request.query)

    def body(self, decoder: msgspec.json.Decoder[_Body]) -> _Body:
        """Return the request's document.

        Raises:
            Problem: 400 if it isn't JSON, 422 if it has another shape.
        """
        try:
            return decoder.decode(self.request.body)
        except msgspec.ValidationError as error:
            text = str(error)
            place = _PLACE.search(text)
            pointer = "/" + re.sub(r"[.\[]", "/", place["path"]).replace("]", "") if place else ""
            raise unprocessable(_PLACE.sub("", text), pointer) from None
        except UNREADABLE as error:
            raise Problem(400, f"The request body is not valid JSON: {error}") from None

    def includes(self) -> frozenset[str]:
        """Return the values of the ``include`` parameter, each with ``_`` between its words."""
        return frozenset(self.query.get("include", "").replace("-", "_").split(","))

    def organization(self) -> Organization:
        """Return the organization whose name is the first path parameter, or raise a 404."""
        organization = self.world.organization(self.args[0])
        if organization is None:
            raise not_found("Organization")
        return organization

    def project(self) -> Project:
        """Return the project whose id is the first path parameter, or raise a 404."""
        project = self.world.projects.get(self.args[0])
        if project is None:
            raise not_found("Project")
        return project

    def workspace(self) -> Workspace:
        """Return the workspace whose id is the first path parameter, or raise a 404."""
        workspace = self.world.workspaces.get(self.args[0])
        if workspace is None:
            raise not_found("Workspace")
        return workspace

    def workspaces_in(self, organization: Organization) -> list[Workspace]:
        """Return the workspaces whose identifiers are the body, or raise a 404."""
        ids = [one.id for one in self.body(_IDENTIFIERS).data]
        found = [self.world.workspaces.get(one) for one in ids]
        workspaces = [one for one in found if one and one.organization is organization]
        if len(workspaces) < len(ids):
            raise not_found("Workspace")
        return workspaces

    def task(self) -> Task:
        """Return the run task whose id is the first path parameter, or raise a 404."""
        task = self.world.tasks.get(self.args[0])
        if task is None:
            raise not_found("Run task")
        return task

    def workspace_task(self) -> WorkspaceTask:
        """Return the workspace task that the path addresses, or raise a 404."""
        workspace_task = self.workspace().tasks.get(self.args[1])
        if workspace_task is None:
            raise not_found("Workspace run task")
        return workspace_task

    def record(
        self,
        action: Action,
        record: Record,
        *,
        before: Snapshot | None = None,
    ) -> None:
        """Add an effect: this request changed ``record``, whose earlier state is ``before``."""
        kind, known_as = names(record)
        self.effects.append(
            Effect(
                seq=len(self.effects) + 1,
                now=self.now,
                method=self.request.method,
                action=action,
                kind=kind,
                id=record.id,
                names=known_as,
                user=self.user.name,
                before=before,
                after=None if action == "delete" else snapshot(record),
            )
        )
