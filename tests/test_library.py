"""The library over real sockets and a real disk; it must not block the event loop."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import anyio
import pytest
from blockbuster import blockbuster_ctx

import bulkops
from bulkops import (
    BulkopsError,
    Client,
    JobError,
    JournalError,
    OnResult,
    OnWave,
    Operation,
    PlanStale,
    Result,
    RunTaskGone,
    WaveReached,
    apply_plan,
    errors,
    load_plan,
    parse_job,
    plan_job,
    plan_undo,
    read_coverage,
    read_report,
    resume_journal,
    save_plan,
    verify_journal,
)
from bulkops import (
    library as public,
)
from bulkops.errors import JournalDamaged, JournalLocked, JournalWriteFailed
from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from tests.cli.support import JOB, TASK, StagedSimulator, organization, serving
from tests.plan.forging import forge, with_header

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = {
    name: getattr(bulkops, name)
    for name in bulkops.__all__
    if inspect.isfunction(getattr(bulkops, name))
}
NEVER_FAIL = {"job_schema", "events_schema"}


@pytest.fixture
def simulator() -> StagedSimulator:
    """An organization of twelve workspaces; some of its answers are lost."""
    made = StagedSimulator(rate=0)
    organization(made)
    made.faults = Faults.parse("POST:close-after=20%,503=10%", seed=1)
    return made


@pytest.fixture
def address(simulator: Simulator) -> Iterator[str]:
    """The address that it is served at."""
    with serving(simulator) as served:
        yield served


@pytest.mark.parametrize("way", ["forged", "everybody's"])
def test_the_library_checks_files_like_a_command(
    simulator: StagedSimulator, address: str, tmp_path: Path, way: str
) -> None:
    """Journals and plans are checked before any request, unless ``trust_files`` is set."""
    journal, saved = tmp_path / "scan.jsonl", tmp_path / "scan.plan"
    forge_it = way == "forged"

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            await save_plan(client, plan, saved)
            await apply_plan(client, plan, journal)
            if forge_it:
                forge(journal, with_header(digest="0" * 64))
            else:
                journal.chmod(0o666)
                saved.chmod(0o666)
            requests = simulator.stats.requests
            for door in (resume_journal, verify_journal, plan_undo):
                with pytest.raises(JournalDamaged if forge_it else JobError):
                    await door(client, journal)
            if forge_it:
                with pytest.raises(JournalDamaged):
                    read_report(journal)
                return
            with pytest.raises(JobError, match="--trust-files"):
                await load_plan(client, saved)
            assert simulator.stats.requests == requests
            assert (await load_plan(client, saved, trust_files=True)).operations
            verified = await verify_journal(client, journal, trust_files=True)
            assert verified.verified == 12
            assert (await plan_undo(client, journal, trust_files=True)).operations
            assert (await resume_journal(client, journal, trust_files=True)).counts

    anyio.run(main)


def test_a_job_from_plan_to_undo_never_blocks_the_event_loop(
    simulator: StagedSimulator, address: str, tmp_path: Path
) -> None:
    """Plan, apply, resume, verify and undo use journals only in threads."""
    journal, back = tmp_path / "scan.jsonl", tmp_path / "back.jsonl"

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            report = await apply_plan(client, plan, journal)
            assert report.counts == {"succeeded": 12}
            assert (await resume_journal(client, journal)).exit_code == 0
            assert (await verify_journal(client, journal)).verified == 12
            report = await apply_plan(client, await plan_undo(client, journal), back)
            assert report.counts == {"succeeded": 12}

    with blockbuster_ctx("bulkops"):
        anyio.run(main)
    assert read_report(journal).verified == 12
    assert not any(simulator.attachments(f"prod-{n:03}", TASK) for n in range(1, 13))


def test_apply_and_resume_wait_for_a_journal_in_use(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``wait``, as soon as the journal is free; without it, an error at once."""
    journal = tmp_path / "scan.jsonl"
    bob = Holder("bob", "build-8", 12, "2026-11-24T21:58:03.120Z")
    slept = list[float]()

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            for run in (partial(apply_plan, client, plan), partial(resume_journal, client)):
                with ExitStack() as held:
                    held.enter_context(locked(journal, bob))
                    with pytest.raises(JournalLocked, match="in use by bob"):
                        await run(journal)

                    with monkeypatch.context() as patch:

                        async def release(seconds: float) -> None:
                            slept.append(seconds)
                            held.close()
                            patch.undo()

                        patch.setattr(client.clock, "sleep", release)
                        report = await run(journal, wait=True)
                assert report.counts == {"succeeded": 12}

    anyio.run(main)
    assert slept == [0.5, 0.5]


