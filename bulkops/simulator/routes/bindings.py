"""The routes of tag bindings, a key and a value each, of workspaces and of projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from bulkops.simulator.effects import snapshot
from bulkops.simulator.messages import documents
from bulkops.simulator.messages.call import Call
from bulkops.simulator.messages.problems import not_found, unprocessable
from bulkops.simulator.state import Project, Workspace

Owner: TypeAlias = Workspace | Project


class _Pair(msgspec.Struct):
    key: str
    value: str = ""


class _Resource(msgspec.Struct):
    type: Literal["tag-bindings"]
    attributes: _Pair


class TagBindings(msgspec.Struct, frozen=True):
    """A document, or a relationship, of inline tag bindings."""

    data: tuple[_Resource, ...]

    def as_dict(self) -> dict[str, str]:
        """Return the values by key."""
        return {one.attributes.key: one.attributes.value for one in self.data}


_MOST: Final = 10
_DECODER: Final = msgspec.json.Decoder(TagBindings)


@dataclass(frozen=True)
class Bindings:
    """The handlers for the owners at one path: ``/workspaces/:workspace/…``.

    Args:
        find: returns the owner that the path addresses, or raises a 404.
        what: the kind of owner, as the 404 names it.
    """

    find: Callable[[Call], Owner]
    what: str

    def index(self, call: Call) -> documents.Resource:
        """GET …/tag-bindings, which is not paged."""
        owner = self.find(call)
        own = owner.tag_bindings.items()
        return {"data": [_resource("tag-bindings", owner, key, value) for key, value in own]}

    def effective(self, call: Call) -> documents.Resource:
        """GET …/effective-tag-bindings, which is not paged."""
        return {"data": list(effective_documents(self.find(call)))}

    def extend(self, call: Call) -> documents.Resource:
        """PATCH …/tag-bindings: add bindings or change values, and answer with all of them."""
        self.add(call)
        return self.index(call)

    def add(self, call: Call) -> None:
        """POST …/relationships/tag-bindings: add bindings or change values."""
        owner = self._managed(call)
        self._set(call, owner, owner.tag_bindings | call.body(_DECODER).as_dict())

    def replace(self, call: Call) -> None:
        """PATCH …/relationships/tag-bindings: replace all bindings."""
        owner = self._managed(call)
        self._set(call, owner, call.body(_DECODER).as_dict())

    def clear(self, call: Call) -> None:
        """DELETE …/tag-bindings: remove all bindings."""
        self._set(call, self._managed(call), {})

    def _managed(self, call: Call) -> Owner:
        owner = self.find(call)
        if not call.user.manage_workspaces:
            raise not_found(self.what)
        return owner

    def _set(self, call: Call, owner: Owner, bindings: dict[str, str]) -> None:
        if len(bindings) > _MOST:
            raise unprocessable(f"cannot exceed {_MOST} bindings per resource", "/data")
        before = snapshot(owner)
        owner.tag_bindings = bindings
        if isinstance(owner, Workspace):
            call.world.touch(owner, call.now)
        call.record("update", owner, before=before)


OF_WORKSPACES: Final = Bindings(Call.workspace, "Workspace")
OF_PROJECTS: Final = Bindings(Call.project, "Project")


def effective_documents(owner: Owner) -> Iterator[documents.Resource]:
    """Yield the ``effective-tag-bindings``: its own, then those a workspace's project adds."""
    for key, value in owner.tag_bindings.items():
        yield _resource("effective-tag-bindings", owner, key, value)
    if isinstance(owner, Project):
        return
    inherited: documents.Resource = {
        "relationships": {"inherited-from": documents.identifier("projects", owner.project.id)},
        # Where go-tfe reads it.
        "links": {"inherited-from": f"/api/v2/projects/{owner.project.id}"},
    }
    for key, value in owner.project.tag_bindings.items():
        if key not in owner.tag_bindings:
            yield _resource("effective-tag-bindings", owner, key, value) | inherited


def include_effective(
    document: documents.Resource, owners: Sequence[Owner]
) -> list[documents.Resource]:
    """Link each owner in the document to its effective tag bindings; return all of these."""
    included: list[documents.Resource] = []
    data: Any = document["data"]
    shown = data if isinstance(data, list) else [data]
    for owner, resource in zip(owners, shown, strict=True):
        effective = list(effective_documents(owner))
        included += effective
        linkage = [{"id": one["id"], "type": one["type"]} for one in effective]
        resource["relationships"].setdefault("effective-tag-bindings", {})["data"] = linkage
    return included


def _resource(kind: str, owner: Owner, key: str, value: str) -> documents.Resource:
    return {
        "id": f"{'tb-' if kind == 'tag-bindings' else ''}{owner.id.partition('-')[2]}-{key}",
        "type": kind,
        "attributes": {"key": key, "value": value},
    }
