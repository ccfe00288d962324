"""A run task's attachments by workspace, from whatever lists they come."""

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
    """Return them by workspace, those of the run task ``t``."""
    rows = ByWorkspace("t")
    for one in attachments:
        rows.add(one)
    return rows


def test_each_workspace_has_its_own() -> None:
    """One, several in the list's order, or no entry at all."""
    rows = by_workspace(attachment("a", "1"), attachment("b", "2"), attachment("c", "1"))
    assert {key: [observed.id for observed in rows[key]] for key in rows} == {
        "1": ["a", "c"],
        "2": ["b"],
    }
    assert (len(rows), rows.count(), rows.get("3", ())) == (2, 3, ())


def test_an_attachment_that_comes_twice_is_one_as_it_was_last() -> None:
    """Rows move between pages, the further ones of a workspace, too."""
    rows = by_workspace(
        attachment("a", "1"),
        attachment("a", "1", "mandatory"),
        attachment("b", "1"),
        attachment("b", "1", "mandatory"),
    )
    assert [observed.attributes["enforcement-level"] for observed in rows["1"]] == ["mandatory"] * 2
    assert rows.count() == 2


def test_other_run_tasks_are_counted_and_left_out() -> None:
    """A workspace's own list has all of them; whether it is complete is known by their number."""
    rows = by_workspace(attachment("a", "1", task="other"), attachment("b", "2"))
    assert (list(rows), rows.count()) == (["2"], 2)


def test_known_ids_are_not_kept_twice() -> None:
    """``same`` gives the strings that are there already."""
    ids = ("ws-" + "1" * 16, "wstask-" + "1" * 16)
    rows = ByWorkspace("t", lambda *_: ids)
    rows.add(attachment("wstask-1111111111111111", "ws-1111111111111111"))
    ((workspace, (observed,)),) = rows.items()
    assert workspace is ids[0]
    assert observed.id is ids[1]


def test_equal_attributes_are_one_object() -> None:
    """The first of them, in whatever order they come."""
    shared = Shared()
    mandatory, advisory = {"enforcement-level": "mandatory"}, {"enforcement-level": "advisory"}
    assert shared(mandatory) is mandatory
    assert shared(advisory) is advisory
    assert shared(dict(mandatory)) is mandatory
    assert shared(dict(mandatory)) is mandatory
