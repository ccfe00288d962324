"""From a replay to what people and scripts read: rows, totals, exit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.journal.records import Ended, Execution, Planned, Record, Result, Skipped, Verified
from bulkops.journal.replay import Replay, replay
from bulkops.journal.states import Outcome
from bulkops.operations.model import Observed, Operation, Target
from bulkops.plan.reconcile import reconcile
from bulkops.plan.verify import verify
from bulkops.report.json_document import document
from bulkops.report.model import exit_code, report
from bulkops.report.text import lines
from tests.journal.samples import AT, DESIRED, HOLDER, first, header, intent, planned, result
from tests.kinds import AS_DESIRED, OTHERWISE, bound

KEY = "attach:ws-%d"


def said(number: int, outcome: Outcome, reason: str = "") -> Result:
    """Return a result of one of the operations."""
    return Result(KEY % number, outcome, AT, reason=reason, attempts=2)


def ended(*records: Record, how: str = "complete") -> Replay:
    """Return the replay of a journal of five that was carried out and came to this."""
    return replay([*first(5), Execution(HOLDER, "1"), *records, Ended(AT, how)])


MIXED = (
    result(0),
    said(1, Outcome.FAILED, "422 no"),
    said(2, Outcome.CONFLICT, "somebody else changed it"),
    intent(3),
    Verified(AT, 1, {KEY % 0: "not attached", KEY % 1: "not attached"}),
)
DIFFERING = Verified(AT, 4, {KEY % 0: "not attached"})


@pytest.mark.parametrize(
    ("how", "records", "code"),
    [
        ("complete", [result(0)], 0),
        ("complete", [said(0, Outcome.SKIPPED)], 0),
        ("complete", [said(0, Outcome.FAILED)], 3),
        ("complete", [said(0, Outcome.CONFLICT)], 3),
        ("complete", [result(0), DIFFERING], 3),
        ("complete", [said(0, Outcome.FAILED), intent(1)], 5),
        ("complete", [said(0, Outcome.IN_DOUBT)], 5),
        ("tolerance", [said(0, Outcome.FAILED), intent(1)], 4),
        ("error", [said(0, Outcome.FAILED), intent(1)], 1),
        ("SIGINT", [said(0, Outcome.FAILED), intent(1)], 130),
        ("SIGTERM", [intent(1)], 143),
    ],
)
def test_the_first_code_that_holds_counts(how: str, records: list[Record], code: int) -> None:
    """130 or 143, then 1, 4, 5, 3, and 0 where nothing is to be told."""
    assert exit_code(ended(*records, how=how)) == code
    assert report(ended(*records, how=how)).exit_code == code


def test_a_blocked_workspace_is_work_not_done() -> None:
    """Exit 3 though every operation succeeded."""
    blocked = Skipped(Target("ws-9", "prod-9"), "attached 2 times", blocked=True)
    state = replay([header(0, 1), blocked, Execution(HOLDER, "1"), Ended(AT, "complete")])
    assert exit_code(state) == 3
    assert "  blocked    prod-9  attached 2 times" in list(lines(report(state)))


def test_the_report_counts_every_operation_once() -> None:
    """Each has a row, each row an outcome, and the counts add up."""
    made = report(ended(*MIXED))
    assert [row.outcome for row in made.rows] == [
        "succeeded", "failed", "conflict", "in_doubt", "pending",
    ]  # fmt: skip
    assert sum(made.counts.values()) == made.operations == 5
    assert made.skips == {"already attached as wanted": 1}
    assert (made.job, made.kind, made.task) == ("scan", "attach", "security-scan")
    assert (made.executions, made.ended, made.verified) == (1, "complete", 1)
    first, second, *_ = made.rows
    assert first.shows == "not attached"
    assert (second.attempts, second.reason) == (2, "422 no")


def test_as_text_trouble_is_listed_and_success_counted() -> None:
    """Totals first, then what needs attention."""
    text = list(lines(report(ended(*MIXED))))
    assert text[0] == "scan: attach security-scan in acme (https://app.terraform.io)"
    assert "1 succeeded, 1 failed, 1 conflict, 1 in doubt, 1 pending of 5 operations" in text[1]
    assert text[2].endswith(" complete")
    listed = [line.split()[0] for line in text if "prod-" in line]
    assert listed == ["drifted", "failed", "conflict", "in"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("tolerance", "stopped by the failure tolerance"),
        ("error", "stopped by an error"),
        ("SIGTERM", "stopped by SIGTERM"),
    ],
)
def test_as_text_it_says_how_it_ended(how: str, words: str) -> None:
    """Each way an execution can end has its words."""
    assert words in "\n".join(lines(report(ended(result(0), how=how))))


def test_as_text_an_end_that_was_never_written_is_a_kill_or_still_runs() -> None:
    """Nobody can tell the two apart from the journal."""
    state = replay([*first(5), Execution(HOLDER, "1"), intent(0)])
    assert "1 execution, killed or still running" in "\n".join(lines(report(state)))
    assert report(state).ended == ""


def test_as_text_a_journal_only_created_is_not_started() -> None:
    """Planned, and never carried out."""
    text = list(lines(report(replay(first(5)))))
    assert "5 pending of 5 operations" in text[1]
    assert "not started yet" in text[2]


def test_as_json_it_is_the_same_value() -> None:
    """One document, whose rows are those of the text; ``only_failed`` leaves the trouble."""
    made = report(ended(*MIXED))
    whole = msgspec.json.decode("".join(document(made)))
    assert whole["counts"] == made.counts
    assert [row["key"] for row in whole["rows"]] == [row.key for row in made.rows]
    failed = msgspec.json.decode("".join(document(made, only_failed=True)))
    outcomes = [row["outcome"] for row in failed["rows"]]
    assert outcomes == ["succeeded", "failed", "conflict", "in_doubt"]
    assert failed["skipped"] == []
    assert failed["counts"] == made.counts


SHOWN: dict[str, list[Observed]] = {
    "as planned from": [],
    "as wanted": [Observed("wstask-9", DESIRED)],
    "anything else": [Observed("wstask-9", OTHERWISE)],
}


def reconciled(
    records: Sequence[Record],
    shown: Mapping[str, Sequence[Observed]],
    *,
    retry_failed: bool = False,
) -> list[Record]:
    """Return what brings a journal of one operation up to what the server shows."""
    return list(
        reconcile(
            replay([*first(1), *records]),
            {"": shown},
            bound("attach"),
            retry_failed=retry_failed,
            date=AT,
        )
    )


@pytest.mark.parametrize(
    ("shows", "outcome"),
    [
        ("as planned from", None),
        ("as wanted", Outcome.SKIPPED),
        ("anything else", Outcome.CONFLICT),
    ],
)
def test_what_is_pending_is_settled_by_what_the_server_shows(
    shows: str, outcome: Outcome | None
) -> None:
    """Left to be carried out, skipped as somebody else's, or in conflict."""
    made = reconciled([], {"ws-0": SHOWN[shows]})
    assert [r.outcome for r in made if isinstance(r, Result)] == ([outcome] if outcome else [])


