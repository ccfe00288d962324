"""``python -m tests.mutations`` reintroduces old faults one at a time; a test must fail.

Each mutation changes the text of a copy of the project, so that it also affects the commands that
tests start. ``tests.simulation.mutations`` has those of the engine's promises under faults.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")


class Mutation(NamedTuple):
    """One old fault.

    Attributes:
        fault: a description.
        module: the module's path below ``bulkops/``.
        text: a text that occurs once, and its replacement with the fault.
        tests: node ids below ``tests/``, one of which must fail.
    """

    fault: str
    module: str
    text: tuple[str, str]
    tests: tuple[str, ...]


LEASES = ("journal/remote/test_contest.py",)

SEVERAL = ("operations/test_several.py",)

PROCESSES = ("fleet/processes/test_processes.py",)

VALUES = ("operations/test_values.py",)

MUTATIONS = (
    Mutation(
        "the waves of a fleet hold only within one process",
        "fleet/processes/own_shards.py",
        ("for name in self.next.begin if name in own]", "for name in sorted(own)]"),
        PROCESSES,
    ),
    Mutation(
        "a process does not see that another one has stopped the fleet",
        "fleet/processes/others.py",
        ("        if stopped is not None and stopped.holds(mine.number):", "        if False:"),
        PROCESSES,
    ),
    Mutation(
        "a shard that fails as before the stop was lifted stops the fleet again",
        "fleet/processes/own_shards.py",
        ("is State.NOT_BEGUN and entry and entry.lifted:", "is State.NOT_BEGUN and not entry:"),
        PROCESSES,
    ),
    Mutation(
        "failures of shards that run in other processes do not count",
        "fleet/processes/others.py",
        ("                    failures=progress.failures,", "                    failures=0,"),
        PROCESSES,
    ),
    Mutation(
        "a token is sent to another address that a file names",
        "client/access/address.py",
        (
            "        if other != address:\n            advice",
            "        if False:\n            advice",
        ),
        ("cli/test_addresses.py",),
    ),
    Mutation(
        "a token that isn't bound to a host is sent to the address in a file",
        "client/access/address.py",
        ("    if is_plain(address) or not is_bound(address):", "    if is_plain(address):"),
        ("cli/test_addresses.py",),
    ),
    Mutation(
        "TFE_HOSTNAME is not read",
        "client/access/address.py",
        ('"TF_CLOUD_HOSTNAME", "TFE_HOSTNAME")', '"TF_CLOUD_HOSTNAME")'),
        ("cli/test_addresses.py",),
    ),
    Mutation(
        "a credentials helper is asked for a host that only a file names",
        "client/access/credentials.py",
        ("ask_helper=not destination.bound", "ask_helper=True"),
        ("client/access/test_cli_config.py",),
    ),
    Mutation(
        "this machine is reached through a proxy",
        "client/access/proxy.py",
        ("    if not proxy or is_loopback(host):", "    if not proxy:"),
        ("client/access",),
    ),
    Mutation(
        "a journal is resumed without checking its operations",
        "plan/trusted.py",
        (
            "    if problem := disagreement(contents.replay):",
            '    if problem := "" and disagreement(contents.replay):',
        ),
        ("cli/run/test_forged.py",),
    ),
    Mutation(
        "a journal that other users can write is trusted",
        "journal/local/ownership.py",
        ("    if found.st_mode & stat.S_IWOTH and not sticky:", "    if False:"),
        ("journal/local/test_ownership.py",),
    ),
    Mutation(
        "a change is sent again without its permit",
        "client/caller.py",
        (
            "if sent == 1 else None, permit)",
            "if sent == 1 else None, permit if sent == 1 else ALWAYS)",
        ),
        ("runner/test_permit.py",),
    ),
    Mutation(
        "a gate starts though its journal was taken over",
        "runner/waves.py",
        ("            await self._assignment.permit.wait()\n", ""),
        ("runner/test_permit.py",),
    ),
    Mutation(
        "a request is sent on by the system long after it was given up",
        "client/access/sockets.py",
        ('if sys.platform == "linux":', "if False:"),
        ("client/test_late_delivery.py",),
    ),
    Mutation(
        "a lease is not known to expire while the machine is suspended",
        "clock.py",
        ('getattr(time, "CLOCK_BOOTTIME", getattr', 'getattr(time, "CLOCK_NONE", getattr'),
        ("test_clock.py",),
    ),
    Mutation(
        "a change whose permit ended while it connected is sent",
        "client/transport.py",
        ("        if not _PERMIT.get().holds():\n", "        if False:\n"),
        ("client/test_withheld.py",),
    ),
    Mutation(
        "changes whose intents shared a slow sync leave in a burst",
        "client/caller.py",
        ("            await self.pacer.space()\n", ""),
        ("runner/test_pace.py",),
    ),
    Mutation(
        "a gate is given the token",
        "job/gate.py",
        ("not (name in call.secrets or _WITHHELD.match(name))", "True"),
        ("job/test_gate.py",),
    ),
    Mutation(
        "a gate is given the webhook's URL",
        "job/job.py",
        ("return self.notify.variables | own", "return frozenset(own)"),
        ("cli/run/test_notify.py",),
    ),
    Mutation(
        "the end of a job waits for a receiver that hangs",
        "notify/notices.py",
        ("            with anyio.move_on_after(GRACE):\n", "            if True:\n"),
        ("notify/test_notices.py",),
    ),
    Mutation(
        "a heartbeat that raises ends the rollout",
        "notify/notices.py",
        ("await attempted(heartbeat.beat)", "await heartbeat.beat()"),
        ("notify/test_notices.py",),
    ),
    Mutation(
        "a journal whose end is followed by notifications is not complete",
        "journal/reader.py",
        ("            if not isinstance(record, Notified):\n", "            if True:\n"),
        ("notify/test_notices.py",),
    ),
    Mutation(
        "an error about a webhook shows what the receiver echoed",
        "client/transport.py",
        (
            'reason = "the answer is not valid HTTP"\n',
            "reason = _cause(error)\n",
        ),
        ("client/test_transport.py",),
    ),
    Mutation(
        "only the lock's name is locked, not the journal",
        "journal/local/disk.py",
        (
            'if sys.platform != "win32":\n            lock_now(descriptor)\n',
            'if sys.platform != "win32":\n            pass\n',
        ),
        ("cli/run/test_two_runners.py",),
    ),
    Mutation(
        "tags that are not shown count as none",
        "inventory/membership.py",
        ("    both_shown = names is not None and bindings is not None", "    both_shown = True"),
        ("inventory/test_selection.py",),
    ),
    Mutation(
        "a project that is not shown is another one",
        "inventory/membership.py",
        (
            "    if ident is UNSET:\n        return None",
            "    if ident is UNSET:\n        return False",
        ),
        ("inventory/test_projects.py",),
    ),
    Mutation(
        "a lost write is read back again only when it has settled",
        "runner/readback.py",
        (
            "        return max(self._since + seconds, self._old_until)",
            '        return float("inf")',
        ),
        ("runner/test_lost_answers.py",),
    ),
    Mutation(
        "an early reading takes the place of an operation that could start",
        "runner/runner.py",
        ("        if lent and self._order.ready and not self.stopped:", "        if False:"),
        ("runner/test_lost_answers.py",),
    ),
    Mutation(
        "each of many lost writes is read back early by itself",
        "inventory/lookout.py",
        ("        if waiting <= self._requests:", "        if True:"),
        ("runner/test_lost_answers.py",),
    ),
    Mutation(
        "a job starts operations while its JSON output is blocked",
        "runner/runner.py",
        ("        if self._takes_more():\n", "        if True:\n"),
        ("runner/test_taking_up.py",),
    ),
    Mutation(
        "what an outage held up begins outside the window",
        "runner/worker.py",
        ("        if not self._attempts and not self._at_any_time:\n", "        if False:\n"),
        ("runner/starts/test_rest.py",),
    ),
    Mutation(
        "a workspace is left between two steps when its window closes",
        "runner/starts/dependencies.py",
        ("            self.continuing.update(operation.key for operation in same)\n", ""),
        ("runner/starts/test_rest.py",),
    ),
    Mutation(
        "a run task is deleted outside the window, after its detaches",
        "runner/starts/dependencies.py",
        (
            "for p in released if p.operation.target.id == target.id)",
            "for p in released if target)",
        ),
        ("runner/starts/test_rest.py",),
    ),
    Mutation(
        "an exception of a notification ends the job",
        "notify/notices.py",
        (
            "            if not self._warned:\n",
            "            raise\n            if not self._warned:\n",
        ),
        ("notify/test_notices.py",),
    ),
    Mutation(
        "an undo needs the webhook of its job",
        "notify/opening.py",
        ("        if not begun:\n", "        if True:\n"),
        ("cli/run/test_notify.py",),
    ),
    Mutation(
        "outside its windows a command looks at the server first",
        "cli/run/closed.py",
        ("    if is_open(windows, clock.wall()):\n", "    if True:\n"),
        ("cli/run/test_windows.py",),
    ),
    Mutation(
        "a window is looked for where the clock would be if it never changed",
        "job/windows/window.py",
        (
            "            at = self._first_change(at, at + min(self._until_start(at), _DAY_LONG))",
            "            at += self._until_start(at)",
        ),
        ("job/windows/test_window.py",),
    ),
    Mutation(
        "after a rest, what has failed is retried again",
        "runner/execution.py",
        (
            "            how = await self._in_window(assignment, retry_failed=False)",
            "            how = await self._in_window(\n"
            "                assignment, retry_failed=self._instructions.retry_failed\n"
            "            )",
        ),
        ("runner/starts/test_rest.py",),
    ),
    Mutation(
        "a failure during an outage counts as the operation's",
        "client/outage.py",
        ("            if self._failures >= IN_A_ROW or", "            if False and"),
        ("runner/test_outage.py",),
    ),
    Mutation(
        "a lease is valid from when its renewal was answered, not sent",
        "journal/remote/lease/keeper.py",
        ("holding.written(version, sent)", "holding.written(version, now())"),
        LEASES,
    ),
    Mutation(
        "a lease is valid from when it was acquired, not asked for",
        "journal/remote/lease/acquirer.py",
        ("return candidate.written(version, sent)", "return candidate.written(version, now())"),
        LEASES,
    ),
    Mutation(
        "of several attempts to renew a lease the last one counts",
        "journal/remote/lease/holding.py",
        ("self.written(found.version, write.first)", "self.written(found.version, now)"),
        LEASES,
    ),
    Mutation(
        "a lease is valid for all of its ttl, whatever the clocks' drift",
        "journal/remote/lease/holding.py",
        ("VALID = 0.7", "VALID = 1.0"),
        LEASES,
    ),
    Mutation(
        "the lease of a frozen process does not lapse",
        "journal/remote/lease/holding.py",
        ("and now < self._valid_until", ""),
        LEASES,
    ),
    Mutation(
        "a renewal with a shorter ttl counts only once it is answered",
        "journal/remote/lease/holding.py",
        ("if self._write is None:\n            return until", "if True:\n            return until"),
        LEASES,
    ),
    Mutation(
        "the same content may be two versions of a lease (ABA)",
        "journal/remote/lease/content.py",
        ("n=self.n + 1", "n=self.n"),
        LEASES,
    ),
    Mutation(
        "a renewed lease is not watched anew",
        "journal/remote/lease/candidate.py",
        (
            "if self.watched is None or self.watched.version != found.version:",
            "if not self.watched:",
        ),
        LEASES,
    ),
    Mutation(
        "a lease is taken over before it expires",
        "journal/remote/lease/candidate.py",
        ("self.watched.lease.holder is None or self.left(now) <= 0", "True"),
        LEASES,
    ),
    Mutation(
        "a refusal of this process's own renewal is final",
        "journal/remote/lease/holding.py",
        ("found.data == write.lease.encoded()", "False"),
        ("journal/remote/test_keeper.py",),
    ),
    Mutation(
        "a refusal of this process's own acquisition is final",
        "journal/remote/lease/candidate.py",
        ("found.data == write.lease.encoded()", "False"),
        ("journal/remote/test_acquirer.py",),
    ),
    Mutation(
        "the client of an object store finds a proxy by itself, for this machine too",
        "journal/remote/bucket/environment.py",
        (", **_proxy(endpoint, proxy, set_)}", "}"),
        ("journal/remote/test_connections.py",),
    ),
    Mutation(
        "credentials from a server on this machine are fetched through a proxy",
        "journal/remote/bucket/environment.py",
        ("    exceptions = [LOCAL, ", "    exceptions = ["),
        ("journal/remote/test_connections.py",),
    ),
    Mutation(
        "a journal is kept in a store that ignores If-Match",
        "journal/remote/bucket/conditions.py",
        ("store.swap(key, body(), version) is not None", "False"),
        ("journal/remote/test_conditions.py",),
    ),
    Mutation(
        "a bucket that doesn't exist is taken for an empty one",
        "journal/remote/bucket/answers.py",
        ("    if code in _NO_BUCKET:", "    if False:"),
        ("journal/remote/test_contract.py",),
    ),
    Mutation(
        "a swap without a version overwrites the object",
        "journal/remote/bucket/objects.py",
        ("if not (version and isinstance(version, dict)):", "if False:"),
        ("journal/remote/test_objects.py",),
    ),
    Mutation(
        "an interrupted copy of a journal looks like a shorter journal",
        "journal/remote/segments.py",
        (
            "        _, first = next(segments)\n",
            "        number, first = next(segments)\n        self._create(number, first)\n",
        ),
        ("journal/test_copying.py",),
    ),
    Mutation(
        "a journal counts as sound before its repair has ended",
        "journal/remote/segments.py",
        (
            "in reversed(self._numbered.since(scanner.offset)):",
            "in self._numbered.since(scanner.offset):",
        ),
        ("journal/remote/test_segments.py",),
    ),
    Mutation(
        "a journal is begun in the place of an unfinished copy",
        "journal/remote/segments.py",
        ("if self._store.get(self._numbered.key(2)) is not None:", "if False:"),
        ("journal/test_copying.py",),
    ),
    Mutation(
        "a killed start in the default place keeps others waiting for two leases",
        "journal/remote/journals.py",
        (
            "                self._point()\n                kept.release()\n",
            "                self._point()\n",
        ),
        ("journal/remote/test_journals.py",),
    ),
    Mutation(
        "a start that finds nothing to do hides the journal before it",
        "journal/remote/journals.py",
        ("        self._point = point\n", "        point()\n"),
        ("journal/remote/test_journals.py",),
    ),
    Mutation(
        "a job that is verified is started again in the default place",
        "journal/remote/journals.py",
        ("place.is_held() or fits(place)", "fits(place)"),
        ("journal/remote/test_journals.py",),
    ),
    Mutation(
        "a garbled pointer stops every job",
        "journal/remote/journals.py",
        ("with suppress(NotAJournal, JobError):", "with suppress(KeyError):"),
        ("journal/remote/test_journals.py",),
    ),
    Mutation(
        "a pointer leads to another place",
        "journal/remote/journals.py",
        ("    journals: dict[str, Name] = {}", "    journals: dict[str, str] = {}"),
        ("journal/remote/test_journals.py",),
    ),
    Mutation(
        "an undo goes on without the journal that it undoes",
        "journal/together.py",
        ("self.one.holds() and self.other.holds()", "self.one.holds()"),
        ("journal/test_together.py",),
    ),
    Mutation(
        "an execution begins after another's record without a permit",
        "journal/writer.py",
        ("            await permitted()\n", ""),
        ("journal/test_begin.py",),
    ),
    Mutation(
        "a result without another intent is written at the end",
        "journal/writer.py",
        ("with anyio.move_on_after(LINGER_SECONDS):", "with anyio.CancelScope():"),
        ("journal/test_append.py",),
    ),
    Mutation(
        "a result starts a group of its own",
        "journal/writer.py",
        ("LINGER_SECONDS = 0.05", "LINGER_SECONDS = 0.0"),
        ("journal/test_append.py",),
    ),
    Mutation(
        "a copy counts as a journal although the lease was lost meanwhile",
        "journal/upkeep/copying.py",
        ("    for permit in permits:\n", "    for permit in ():\n"),
        ("journal/test_copying.py",),
    ),
    Mutation(
        "a fleet's undo is started though its job was resumed meanwhile",
        "fleet/recorded/shard_undo.py",
        ("len(replay.executions) != self._executions or ", ""),
        ("cli/commands/fleet/test_undo.py",),
    ),
    Mutation(
        "what a job did after its undo is taken for undone",
        "fleet/recorded/shard_undo.py",
        ("if more := not_covered(undone, replay):", "if more := 0:"),
        ("cli/commands/fleet/test_undo.py",),
    ),
    Mutation(
        "another job's journal is taken for that of a shard's undo",
        "fleet/recorded/shard_undo.py",
        ("    check_same(replay.header,", "    print(replay.header,"),
        ("cli/commands/fleet/test_undo.py",),
    ),
    Mutation(
        "a shard that was undone is resumed, so that only its rest is applied",
        "fleet/shard_job.py",
        ("return resumable and not is_undone(place, replay.header.run_id)", "return resumable"),
        ("cli/commands/fleet/test_undo.py",),
    ),
    Mutation(
        "a failed shard keeps others from being undone",
        "cli/run/recorded_fleet.py",
        ("FleetRollout(max_failed_shards=len(runs))", "FleetRollout()"),
        ("cli/commands/fleet/test_undo.py",),
    ),
    Mutation(
        "a forged journal gives a workspace the values of another one",
        "plan/decidable.py",
        ("= [id(self._kind.of(of_target[0].operation.target))]", "= []"),
        VALUES,
    ),
    Mutation(
        "a changed file of values resumes the old journal",
        "job/job.py",
        (
            '    waves = meaning["rollout"].get("waves", ())',
            '    if isinstance(meaning["operation"], dict) and "values" in meaning["operation"]:\n'
            '        meaning["operation"] = {**meaning["operation"], "values": ()}\n'
            '    waves = meaning["rollout"].get("waves", ())',
        ),
        ("job/listing/test_values.py",),
    ),
    Mutation(
        "a workspace that is listed by its id has the values of another one",
        "operations/kinds/base.py",
        ("by_id = self.per_workspace.get(target.id)", "by_id = None"),
        VALUES,
    ),
    Mutation(
        "settings are read and compared as the first workspace's values need them",
        "inventory/observations.py",
        (
            "source = kind.of(recorded(shown.id) or shown).aspects[aspect].source",
            "source = kind.aspects[aspect].source",
        ),
        VALUES,
    ),
    Mutation(
        "a fleet is undone while another process applies it",
        "fleet/processes/opposite.py",
        ("        if found is None or found.job != self._job:\n", "        if True:\n"),
        ("fleet/processes/test_opposite.py",),
    ),
    Mutation(
        "a process waits for ever for a shard that nobody starts",
        "fleet/processes/unattended.py",
        ("        if awaited.seconds >= LONGEST:\n", "        if False:\n"),
        ("fleet/processes/test_unattended.py",),
    ),
    Mutation(
        "an answer about another attachment is taken for success",
        "api/echo.py",
        ("    if not request.writes:\n", "    if True:\n"),
        ("api/test_echo.py",),
    ),
    Mutation(
        "the apostrophe of an exported name is taken for a part of it",
        "job/listing/csv_rows.py",
        ("unguarded(cell.strip())", "cell.strip()"),
        ("coverage/test_listing.py",),
    ),
    Mutation(
        "a gate gets the credential of the OpenTelemetry collector",
        "job/gate.py",
        ("|OTEL_EXPORTER_.*HEADERS", ""),
        ("job/test_gate.py",),
    ),
    Mutation(
        "a fault in the telemetry stops the job",
        "telemetry/sending.py",
        (
            "        except Exception as error:  # noqa: BLE001",
            "        except KeyError as error:  #",
        ),
        ("telemetry/test_command.py",),
    ),
    Mutation(
        "an undo makes the mode that a workspace is to inherit its own",
        "operations/inheritance.py",
        ("return _without(changed, MODE, POOL)", "return changed"),
        ("operations/test_inheritance.py",),
    ),
    Mutation(
        "an undo fails because the default that a workspace inherits has changed",
        "operations/inheritance.py",
        ("    if inherits(shown) and inherits(desired):", "    if False:"),
        ("operations/test_inheritance.py",),
    ),
    Mutation(
        "a journal of an older server is in conflict once inheritance is shown",
        "operations/inheritance.py",
        (
            "inherits(shown) and not inherits(before) and _without(shown, OVERWRITES) == before",
            "False",
        ),
        ("operations/test_inheritance.py",),
    ),
    Mutation(
        "OpenTelemetry's own log shows a header",
        "telemetry/collector.py",
        (
            "        logger.handlers, logger.propagate = [self], False",
            "        logger.name = logger.name",
        ),
        ("telemetry/test_command.py",),
    ),
    Mutation(
        "the spans of a probe belong to the operation that waits",
        "telemetry/sending.py",
        ("carried is None or attempt.probe", "carried is None"),
        ("telemetry/test_sending.py",),
    ),
    Mutation(
        "a step does not wait for the one before it",
        "operations/several.py",
        ("after=(*earlier, *(", "after=(*(), *("),
        SEVERAL,
    ),
    Mutation(
        "the steps before one that is blocked are carried out",
        "operations/several.py",
        ("elif one.blocked:", "elif False:"),
        SEVERAL,
    ),
    Mutation(
        "a replace among several may remove the last run task",
        "operations/several.py",
        ("for inner in step.kind.beside(step.within(operation))]", "for inner in ()]"),
        SEVERAL,
    ),
    Mutation(
        "failures of a job of several steps are counted by operation",
        "journal/replay.py",
        ("per_target = len(self.steps) > 1", "per_target = False"),
        SEVERAL,
    ),
    Mutation(
        "a journal whose steps are in another order is accepted",
        "plan/decidable.py",
        ("return stated == earlier or", "return True or stated == earlier or"),
        SEVERAL,
    ),
)


def ends_with(folder: Path, tests: tuple[str, ...], *options: str) -> int:
    """Return pytest's exit status for tests of a copy: 0 if all pass, 1 if some fail."""
    named = [f"tests/{place}" for place in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    # Without bytecode, each mutation would compile the whole copy, and the tests, again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command += named
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return ended.returncode


def noticed(folder: Path, mutation: Mutation) -> bool:
    """Return whether a test fails with the mutation; the copy is restored afterwards."""
    path = folder / "bulkops" / mutation.module
    sound = path.read_text(encoding="utf-8")
    old, new = mutation.text
    if sound.count(old) != 1:
        raise ValueError(f"{mutation.module} no longer has, once: {old}")
    path.write_text(sound.replace(old, new), encoding="utf-8")
    try:
        return ends_with(folder, mutation.tests) == 1
    finally:
        path.write_text(sound, encoding="utf-8")


def main() -> int:
    """Return 0 if the tests pass without a mutation, and every mutation makes one fail."""
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, f"project-{number}") for number in range(os.cpu_count() or 1)]
        for folder in folders:
            shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        sound = tuple(dict.fromkeys(test for one in MUTATIONS for test in one.tests))
        if ends_with(folders[0], sound, "-n", "auto"):
            sys.stdout.write("The tests fail without any mutation.\n")
            return 1
        for mutation, found in zip(MUTATIONS, in_turn(folders), strict=True):
            missed += not found
            sys.stdout.write(f"{'noticed' if found else 'MISSED ':8}  {mutation.fault}\n")
            sys.stdout.flush()
    return 1 if missed else 0


def in_turn(folders: list[Path]) -> Iterator[bool]:
    """Return whether each mutation is noticed, one at a time in each copy."""
    free = Queue[Path]()
    for folder in folders:
        free.put(folder)

    def in_a_free_one(mutation: Mutation) -> bool:
        folder = free.get()
        try:
            return noticed(folder, mutation)
        finally:
            free.put(folder)

    with ThreadPoolExecutor(len(folders)) as threads:
        yield from threads.map(in_a_free_one, MUTATIONS)


if __name__ == "__main__":
    sys.exit(main())
