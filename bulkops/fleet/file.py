"""Reads a fleet file, and the job file that it names. Sends no requests."""

from __future__ import annotations

import os
from pathlib import Path

from bulkops.errors import JobError, unreadable
from bulkops.files import A_FLEET, MOST_OF_A_JOB, text_of, what_is_at, wrong_file
from bulkops.fleet.access import check_distinct, of_each
from bulkops.fleet.fleet import Fleet, job_of, parse_fleet
from bulkops.job.file import load_job
from bulkops.job.job import Job, organization_in
from bulkops.journal.local.ownership import OwnFiles


def load_fleet(path: str | Path, *, trust_files: bool = False) -> Fleet:
    """Return the fleet in a TOML file.

    The file names the addresses that tokens are sent to, so that it is trusted as a journal is.

    Args:
        trust_files: accept it even if other users own it or may write it.

    Raises:
        JobError: it can't be read, other users may have written it, or it is not a fleet file; the
            message says what is allowed.
    """
    file = Path(path)
    if other := wrong_file(path, what_is_at(file), A_FLEET):
        raise JobError(other)
    try:
        with OwnFiles(trusted=trust_files).read(file) as stream:
            text = text_of(stream, MOST_OF_A_JOB)
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(path, error)) from error
    return parse_fleet(text, file, str(path))


def load_fleet_job(fleet: Fleet) -> Job:
    """Return the job in a fleet's job file, which each shard applies to its organization.

    Raises:
        JobError: as ``load_job``; or a shard's organization is not named, or is another one's, too.
    """
    job, default = load_job(fleet.job, of_fleet=True), organization_in(os.environ)
    organizations = of_each(fleet.shards, lambda one: job_of(job, one, default).organization)
    check_distinct(
        (shard, shard.address or "the same address", organizations[shard.name])
        for shard in fleet.shards
    )
    return job