@pytest.mark.parametrize("shows", SHOWN)
@pytest.mark.parametrize("records", [[intent(0)], [intent(0), said(0, Outcome.IN_DOUBT)]])
def test_what_is_in_doubt_is_left_to_be_looked_at(records: list[Record], shows: str) -> None:
    """Whatever a list shows: only a reading past ``settle`` decides it."""
    assert reconciled(records, {"ws-0": SHOWN[shows]}, retry_failed=True) == []


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CONFLICT])
def test_what_failed_is_decided_anew_only_where_asked(outcome: Outcome) -> None:
    """Under the same key, from what the server shows now."""
    records: list[Record] = [intent(0), said(0, outcome)]
    assert reconciled(records, {}) == []
    (again,) = reconciled(records, {"ws-0": [Observed("wstask-9", OTHERWISE)]}, retry_failed=True)
    desired = msgspec.structs.replace(
        planned(0), before=Observed("wstask-9", OTHERWISE), desired=AS_DESIRED, verb="update"
    )
    assert again == desired
    (skipped,) = reconciled(
        records, {"ws-0": [Observed("wstask-9", AS_DESIRED)]}, retry_failed=True
    )
    assert isinstance(skipped, Result)
    assert (skipped.outcome, skipped.ours) == (Outcome.SKIPPED, False)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.SKIPPED])
def test_what_is_done_is_done_again_where_it_drifted_and_that_is_asked_for(
    outcome: Outcome,
) -> None:
    """A plain resume leaves it for verify to tell; ``--retry-failed`` plans it again."""
    records: list[Record] = [intent(0), said(0, outcome)]
    assert reconciled(records, {}) == []
    (again,) = reconciled(records, {}, retry_failed=True)
    assert isinstance(again, Planned)
    assert (
        reconciled(records, {"ws-0": [Observed("wstask-1", AS_DESIRED)]}, retry_failed=True) == []
    )


states = st.sampled_from(["absent", "wanted", "otherwise", "twice"])


@given(st.lists(states, min_size=1, max_size=6))
def test_each_operation_stands_or_differs(shown: list[str]) -> None:
    """The two add up, and each that differs is told by what the server shows."""
    observed = {
        "absent": [],
        "wanted": [Observed("a", DESIRED)],
        "otherwise": [Observed("a", OTHERWISE)],
        "twice": [Observed("a", DESIRED), Observed("b", DESIRED)],
    }
    attachments = {f"ws-{number}": observed[state] for number, state in enumerate(shown)}
    verified = verify(replay(first(len(shown))), {"": attachments}, AT)
    assert verified.verified == shown.count("wanted")
    assert verified.verified + len(verified.differing) == len(shown)
    words = {
        "absent": "not attached",
        "otherwise": "advisory at pre_apply",
        "twice": "2 attachments (a, b)",
    }
    assert verified.differing == {
        KEY % number: words[state] for number, state in enumerate(shown) if state != "wanted"
    }


def test_a_detached_target_stands() -> None:
    """Absent is what a detach wanted."""
    before = Observed("wstask-1", DESIRED)
    detach = Operation("detach", Target("ws-0", "prod-0"), before, None)
    state = replay([header(1), Planned.of(detach)])
    assert verify(state, {"": {}}, AT).verified == 1
    assert verify(state, {"": {"ws-0": [before]}}, AT).verified == 0
