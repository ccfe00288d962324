"""A simulated server some of whose reads show what was so a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from bulkops.exchange import Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.effects import Effect
from bulkops.simulator.state import Workspace, WorkspaceTask
from tests.engine.world import TASK


class LaggingServer(Simulator):
    """Remembers each workspace's attachments before every change.

    Attributes:
        lag: asked at every read for the seconds by which it lags.
        lagged: how many reads did not show what was so.
        strangers: names of the workspaces that somebody else changed → when they did last.
        doubled: writes of ours that took effect again while the first still stood.
    """

    def __init__(self, **of_simulator: Any) -> None:
        super().__init__(**of_simulator)
        self.lag: Callable[[], float] = lambda: 0.0
        self.lagged = 0
        self.strangers: dict[str, float] = {}
        self.doubled: list[Effect] = []
        self._judged = 0
        self._ours: dict[str, object] = {}
        self._before: list[tuple[float, Workspace, list[WorkspaceTask]]] = []

    def handle(self, request: Request, now: float, *, url_status: int | None = None) -> Response:
        """Answer one request, a read perhaps as of a moment ago."""
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

    def interfere(self, name: str, how: str, now: float) -> None:
        """Let somebody else attach, change, detach, or delete the workspace."""
        workspace = self.world.organizations["acme"].workspaces.get(name)
        if workspace is None:
            return
        self.strangers[name] = now
        self._remember(workspace, now)
        attached = self.attachments(name, TASK)
        match how:
            case "attach":
                self.attach(name, TASK, enforcement_level="mandatory")
            case "detach":
                self.detach(name, TASK)
            case "change" if attached:
                level = attached[0].enforcement_level
                attached[0].enforcement_level = "advisory" if level == "mandatory" else "mandatory"
            case "delete":
                self.remove_workspace(name)
            case _:
                """Not attached: nothing to change."""

    def _judge(self, effect: Effect) -> None:
        """Take note where a change was made before, by us, and nobody took it back."""
        self._judged = len(self.effects)
        if effect.action == "create":
            workspace = self.world.workspaces[effect.names["workspace-id"]]
            if any(key in self._ours for key in workspace.tasks):
                self.doubled.append(effect)
        elif effect.before == effect.after == self._ours.get(effect.id):
            self.doubled.append(effect)
        self._ours[effect.id] = effect.after

    def _remember(self, workspace: Workspace, now: float) -> None:
        copies = [msgspec.structs.replace(record) for record in workspace.tasks.values()]
        self._before.append((now, workspace, copies))

    @contextmanager
    def _as_of(self, then: float) -> Iterator[None]:
        """Show every workspace as it was, while the block runs."""
        old: dict[str, tuple[Workspace, list[WorkspaceTask]]] = {}
        for changed, workspace, copies in reversed(self._before):
            if changed <= then:
                break
            old[workspace.id] = workspace, copies
        old = {key: was for key, was in old.items() if key in self.world.workspaces}
        if not old:
            yield
            return
        self.lagged += 1
        task = self.world.organizations["acme"].tasks[TASK]
        now_attached = task.attached
        now_tasks = [(workspace, workspace.tasks) for workspace, _ in old.values()]
        task.attached = {
            key: record for key, record in now_attached.items() if record.workspace.id not in old
        }
        for workspace, copies in old.values():
            workspace.tasks = {record.id: record for record in copies}
            task.attached.update(workspace.tasks)
        try:
            yield
        finally:
            task.attached = now_attached
            for workspace, tasks in now_tasks:
                workspace.tasks = tasks
