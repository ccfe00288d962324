"""The routes of a workspace's remote state consumers: the workspaces that may read its state."""

from __future__ import annotations

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents, workspace_documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.paging import page
from bulkops.simulator.messages.problems import not_found
from bulkops.simulator.state import Workspace


def index(call: Call) -> documents.Resource:
    """GET /workspaces/:workspace/relationships/remote-state-consumers."""
    workspace = call.workspace()
    document, _ = page(
        call,
        _existing(call, workspace.consumers),
        lambda one: workspace_documents.workspace(one, call.user, call.profile),
    )
    return document


def add(call: Call) -> None:
    """POST …/remote-state-consumers: all of them in addition."""
    workspace = _managed(call)
    _set(call, workspace, [*workspace.consumers, *_named(call, workspace)])


def replace(call: Call) -> None:
    """PATCH …/remote-state-consumers: these instead."""
    workspace = _managed(call)
    _set(call, workspace, _named(call, workspace))


def remove(call: Call) -> None:
    """DELETE …/remote-state-consumers; one that isn't set is no error."""
    workspace = _managed(call)
    gone = _named(call, workspace)
    _set(call, workspace, [one for one in workspace.consumers if one not in gone])


def _managed(call: Call) -> Workspace:
    workspace = call.workspace()
    if not call.user.manage_workspaces:
        raise not_found("Workspace")
    return workspace


def _named(call: Call, workspace: Workspace) -> list[str]:
    return [one.id for one in call.workspaces_in(workspace.organization)]


def _existing(call: Call, ids: list[str]) -> list[Workspace]:
    everything = call.world.workspaces
    return [everything[one] for one in ids if one in everything]


def _set(call: Call, workspace: Workspace, ids: list[str]) -> None:
    before = snapshot(workspace)
    workspace.consumers = list(dict.fromkeys(ids))
    call.world.touch(workspace, call.now)
    call.record("update", workspace, before=before)
