"""A run task's attachments by workspace, whichever lists they come from."""

from __future__ import annotations

from bulkops.api.resources import WorkspaceTask
from bulkops.operations.aspects.attachment import ByWorkspace
from bulkops.operations.model import Shared


def attachment(
    ident: str, workspace: str, level: str = "advisory", task: str = "t"
) -> WorkspaceTask:
    """Return an attachment at post_plan."""
    return WorkspaceTask(ident, workspace, task, level, ("post_plan",))


def by_workspace(*attachments: WorkspaceTask) -> ByWorkspace:
    """Return the attachments of the run task ``t`` by workspace."""
    rows = ByWorkspace("t")
    for one in attachments:
        rows.add(one)
    return rows


def test_attachments_are_grouped_by_workspace() -> None:
    """A workspace has one attachment, several in the list's order, or no entry."""
    rows = by_workspace(attachment("a", "1"), attachment("b", "2"), attachment("c", "1"))
    assert {key: [observed.id for observed in rows[key]] for key in rows} == {
        "1": ["a", "c"],
        "2": ["b"],
    }
    assert (len(rows), rows.count(), rows.get("3", ())) == (2, 3, ())


def test_an_attachment_listed_twice_counts_once_with_its_last_state() -> None:
    """A row can move between pages, so an attachment may appear twice in a list."""
    rows = by_workspace(
        attachment("a", "1"),
        attachment("a", "1", "mandatory"),
        attachment("b", "1"),
        attachment("b", "1", "mandatory"),
    )
    assert [observed.attributes["enforcement-level"] for observed in rows["1"]] == ["mandatory"] * 2
    assert rows.count() == 2


def test_other_run_tasks_are_counted_and_left_out() -> None:
    """Attachments of other run tasks count, because the total shows if a list is complete."""
    rows = by_workspace(attachment("a", "1", task="other"), attachment("b", "2"))
    assert (list(rows), rows.count()) == (["2"], 2)


def test_known_ids_are_not_kept_twice() -> None:
    """``same`` returns the strings that are already in memory."""
    ids = ("ws-" + "1" * 16, "wstask-" + "1" * 16)
    rows = ByWorkspace("t", lambda *_: ids)
    rows.add(attachment("wstask-1111111111111111", "ws-1111111111111111"))
    ((workspace, (observed,)),) = rows.items()
    assert workspace is ids[0]
    assert observed.id is ids[1]


def test_equal_attributes_are_one_object() -> None:
    """Equal attributes share the first object, in whatever order they are added."""
    shared = Shared()
    mandatory, advisory = {"enforcement-level": "mandatory"}, {"enforcement-level": "advisory"}
    assert shared(mandatory) is mandatory
    assert shared(advisory) is advisory
    assert shared(dict(mandatory)) is mandatory
    assert shared(dict(mandatory)) is mandatory
