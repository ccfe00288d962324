"""The report of a replay: rows, totals, exit codes."""

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


def finished(number: int, outcome: Outcome, reason: str = "") -> Result:
    """Return a result of one of the operations."""
    return Result(KEY % number, outcome, AT, reason=reason, attempts=2)


def ended(*records: Record, how: str = "complete") -> Replay:
    """Return the replay of an executed journal of five operations."""
    return replay([*first(5), Execution(HOLDER, "1"), *records, Ended(AT, how)])


MIXED = (
    result(0),
    finished(1, Outcome.FAILED, "422 no"),
    finished(2, Outcome.CONFLICT, "changed outside this job"),
    intent(3),
    Verified(AT, 1, {KEY % 0: "not attached", KEY % 1: "not attached"}),
)
DIFFERING = Verified(AT, 4, {KEY % 0: "not attached"})


@pytest.mark.parametrize(
    ("how", "records", "code"),
    [
        ("complete", [result(0)], 0),
        ("complete", [finished(0, Outcome.SKIPPED)], 0),
        ("complete", [finished(0, Outcome.FAILED)], 3),
        ("complete", [finished(0, Outcome.CONFLICT)], 3),
        ("complete", [result(0), DIFFERING], 3),
        ("complete", [finished(0, Outcome.FAILED), intent(1)], 5),
        ("complete", [finished(0, Outcome.IN_DOUBT)], 5),
        ("tolerance", [finished(0, Outcome.FAILED), intent(1)], 4),
        ("error", [finished(0, Outcome.FAILED), intent(1)], 1),
        ("SIGINT", [finished(0, Outcome.FAILED), intent(1)], 130),
        ("SIGTERM", [intent(1)], 143),
    ],
)
def test_the_first_exit_code_that_applies_wins(how: str, records: list[Record], code: int) -> None:
    """The order is 130 or 143, 1, 4, 5, 3, then 0."""
    assert exit_code(ended(*records, how=how)) == code
    assert report(ended(*records, how=how)).exit_code == code


def test_a_blocked_workspace_leaves_the_job_unfulfilled() -> None:
    """The exit code is 3 although every operation succeeded."""
    blocked = Skipped(Target("ws-9", "prod-9"), "attached 2 times", blocked=True)
    state = replay([header(0, 1), blocked, Execution(HOLDER, "1"), Ended(AT, "complete")])
    assert exit_code(state) == 3
    assert "  blocked    prod-9  attached 2 times" in list(lines(report(state)))


def test_the_report_counts_every_operation_once() -> None:
    """Each has one row, each row has an outcome, and the counts add up."""
    built = report(ended(*MIXED))
    assert [row.outcome for row in built.rows] == [
        "succeeded", "failed", "conflict", "in_doubt", "pending",
    ]  # fmt: skip
    assert sum(built.counts.values()) == built.operations == 5
    assert built.skips == {"already attached as wanted": 1}
    assert (built.job, built.kind, built.task) == ("scan", "attach", "security-scan")
    assert (built.executions, built.ended, built.verified) == (1, "complete", 1)
    first, second, *_ = built.rows
    assert first.shows == "not attached"
    assert (second.attempts, second.reason) == (2, "422 no")


def test_the_text_lists_problems_and_counts_successes() -> None:
    """Totals come first, then the operations that need attention."""
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
def test_the_text_gives_the_end_of_the_execution(how: str, words: str) -> None:
    """Every way to end has its phrase."""
    assert words in "\n".join(lines(report(ended(result(0), how=how))))


def test_without_a_recorded_end_the_text_is_killed_or_still_running() -> None:
    """The journal alone does not tell which."""
    state = replay([*first(5), Execution(HOLDER, "1"), intent(0)])
    assert "1 execution, killed or still running" in "\n".join(lines(report(state)))
    assert "  1 execution, killed" in list(lines(report(state, killed=True)))
    assert report(state).ended == ""


def test_a_journal_without_executions_is_not_started() -> None:
    """The text reports it; all operations are pending."""
    text = list(lines(report(replay(first(5)))))
    assert "5 pending of 5 operations" in text[1]
    assert "not started yet" in text[2]


