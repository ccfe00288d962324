"""A simulated server with reads that may show an earlier state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from bulkops.api.messages import Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.effects import Effect
from bulkops.simulator.state import Workspace, WorkspaceTask
from tests.kinds import OLD_TASK, TASK
from tests.simulation import settings
from tests.simulation.states import REST, SETTINGS, Item, Place, Shown, There

Before = tuple[list[WorkspaceTask], Item]
"""Copies of a workspace's earlier attachments and settings."""


class LaggingServer(Simulator):
    """Remembers each workspace's attachments before every change.

    Args:
        specified: names of the settings that the job changes.

    Attributes:
        lag: returns the seconds by which the next read lags.
        lagged: number of reads that showed an outdated state.
        strangers: names of the workspaces changed outside the job → time of the last change.
        forgiven: names of the workspaces of which ``doubled`` records nothing.
        doubled: our writes that took effect again while the first was unchanged.
        unasked: our changes to settings that the job doesn't name.
        bare: our deletions that left a workspace with neither run task.
    """

    def __init__(self, *, specified: Collection[str] = (), **of_simulator: Any) -> None:
        super().__init__(**of_simulator)
        self.lag: Callable[[], float] = lambda: 0.0
        self.lagged = 0
        self.strangers: dict[str, float] = {}
        self.forgiven: set[str] = set()
        self.doubled: list[Effect] = []
        self.bare: list[Effect] = []
        self.unasked: list[Effect] = []
        self._specified = specified
        self._names = sorted(settings.VALUES) if specified else []
        self._judged = 0
        self._ours: dict[str, object] = {}
        self._before: list[tuple[float, Workspace, Before]] = []

    def handle(self, request: Request, now: float, *, url_status: int | None = None) -> Response:
        """Answer one request; a read may show an earlier state."""
        if request.writes:
            workspace = self.world.workspaces.get(request.path.split("/")[4])
            if workspace is not None:
                self._remember(workspace, now)
            answer = super().handle(request, now, url_status=url_status)
            if len(self.effects) > self._judged:
                self._judge(self.effects[-1])
            return answer
        if self._before and (lag := self.lag()):
            with self._as_of(now - lag):
                return super().handle(request, now, url_status=url_status)
        return super().handle(request, now, url_status=url_status)

    def there(self, place: Place) -> list[There]:
        """Return what a workspace that exists really has of a run task, or for settings."""
        name, thing = place
        if thing in (SETTINGS, REST):
            workspace = self._named(name)
            names = settings.names_of(thing, self._specified)
            return [(workspace.id, settings.read(workspace, names))]
        return [(a.id, (a.enforcement_level, a.stages)) for a in self.attachments(*place)]

    def shown(self, place: Place) -> Shown | None:
        """Return what a workspace currently shows of a thing, ``None`` if it is gone."""
        if place[0] not in self.world.organizations["acme"].workspaces:
            return None
        return tuple(item for _, item in self.there(place))

    def changed_since(self, then: float) -> set[str]:
        """Return the names of the workspaces that were changed outside the job since then."""
        return {name for name, at in self.strangers.items() if at >= then}

    def put(self, place: Place, shown: Shown) -> None:
        """Give a workspace its initial state of a thing."""
        name, thing = place
        if thing in (SETTINGS, REST):
            names = settings.names_of(thing, self._specified)
            settings.write(self._named(name), names, shown[0])
            return
        for level, stages in shown:
            assert isinstance(stages, tuple)
            self.attach(*place, enforcement_level=str(level), stages=stages)

    def interfere(self, place: Place, how: str, now: float) -> None:
        """Attach, change or detach outside the job, or delete the workspace."""
        name, thing = place
        workspace = self.world.organizations["acme"].workspaces.get(name)
        if workspace is None:
            return
        self.strangers[name] = now
        self._remember(workspace, now)
        # Setting it again is then right, even if they put it back while the write is on its way.
        self._ours.update((row, None) for row, _ in self.there(place) if row in self._ours)
        if how == "delete":
            self.remove_workspace(name)
        elif thing in (SETTINGS, REST):
            names = settings.names_of(thing, self._specified)
            settings.change(workspace, names, len(self._before))
        else:
            self._interfere(place, how)

    def _interfere(self, place: Place, how: str) -> None:
        attached = self.attachments(*place)
        match how:
            case "attach":
                self.attach(*place, enforcement_level="mandatory")
            case "detach":
                self.detach(*place)
            case "change" if attached:
                level = attached[0].enforcement_level
                attached[0].enforcement_level = "advisory" if level == "mandatory" else "mandatory"
            case _:
                """Not attached: nothing to change."""

    def _judge(self, effect: Effect) -> None:
        """Record a change of ours that was made before and was unchanged."""
        self._judged = len(self.effects)
        if effect.names.get("workspace") in self.forgiven:
            return
        if effect.action == "create":
            workspace = self.world.workspaces[effect.names["workspace-id"]]
            tasks = workspace.tasks.values()
            if any(a.id in self._ours for a in tasks if a.task.id == effect.names["task-id"]):
                self.doubled.append(effect)
        elif effect.action == "delete":
            if not self.world.workspaces[effect.names["workspace-id"]].tasks:
                self.bare.append(effect)
        elif effect.kind == "workspace" and set(_changed(effect)) - set(self._specified):
            self.unasked.append(effect)
        elif effect.before == effect.after == self._ours.get(effect.id):
            self.doubled.append(effect)
        self._ours[effect.id] = effect.after

    def _remember(self, workspace: Workspace, now: float) -> None:
        copies = [msgspec.structs.replace(record) for record in workspace.tasks.values()]
        values = settings.read(workspace, self._names)
        self._before.append((now, workspace, (copies, values)))

    @contextmanager
    def _as_of(self, then: float) -> Iterator[None]:
        """Show every workspace in an earlier state while the block runs."""
        old: dict[str, tuple[Workspace, Before]] = {}
        for changed, workspace, before in reversed(self._before):
            if changed <= then:
                break
            old[workspace.id] = workspace, before
        old = {key: was for key, was in old.items() if key in self.world.workspaces}
        if not old:
            yield
            return
        self.lagged += 1
        tasks = [self.world.organizations["acme"].tasks[name] for name in (TASK, OLD_TASK)]
        now_attached = [(task, task.attached) for task in tasks]
        now_there = [
            (workspace, workspace.tasks, settings.read(workspace, self._names))
            for workspace, _ in old.values()
        ]
        for task, attached in now_attached:
            task.attached = {k: a for k, a in attached.items() if a.workspace.id not in old}
        for workspace, (copies, values) in old.values():
            settings.write(workspace, self._names, values)
            workspace.tasks = {record.id: record for record in copies}
            for record in copies:
                record.task.attached[record.id] = record
        try:
            yield
        finally:
            for task, attached in now_attached:
                task.attached = attached
            for workspace, attached, values in now_there:
                workspace.tasks = attached
                settings.write(workspace, self._names, values)

    def _named(self, name: str) -> Workspace:
        return self.world.organizations["acme"].workspaces[name]


def _changed(effect: Effect) -> Iterator[str]:
    before, after = effect.before or {}, effect.after or {}
    return (name for name, value in after.items() if before.get(name) != value)
