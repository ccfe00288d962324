"""``bulkops check JOB`` or ``FLEET``: check a job or fleet file; sends no request."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bulkops.cli.options import JOB_OR_FLEET, JSON, TRUST_FILES, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.files import A_FLEET, what_is_at
from bulkops.job.file import check_gate, load_job
from bulkops.job.job import Job
from bulkops.operations.steps import run_tasks, words_of
from bulkops.text import counted


@command(JOB_OR_FLEET, JSON, TRUST_FILES)
def check(*, file: Path, json: bool, trust_files: bool) -> None:
    """Check a job or fleet file without sending a request.

    Prints what the job does, or what is wrong with the file (exit 2). Only plan can check
    whether the run task, the project and the workspaces exist. Of a fleet file, its job file is
    checked, too; whether the tokens and organizations exist is not.

    \b
    Examples:
      bulkops check jobs/canary.toml
      bulkops check fleet.toml
    """
    if what_is_at(file) == A_FLEET:
        _check_fleet(file, json=json, trust_files=trust_files)
    else:
        _check_job(file, json=json)


def _check_job(job_file: Path, *, json: bool) -> None:
    job = load_job(job_file)
    check_gate(job, str(job_file))
    fields = _selecting(job)
    if json:
        from bulkops import events  # noqa: PLC0415 - it imports reports and journals

        print_json(
            events.Job(
                job=job.name,
                kind=job.kind,
                organization=job.organization,
                task=_task(job),
                selecting=tuple(fields),
            )
        )
    else:
        print_text(
            f"{job.name}: {words_of(job.steps)} in {job.organization}, "
            f"selected by {', '.join(fields)}"
        )


def _check_fleet(fleet_file: Path, *, json: bool, trust_files: bool) -> None:
    from bulkops.fleet.file import load_fleet, load_fleet_job  # noqa: PLC0415 - imports journals

    fleet = load_fleet(fleet_file, trust_files=trust_files)
    job = load_fleet_job(fleet)
    check_gate(job, str(fleet.job))
    waves = tuple(len(wave) for wave in fleet.waves()) if fleet.shards else ()
    if json:
        from bulkops import events  # noqa: PLC0415 - it imports reports and journals

        print_json(
            events.Fleet(
                fleet=fleet.name,
                job=job.name,
                kind=job.kind,
                task=_task(job),
                shards=tuple(shard.name for shard in fleet.shards),
                organizations=fleet.organizations,
                waves=waves,
            )
        )
    elif waves:
        sizes = f"{', '.join(map(str, waves))}" if len(waves) > 1 else ""
        in_waves = f", in waves of {sizes}" if sizes else ""
        print_text(
            f"{fleet.name}: {words_of(job.steps)} in {counted(sum(waves), 'shard')}{in_waves}"
        )
    else:
        print_text(
            f"{fleet.name}: {words_of(job.steps)} in organizations {', '.join(fleet.organizations)}"
        )


def _task(job: Job) -> str | None:
    return run_tasks(job.steps).get("task")


def _selecting(job: Job) -> list[str]:
    """Return the fields that select workspaces, as the job file has them."""
    given: dict[str, object] = msgspec.to_builtins(job.select)
    written = {"listed": "file"} if job.list_file else {}
    return [written.get(name, name) for name in given if name != "allow_empty"]
