"""Reads a job file, and what it names: a manifest, a gate, time zones. Sends no requests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bulkops.errors import JobError, unreadable
from bulkops.files import A_JOB, MOST_OF_A_JOB, read_text, what_is_at, wrong_file
from bulkops.job.gate import Needed, needed_by
from bulkops.job.job import Job, job_from_builtins, organization_in
from bulkops.job.listing.manifest import Manifest, parse_manifest
from bulkops.job.toml import parse_toml
from bulkops.job.windows.zones import windows_of


def load_job(path: str | Path, *, of_fleet: bool = False) -> Job:
    """Return the job in a TOML file; ``TFE_ORGANIZATION`` is its default organization.

    The manifest in ``select.file`` is read, too: the workspaces it lists, and their values, become
    part of the job.

    Args:
        of_fleet: the file may leave the organization out, because a fleet's shards name it.

    Raises:
        JobError: a file can't be read, or is not a job or manifest, or this machine doesn't know
            a time zone; the message says what is allowed.
    """
    what = what_is_at(Path(path))
    if other := wrong_file(Path(path), what, A_JOB):
        raise JobError(other)
    text = _text_of(Path(path), str(path))
    default, folder = organization_in(os.environ), Path(path).parent

    def read(listing: str) -> Manifest:
        file = folder / listing
        return parse_manifest(_text_of(file, f"{path}: select.file: {file}"), str(file))

    job = job_from_builtins(
        parse_toml(text, str(path)),
        str(path),
        default_organization=default,
        folder=str(folder.absolute()),
        of_fleet=of_fleet,
        read=read,
    )
    windows_of(job, str(path))
    return job


def check_gate(job: Job, source: str = "") -> None:
    """Refuse a job whose gate certainly can't run, before anything is changed.

    Args:
        source: the job file's name, for error messages; the job's own name if empty.

    Raises:
        JobError: the gate's folder, or a file that its command needs, doesn't exist.
    """
    gate, folder = job.rollout.gate, Path(job.folder)
    if gate is None:
        return
    where = f"{source or job.name}: rollout.gate"
    if os.fsencode(job.folder).decode(errors="ignore") != job.folder:
        raise JobError(f"{where}: the name of the job file's folder is not valid UTF-8: rename it")
    if not folder.is_dir():
        raise JobError(
            f"{where}: the gate runs in the job file's folder {folder}, which doesn't exist: "
            "create it, or resume with `bulkops apply JOB --journal JOURNAL` and the job file's "
            "new path"
        )
    for needed in needed_by(gate):
        problem = _missing(needed, folder)
        if problem:
            raise JobError(f"{where} = {gate}: {problem}")


def _missing(needed: Needed, folder: Path) -> str:
    """Return why a gate can't use a file that it needs, empty if it can."""
    path = folder / needed.word
    if "/" not in needed.word:
        there = not needed.runs and path.exists()
        entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
        absolute = os.pathsep.join(str(folder.absolute() / entry) for entry in entries)
        mode = os.F_OK | (os.X_OK if needed.runs else 0)
        if there or shutil.which(needed.word, mode, absolute):
            return ""
        hint = f": to run the one beside the job file, write ./{needed.word}"
        beside = hint if needed.runs and path.exists() else ""
        place = "on the PATH" if needed.runs else f"in {folder} or on the PATH"
        return f"{needed.word} is not {place}{beside}"
    if not path.exists():
        return f"{path} does not exist"
    if needed.runs and path.is_dir():
        return f"{path} is a folder, not a program"
    if needed.runs and not os.access(path, os.X_OK):
        return f"{path} is not executable: chmod +x it"
    return ""


def _text_of(path: Path, named: str) -> str:
    try:
        return read_text(path, MOST_OF_A_JOB, piped=True)
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(named, error)) from error
