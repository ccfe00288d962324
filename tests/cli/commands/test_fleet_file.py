"""``bulkops check`` of a fleet file, and ``bulkops schema fleet``: both without a network."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bulkops.fleet.schema import fleet_schema
from tests.cli.support import JOB, NOBODY, World
from tests.conftest import Here

FLEET = """\
job = "job.toml"

[[shard]]
organization = "acme-us"

[[shard]]
organization = "acme-canary"

[rollout]
waves = ["acme-canary"]
"""
GLOBS = 'job = "job.toml"\norganizations = ["acme-*"]\n'


@pytest.fixture
def folder(world: World) -> Path:
    """A folder with a fleet file and its job file, which names no organization."""
    (world.folder / "fleet.toml").write_text(FLEET, encoding="utf-8")
    (world.folder / "globs.toml").write_text(GLOBS, encoding="utf-8")
    (world.folder / "job.toml").write_text(JOB.replace('organization = "acme"\n', ""))
    return world.folder


def test_check_describes_a_fleet_in_one_line(folder: Path, here: Here, world: World) -> None:
    """It has name, kind, task, shards and waves; no request is sent, no token is needed."""
    done = here("check", "fleet.toml", TFE_ADDRESS=NOBODY, TFE_TOKEN="")
    assert (done.code, done.err) == (0, "")
    assert done.out == "fleet: attach security-scan in 2 shards, in waves of 1, 1\n"
    assert here("check", "globs.toml").out == (
        "globs: attach security-scan in organizations acme-*\n"
    )
    (folder / "fleet.toml").write_text(FLEET.partition("[rollout]")[0], encoding="utf-8")
    assert here("check", "fleet.toml").out == "fleet: attach security-scan in 2 shards\n"
    assert world.requests == 0


@pytest.mark.usefixtures("folder")
def test_check_of_a_fleet_as_json(here: Here) -> None:
    """``--json`` is one object with the same facts; what has yet to be found is empty."""
    same = {"type": "fleet", "job": "scan", "kind": "attach", "task": "security-scan"}
    assert here("check", "fleet.toml", "--json").objects == [
        {
            **same,
            "fleet": "fleet",
            "shards": ["acme-canary", "acme-us"],
            "organizations": [],
            "waves": [1, 1],
        }
    ]
    assert here("check", "globs.toml", "--json").objects == [
        {**same, "fleet": "globs", "shards": [], "organizations": ["acme-*"], "waves": []}
    ]


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("fleet.toml", ("[[shard]]", "[[shards]]"), "fleet.toml: unknown key shards: did you mean"),
        ("fleet.toml", ("acme-canary", "acme.canary"), "fleet.toml: shard[1].name is missing, and"),
        ("fleet.toml", ("job.toml", "none.toml"), "none.toml: can't be read: No such file"),
        ("fleet.toml", ("job.toml", "fleet.toml"), "fleet.toml: is a fleet file, not a job file: "),
        ("fleet.toml", ("[rollout]", "[rollout"), "fleet.toml: not valid TOML"),
        ("fleet.toml", ("[[shard]]", "[shard]"), "Write [[shard]] with two brackets for each of"),
        ("job.toml", ("mandatory", "mandatry"), "job.toml: operation.enforcement_level = "),
        ("job.toml", ("[pace]", '[rollout]\ngate = "./none"\n[pace]'), "rollout.gate = ./none: "),
        (
            "fleet.toml",
            ('organization = "acme-us"', 'name = "us"'),
            "fleet.toml: shard[0] (us): organization is missing: set it here",
        ),
        (
            "fleet.toml",
            ('organization = "acme-us"', 'name = "us"\norganization = "acme-canary"'),
            "shards acme-canary and us are both for acme-canary at the same address",
        ),
    ],
)
def test_check_refuses_a_wrong_fleet(
    folder: Path, here: Here, file: str, change: tuple[str, str], words: str
) -> None:
    """It is exit 2, with the file and the key on stderr and nothing on stdout."""
    text = (folder / file).read_text(encoding="utf-8")
    assert change[0] in text
    (folder / file).write_text(text.replace(*change), encoding="utf-8")
    done = here("check", "fleet.toml")
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_the_environment_names_what_shard_and_job_leave_out(folder: Path, here: Here) -> None:
    """``TFE_ORGANIZATION`` is the last resort, and is not judged if nothing needs it."""
    assert here("check", "fleet.toml", TFE_ORGANIZATION="a / b").code == 0
    text = FLEET.replace('organization = "acme-us"', 'name = "us"')
    (folder / "fleet.toml").write_text(text, encoding="utf-8")
    assert here("check", "fleet.toml", TFE_ORGANIZATION="a / b").code == 2
    assert here("check", "fleet.toml", TFE_ORGANIZATION="acme").code == 0
    done = here("check", "fleet.toml", TFE_ORGANIZATION="acme-canary")
    assert "shards acme-canary and us are both for acme-canary" in done.err


def test_a_fleet_that_others_may_write_is_refused(folder: Path, here: Here) -> None:
    """It names addresses that tokens are sent to; ``--trust-files`` accepts it."""
    (folder / "fleet.toml").chmod(0o666)
    done = here("check", "fleet.toml")
    assert (done.code, done.out) == (2, "")
    assert "fleet.toml: is world-writable (mode 0666)" in done.err
    assert here("check", "fleet.toml", "--trust-files").code == 0
    (folder / "fleet.toml").chmod(0o644)
    folder.chmod(0o777)
    assert here("check", "fleet.toml").code == 2


@pytest.mark.parametrize("arguments", [("plan",), ("apply", "--yes"), ("workspaces",)])
@pytest.mark.parametrize("text", [FLEET, GLOBS, 'job = "job.toml"\n', f"{FLEET}broken ="])
def test_a_command_for_jobs_names_a_fleet_as_such(
    folder: Path, here: Here, arguments: tuple[str, ...], text: str
) -> None:
    """Even if it is incomplete or not valid TOML right now."""
    (folder / "fleet.toml").write_text(text, encoding="utf-8")
    done = here(arguments[0], "fleet.toml", *arguments[1:])
    assert done.code == 2
    assert (
        "fleet.toml: is a fleet file, not a job file: `bulkops fleet plan fleet.toml`" in done.err
    )


@pytest.mark.parametrize("text", [FLEET, GLOBS, f"{GLOBS}broken ="])
def test_no_output_destroys_a_fleet_file(folder: Path, here: Here, text: str) -> None:
    """It is exit 2, and the file is unchanged."""
    (folder / "fleet.toml").write_text(text, encoding="utf-8")
    done = here("coverage", "job.toml", "--output", "fleet.toml")
    assert done.code == 2
    assert "fleet.toml: is a fleet file, and was not overwritten" in done.err
    assert (folder / "fleet.toml").read_text(encoding="utf-8") == text


def test_a_job_with_a_huge_number_is_refused_in_words(folder: Path, here: Here) -> None:
    """Python refuses to convert it, with another error than for other mistakes."""
    (folder / "fleet.toml").write_text(f"job = {'9' * 5000}\n", encoding="utf-8")
    done = here("check", "fleet.toml")
    assert done.code == 2
    assert "fleet.toml: not valid TOML" in done.err


def test_schema_prints_that_of_a_fleet_file(here: Here) -> None:
    """``bulkops schema fleet`` prints the schema that the code has."""
    done = here("schema", "fleet", TFE_ADDRESS=NOBODY)
    assert (done.code, done.err) == (0, "")
    assert msgspec.json.decode(done.out) == msgspec.json.decode(msgspec.json.encode(fleet_schema()))
