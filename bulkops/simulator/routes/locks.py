"""The actions that lock and unlock a workspace."""

from __future__ import annotations

import msgspec

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents, workspace_documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.problems import Problem, not_found
from bulkops.simulator.state import Workspace


class _Attributes(msgspec.Struct):
    reason: str | None = None


class _Resource(msgspec.Struct):
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _Document(msgspec.Struct):
    """``{"reason": …}`` as in the OpenAPI; go-tfe sends it as a resource's attribute."""

    reason: str | None = None
    data: _Resource = msgspec.field(default_factory=_Resource)


_DECODER = msgspec.json.Decoder(_Document)
_HOLDERS = {"user": "User", "team": "Team", "run": "Run"}


def lock(call: Call) -> documents.Resource:
    """POST /workspaces/:workspace/actions/lock."""
    workspace = _may(call)
    document = call.body(_DECODER) if call.request.body.strip() else _Document()
    if workspace.locked:
        raise Problem(409, "Unable to lock workspace. The workspace is already locked.")
    return _set(call, workspace, _own(call), document.reason or document.data.attributes.reason)


def unlock(call: Call) -> documents.Resource:
    """POST /workspaces/:workspace/actions/unlock."""
    workspace = _may(call)
    if not workspace.locked:
        raise Problem(409, "Unable to unlock workspace. The workspace is already unlocked.")
    by = workspace.locked_by or ""
    if by != _own(call):
        what = f"{_HOLDERS.get(by.partition('-')[0], 'User')} {by.partition('-')[2]}".strip()
        raise Problem(409, f"Unable to unlock workspace. The workspace is locked by {what}.")
    return _set(call, workspace, None, None)


def force_unlock(call: Call) -> documents.Resource:
    """POST /workspaces/:workspace/actions/force-unlock, whoever holds the lock."""
    workspace = _may(call)
    if not workspace.locked:
        raise Problem(409, "Unable to unlock workspace. The workspace is already unlocked.")
    return _set(call, workspace, None, None)


def _own(call: Call) -> str:
    return f"user-{call.user.name}"


def _may(call: Call) -> Workspace:
    workspace = call.workspace()
    if not call.user.manage_workspaces:
        raise not_found("Workspace")
    return workspace


def _set(
    call: Call, workspace: Workspace, by: str | None, reason: str | None
) -> documents.Resource:
    before = snapshot(workspace)
    workspace.locked, workspace.locked_by = by is not None, by
    workspace.locked_reason = reason or None
    call.world.touch(workspace, call.now)
    call.record("update", workspace, before=before)
    return {"data": workspace_documents.workspace(workspace, call.user, call.profile)}
