"""Commands about the job file itself: ``check`` and ``schema``; neither sends a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bulkops.cli.options import JobFile, Json
from bulkops.cli.output.printing import print_json, print_raw, print_text

if TYPE_CHECKING:
    from bulkops.job.job import Job


def check(job_file: JobFile, *, json: Json = False) -> None:
    """Say what a job file is, or what is wrong with it.

    Exit 2 where something is wrong. Sends no request: whether its run task, its project and its
    workspaces are there, only plan can tell.

    \b
    Examples:
      bulkops check jobs/canary.toml
    """
    from bulkops import events
    from bulkops.library import load_job

    job = load_job(job_file)
    fields, task = _selecting(job), getattr(job.wish, "task", None)
    if json:
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
        print_text(
            f"{job.name}: {job.operation_kind}{f' {task}' if task else ''} in {job.organization}, "
            f"selected by {', '.join(fields)}"
        )


def schema(
    of: Annotated[
        Literal["job", "events"],
        typer.Argument(
            metavar="job|events", help="Of a job file, or of a line that --json prints."
        ),
    ] = "job",
) -> None:
    """Print a JSON Schema, for editors and programs.

    A job file names its schema in its first line: #:schema ./job.schema.json
    Sends no request.

    \b
    Examples:
      bulkops schema > jobs/job.schema.json
      bulkops schema events
    """
    import msgspec

    from bulkops.events.schema import events_schema
    from bulkops.job.schema import job_schema

    made = events_schema() if of == "events" else job_schema()
    text = msgspec.json.format(msgspec.json.encode(made), indent=2)
    print_raw((text.decode() + "\n",))


def _selecting(job: Job) -> list[str]:
    """Return the fields that say which workspaces."""
    import msgspec

    given: dict[str, object] = msgspec.to_builtins(job.select)
    return [name for name in given if name != "allow_empty"]
