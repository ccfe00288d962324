"""A job file on disk, and the files that it names: a manifest, a gate. Sends no request."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from msgspec.structs import replace

from bulkops.errors import JobError, unreadable
from bulkops.files import A_JOB, MOST_OF_A_JOB, not_wanted, read_text, what_is_at
from bulkops.job.gate import Needed, needed_by
from bulkops.job.job import Job, parse_job
from bulkops.job.manifest import parse_manifest


def load_job(path: str | Path) -> Job:
    """Return the job in a TOML file; ``TFE_ORGANIZATION`` stands in where it names none.

    The manifest that ``select.file`` names is read, too: what it lists is part of the job.

    Raises:
        JobError: a file can't be read, or is no job or manifest; the message says what is allowed.
    """
    what = what_is_at(Path(path), jobs=False)
    if other := not_wanted(Path(path), what, A_JOB):
        raise JobError(other)
    text = _text_of(Path(path), str(path))
    job = parse_job(text, str(path), default_organization=os.environ.get("TFE_ORGANIZATION"))
    job = replace(job, folder=str(Path(path).parent.absolute()))
    if job.select.file is None:
        return job
    manifest = Path(path).parent / job.select.file
    listed = parse_manifest(_text_of(manifest, f"{path}: select.file: {manifest}"), str(manifest))
    return replace(job, select=replace(job.select, file=None, listed=listed))


def check_gate(job: Job, source: str = "") -> None:
    """Refuse a job whose gate surely can't be run, before anything is changed.

    Args:
        source: the job file's name, for error messages; the job's own where there is none.

    Raises:
        JobError: its folder is not there, or a file that the command needs.
    """
    gate, folder = job.rollout.gate, Path(job.folder)
    if gate is None:
        return
    where = f"{source or job.name}: rollout.gate"
    if os.fsencode(job.folder).decode(errors="ignore") != job.folder:
        raise JobError(f"{where}: the folder in which it runs has a name that is no UTF-8")
    if not folder.is_dir():
        raise JobError(
            f"{where}: runs in the job file's folder {folder}, which is not there: make it, or go "
            "on with `bulkops apply JOB --journal JOURNAL` from the job file as it is here"
        )
    for needed in needed_by(gate):
        problem = _missing(needed, folder)
        if problem:
            raise JobError(f"{where} = {gate}: {problem}")


def _missing(needed: Needed, folder: Path) -> str:
    """Return, in words, why a file that a gate needs can't be used; empty where it can."""
    path = folder / needed.word
    if "/" not in needed.word:
        there = not needed.runs and path.exists()
        places = os.environ.get("PATH", os.defpath).split(os.pathsep)
        absolute = os.pathsep.join(str(folder.absolute() / place) for place in places)
        mode = os.F_OK | (os.X_OK if needed.runs else 0)
        if there or shutil.which(needed.word, mode, absolute):
            return ""
        beside = " (one beside the job file is ./NAME)" if needed.runs and path.exists() else ""
        place = "PATH" if needed.runs else f"{folder}, or on the PATH"
        return f"{needed.word} is not {'on the ' if needed.runs else 'in '}{place}{beside}"
    if not path.exists():
        return f"{path}: there is no such file"
    if needed.runs and path.is_dir():
        return f"{path}: is a folder"
    if needed.runs and not os.access(path, os.X_OK):
        return f"{path}: is not executable: chmod +x it"
    return ""


def _text_of(path: Path, named: str) -> str:
    try:
        # Spreadsheets begin a CSV file with a byte order mark.
        return read_text(path, MOST_OF_A_JOB, piped=True, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(named, error)) from error