ERRORS: tuple[BaseException, ...] = (
    asyncio.CancelledError("the caller's"),
    KeyboardInterrupt(),
    ValueError("the caller's"),
    RunTaskGone("security-scan", "elsewhere"),
    JournalWriteFailed("the caller's own file is full"),
    ExceptionGroup("several", [ValueError("one")]),
)


@pytest.mark.parametrize("callback", ["on_result", "on_wave"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_exception_in_a_callback_reaches_the_caller_and_the_journal_resumes(
    address: str, tmp_path: Path, callback: str, error: BaseException
) -> None:
    """Even one of bulkops' own classes: what is in flight is recorded, nothing else starts."""
    journal = tmp_path / "scan.jsonl"
    results, resumed = list[str](), list[str]()

    def raising_result(operation: Operation, _: Result) -> None:
        results.append(operation.target.name)
        if callback == "on_result" and len(results) == 1:
            raise error

    def raising_wave(wave: WaveReached) -> None:
        if callback == "on_wave" and wave.reached == "verified":
            raise error

    async def main() -> None:
        async with Client(address, "any") as client:
            job = parse_job(JOB.replace("[pace]", "[pace]\nmax_at_once = 3"))
            plan = await plan_job(client, job)
            with pytest.raises(type(error)) as caught:
                await apply_plan(client, plan, journal, raising_result, raising_wave)
            assert caught.value is error
            assert caught.value.__cause__ is caught.value.__context__ is None
            stopped = read_report(journal)
            assert (stopped.ended, stopped.counts.get("in_doubt", 0)) == ("error", 0)
            assert stopped.counts["succeeded"] == len(results)
            assert (len(results) <= 3) == (callback == "on_result")
            report = await resume_journal(
                client, journal, on_result=lambda operation, _: resumed.append(operation.key)
            )
            assert (report.ended, report.counts) == ("complete", {"succeeded": 12})

    anyio.run(main)
    assert len(resumed) == 12 - len(results)


class _Async:
    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    "callback", [_Async(), _Async().__call__, "print"], ids=["async object", "async method", "text"]
)
@pytest.mark.parametrize("name", ["on_result", "on_wave"])
def test_a_callback_that_can_not_be_called_is_refused_before_anything_starts(
    address: str, tmp_path: Path, name: str, callback: object
) -> None:
    """An async function would never be awaited, and every result be lost without an error."""
    journal = tmp_path / "scan.jsonl"
    wrong: dict[str, Any] = {name: callback}

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            with pytest.raises(TypeError, match=f"{name} is (an async function|not callable)"):
                await apply_plan(client, plan, journal, **wrong)
            await apply_plan(client, plan, journal)
            with pytest.raises(TypeError, match=name):
                await resume_journal(client, journal, **wrong)

    anyio.run(main)


def test_a_callbacks_type_is_public_and_described() -> None:
    """``OnResult`` names public classes; its docstring says what its exception does."""
    arguments = typing.get_type_hints(OnResult.__call__)
    assert (arguments["operation"], arguments["result"]) == (Operation, Result)
    assert typing.get_type_hints(OnWave.__call__)["wave"] == WaveReached
    assert "exception" in (inspect.getdoc(OnResult) or "")
    for function in (apply_plan, resume_journal):
        assert typing.get_type_hints(function)["on_result"] == OnResult
        assert "``OnResult``" in (inspect.getdoc(function) or "")


def test_a_client_outside_its_block_names_the_block(address: str, tmp_path: Path) -> None:
    """Before it is entered and after it was left; nothing is written or sent."""
    journal = tmp_path / "scan.jsonl"
    open_it = pytest.raises(RuntimeError, match=r"async with Client\(\.\.\.\) as client")

    async def main() -> None:
        unopened = Client(address, "any")
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
        for outside in (unopened, client):
            for call in (
                plan_job(outside, parse_job(JOB)),
                apply_plan(outside, plan, journal),
                resume_journal(outside, journal),
                outside.ping(),
                outside.run_tasks.list("acme"),
            ):
                with open_it:
                    await call

    anyio.run(main)


def test_an_existing_journal_names_resume_journal(address: str, tmp_path: Path) -> None:
    """``apply_plan`` into a journal that exists says which function resumes it."""
    journal = tmp_path / "scan.jsonl"

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            await apply_plan(client, plan, journal)
            with pytest.raises(JournalError, match=r"exists already.*`resume_journal`"):
                await apply_plan(client, plan, journal)

    anyio.run(main)


def test_a_jobs_own_rate_holds_in_the_library(address: str, tmp_path: Path) -> None:
    """``[pace] rate`` limits the pace of the given client."""
    job = parse_job(JOB.replace("[pace]", "[pace]\nrate = 500"))

    async def main() -> float | None:
        async with Client(address, "any") as client:
            await apply_plan(client, await plan_job(client, job), tmp_path / "scan.jsonl")
            return client.pacer.rate

    assert anyio.run(main) == pytest.approx(492.5)


def test_a_saved_plan_is_applied_unchanged(address: str, tmp_path: Path) -> None:
    """A loaded plan is the saved one, for this address only, and loading doesn't block."""
    path, journal = tmp_path / "scan.plan", tmp_path / "scan.jsonl"

    async def main() -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            digest = await save_plan(client, plan, path)
            loaded = await load_plan(client, path)
            assert (loaded.operations, loaded.saved) == (plan.operations, digest)
            assert (await apply_plan(client, loaded, journal)).counts == {"succeeded": 12}
            coverage = await read_coverage(client, "acme", [TASK])
            assert all(row.observed[0] for row in coverage.rows())
        async with Client("https://tfe.example", "any") as other:
            with pytest.raises(PlanStale, match=r"is for http://127.*, but the client is for"):
                await load_plan(other, path)

    with blockbuster_ctx("bulkops"):
        anyio.run(main)


def test_a_client_of_another_server_is_refused(address: str, tmp_path: Path) -> None:
    """Plans and journals of another server are refused before anything is sent."""
    journal, path, new = tmp_path / "scan.jsonl", tmp_path / "scan.plan", tmp_path / "new.jsonl"
    other = StagedSimulator(rate=0)
    organization(other)

    async def main(elsewhere: str) -> None:
        async with Client(address, "any") as client:
            plan = await plan_job(client, parse_job(JOB))
            await save_plan(client, plan, path)
            loaded = await load_plan(client, path)
            await apply_plan(client, plan, journal)
            undo = await plan_undo(client, journal)
        async with Client(elsewhere, "any") as client:
            for refused in (
                resume_journal(client, journal),
                verify_journal(client, journal),
                plan_undo(client, journal),
                load_plan(client, path),
                save_plan(client, plan, path),
                *(apply_plan(client, made, new) for made in (plan, loaded, undo)),
            ):
                with pytest.raises(PlanStale, match=f"is for {address}, but the client is for"):
                    await refused

    with serving(other) as elsewhere:
        anyio.run(main, elsewhere)
    assert other.stats.requests == 0
    assert not new.exists()


def test_a_client_has_one_spelling_of_its_address(address: str, tmp_path: Path) -> None:
    """All clients of a server share its journals, and an invalid address is refused."""
    journal = tmp_path / "scan.jsonl"

    async def main() -> None:
        async with Client(address.upper() + "/", "any") as client:
            assert client.address == address
            await apply_plan(client, await plan_job(client, parse_job(JOB)), journal)
        async with Client(address, "any") as client:
            assert (await verify_journal(client, journal)).verified == 12

    anyio.run(main)
    with pytest.raises(JobError, match="contains a path or query"):
        Client(f"{address}/api/v2", "any")


def test_every_exception_that_a_public_docstring_names_is_public() -> None:
    """Callers can import from ``bulkops`` every exception to catch."""
    known = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    public = [getattr(bulkops, name) for name in bulkops.__all__]
    methods = [method for one in public if inspect.isclass(one) for method in vars(one).values()]
    inherited = [method for _, method in inspect.getmembers(bulkops.Client, inspect.isfunction)]
    docs = " ".join(filter(None, map(inspect.getdoc, (*public, *methods, *inherited))))
    named = {
        name for name in known if re.search(rf"^\s*[\w, ]*\b{name}\b[\w, ]*:", docs, re.MULTILINE)
    }
    assert named >= {"RunTaskGone", "RetriesSpent", "NoResponse"}
    assert named <= set(bulkops.__all__)


def test_the_modules_example_works(address: str, tmp_path: Path) -> None:
    """The example in ``bulkops.library`` runs unchanged: plan, apply, verify."""
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    job = tmp_path / "jobs" / "canary.toml"
    text = job.read_text(encoding="utf-8").replace('tags = ["canary"]', "all = true")
    job.write_text(f'{text}\n[pace]\nsettle = "50ms"\n', encoding="utf-8")
    body = textwrap.dedent((public.__doc__ or "").split("::\n\n")[1].rpartition("\n\n")[0])
    body = body.replace("https://app.terraform.io", address)
    names = ", ".join(name for name in bulkops.__all__ if re.search(rf"\b{name}\b", body))
    code = (
        f"import asyncio\nfrom bulkops import {names}\ntoken = 'any'\n"
        f"async def main():\n{textwrap.indent(body, '    ')}\nasyncio.run(main())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (ran.returncode, ran.stdout) == (0, "{'succeeded': 12} 12\n"), ran.stderr


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_public_function_documents_errors_and_arguments(function: Callable[..., object]) -> None:
    """Its docstring names existing errors, and describes every option."""
    docstring = inspect.getdoc(function) or ""
    raises = re.findall(r"(?m)^    ((?:\w+, )*\w+): ", docstring.partition("Raises:\n")[2])
    assert bool(raises) == (function.__name__ not in NEVER_FAIL)
    for name in [name for names in raises for name in names.split(", ")]:
        assert issubclass(getattr(errors, name), BulkopsError)
    explained = set(re.findall(r"(?m)^    (\w+): ", docstring.partition("Args:\n")[2]))
    options = {
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is not parameter.empty
    }
    assert options <= explained


def _own_classes(annotation: object) -> Iterator[type]:
    """Yield the classes of this package that a type consists of."""
    if isinstance(annotation, type):
        if annotation.__module__.startswith("bulkops."):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from (
            one for p in (part if isinstance(part, list) else [part]) for one in _own_classes(p)
        )


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_a_public_function_takes_and_gives_is_public(function: Callable[..., object]) -> None:
    """Every class of this package in a public signature is a name of ``bulkops``."""
    for annotation in typing.get_type_hints(function).values():
        for named in _own_classes(annotation):
            assert getattr(bulkops, named.__name__) is named


def test_the_wheel_has_the_type_marker(tmp_path: Path) -> None:
    """The wheel contains ``py.typed``, so that users get the types."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "bulkops/py.typed" in ZipFile(wheel).namelist()
