"""``bulkops check JOB``: check a job file; sends no request."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bulkops.cli.options import JOB, JSON, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.job.file import check_gate, load_job
from bulkops.job.job import Job
from bulkops.operations import wording


@command(JOB, JSON)
def check(*, job_file: Path, json: bool) -> None:
    """Check a job file without sending a request.

    Prints what the job does, or what is wrong with the file (exit 2). Only plan can check
    whether the run task, the project and the workspaces exist.

    \b
    Examples:
      bulkops check jobs/canary.toml
    """
    job = load_job(job_file)
    check_gate(job, str(job_file))
    fields, task = _selecting(job), getattr(job.spec, "task", None)
    subject = wording.subject(task or "", getattr(job.spec, "replaces", ""))
    if json:
        from bulkops import events  # noqa: PLC0415 - it imports reports and journals

        print_json(
            events.Job(
                job=job.name,
                kind=job.operation_kind,
                organization=job.organization,
                task=task,
                selecting=tuple(fields),
            )
        )
    else:
        what = f"{job.operation_kind}{subject and ' '}{subject}"
        print_text(f"{job.name}: {what} in {job.organization}, selected by {', '.join(fields)}")


def _selecting(job: Job) -> list[str]:
    """Return the fields that select workspaces."""
    given: dict[str, object] = msgspec.to_builtins(job.select)
    return [name for name in given if name != "allow_empty"]