def test_the_json_has_the_same_values() -> None:
    """Its rows are those of the report; ``only_failed`` keeps the problems."""
    built = report(ended(*MIXED))
    whole = msgspec.json.decode("".join(document(built)))
    assert whole["counts"] == built.counts
    assert [row["key"] for row in whole["rows"]] == [row.key for row in built.rows]
    failed = msgspec.json.decode("".join(document(built, only_failed=True)))
    outcomes = [row["outcome"] for row in failed["rows"]]
    assert outcomes == ["succeeded", "failed", "conflict", "in_doubt"]
    assert failed["skipped"] == []
    assert failed["counts"] == built.counts


SHOWN: dict[str, list[Observed]] = {
    "as planned from": [],
    "as desired": [Observed("wstask-9", DESIRED)],
    "anything else": [Observed("wstask-9", OTHERWISE)],
}


def reconciled(
    records: Sequence[Record],
    shown: Mapping[str, Sequence[Observed]],
    *,
    retry_failed: bool = False,
) -> list[Record]:
    """Return the records that reconcile a journal of one operation with the server."""
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
        ("as desired", Outcome.SKIPPED),
        ("anything else", Outcome.CONFLICT),
    ],
)
def test_a_pending_operation_is_decided_by_the_observed_state(
    shows: str, outcome: Outcome | None
) -> None:
    """It stays pending, is skipped as someone else's work, or is in conflict."""
    built = reconciled([], {"ws-0": SHOWN[shows]})
    assert [r.outcome for r in built if isinstance(r, Result)] == ([outcome] if outcome else [])


@pytest.mark.parametrize("shows", SHOWN)
@pytest.mark.parametrize("records", [[intent(0)], [intent(0), finished(0, Outcome.IN_DOUBT)]])
def test_an_operation_in_doubt_is_not_decided_from_a_list(
    records: list[Record], shows: str
) -> None:
    """Only a read after ``settle`` decides it."""
    assert reconciled(records, {"ws-0": SHOWN[shows]}, retry_failed=True) == []


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CONFLICT])
def test_failed_operations_are_replanned_only_with_retry_failed(outcome: Outcome) -> None:
    """They keep their key and start from the observed state."""
    records: list[Record] = [intent(0), finished(0, outcome)]
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
def test_drifted_operations_are_replanned_only_with_retry_failed(
    outcome: Outcome,
) -> None:
    """A plain resume leaves them for verify to report."""
    records: list[Record] = [intent(0), finished(0, outcome)]
    assert reconciled(records, {}) == []
    (again,) = reconciled(records, {}, retry_failed=True)
    assert isinstance(again, Planned)
    assert (
        reconciled(records, {"ws-0": [Observed("wstask-1", AS_DESIRED)]}, retry_failed=True) == []
    )


states = st.sampled_from(["absent", "desired", "otherwise", "twice"])


@given(st.lists(states, min_size=1, max_size=6))
def test_each_operation_is_verified_or_differs(shown: list[str]) -> None:
    """The two counts add up, and each that differs has the observed state."""
    observed = {
        "absent": [],
        "desired": [Observed("a", DESIRED)],
        "otherwise": [Observed("a", OTHERWISE)],
        "twice": [Observed("a", DESIRED), Observed("b", DESIRED)],
    }
    attachments = {f"ws-{number}": observed[state] for number, state in enumerate(shown)}
    verified = verify(replay(first(len(shown))), {"": attachments}, AT)
    assert verified.verified == shown.count("desired")
    assert verified.verified + len(verified.differing) == len(shown)
    words = {
        "absent": "not attached",
        "otherwise": "advisory at pre_apply",
        "twice": "2 attachments (a, b)",
    }
    assert verified.differing == {
        KEY % number: words[state] for number, state in enumerate(shown) if state != "desired"
    }


def test_an_absent_attachment_verifies_a_detach() -> None:
    """Absent is the desired state of a detach."""
    before = Observed("wstask-1", DESIRED)
    detach = Operation("detach", Target("ws-0", "prod-0"), before, None)
    state = replay([header(1), Planned.of(detach)])
    assert verify(state, {"": {}}, AT).verified == 1
    assert verify(state, {"": {"ws-0": [before]}}, AT).verified == 0
