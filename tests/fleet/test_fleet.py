"""Fleet files: what they mean, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bulkops.errors import JobError
from bulkops.fleet.fleet import Fleet, Shard, job_of, parse_fleet
from bulkops.fleet.rollout import FleetRollout
from bulkops.job.job import parse_job

PATH = Path("/srv/fleets/scan.toml")
JOB = '[operation]\nkind = "detach"\ntask = "scan"\n[select]\nall = true\n'
LISTED = """\
job = "jobs/scan.toml"

[[shard]]
organization = "acme-us"

[[shard]]
organization = "acme-eu"
address = "TFE.example.com:443"
token_env = "EU_TOKEN"
"""
GLOBS = 'job = "scan.toml"\norganizations = ["acme-*", "other"]\n'
SECRET = "abc123.atlasv1.canary-secret"


def fleet(text: str = LISTED) -> Fleet:
    """Return the fleet in a text."""
    return parse_fleet(text, PATH, "scan.toml")


def problem(text: str) -> str:
    """Return why a text is not a fleet."""
    with pytest.raises(JobError) as caught:
        fleet(text)
    return str(caught.value)


def names(of: Fleet) -> list[str]:
    """Return the names of the shards."""
    return [shard.name for shard in of.shards]


def test_a_fleet_has_a_shard_for_each_table() -> None:
    """Shards are ordered by name; names have defaults, addresses are canonical."""
    assert fleet() == Fleet(
        name="scan",
        source="scan.toml",
        job=Path("/srv/fleets/jobs/scan.toml"),
        shards=(
            Shard(
                name="acme-eu",
                where="scan.toml: shard[1] (acme-eu)",
                organization="acme-eu",
                address="https://tfe.example.com",
                token_env="EU_TOKEN",
            ),
            Shard(
                name="acme-us",
                where="scan.toml: shard[0] (acme-us)",
                organization="acme-us",
            ),
        ),
    )


def test_paths_are_relative_to_the_fleet_file() -> None:
    """Those of the job file, of token files and of journals; absolute ones stay."""
    text = LISTED.replace('token_env = "EU_TOKEN"', 'token_file = "../eu.token"')
    found = fleet(f'journals = "journals"\n{text}')
    assert found.job == Path("/srv/fleets/jobs/scan.toml")
    assert found.shards[0].token_file == Path("/srv/fleets/../eu.token")
    assert found.journals == "/srv/fleets/journals"
    assert fleet(text.replace("jobs/scan", "/jobs/scan")).job == Path("/jobs/scan.toml")


@pytest.mark.parametrize(
    ("journals", "default", "place"),
    [
        ("", ".bulkops", ".bulkops/scan/acme-eu"),
        ("", "s3://acme/journals", "s3://acme/journals/scan/acme-eu"),
        ('journals = "here"\n', "s3://acme/journals", "/srv/fleets/here/scan/acme-eu"),
        ('journals = "/there"\n', ".bulkops", "/there/scan/acme-eu"),
        ('journals = "S3://acme/ops/"\n', ".bulkops", "s3://acme/ops/scan/acme-eu"),
    ],
)
def test_each_shard_has_a_place_for_its_journals(journals: str, default: str, place: str) -> None:
    """It is below the fleet's own, in the place that the file names, or in the default one."""
    found = fleet(journals + LISTED)
    assert found.journals_of(found.shards[0], default) == place


@pytest.mark.parametrize(
    ("shard", "job", "default", "organization"),
    [
        ("acme-eu", "acme", "other", "acme-eu"),
        ("acme-eu", "", None, "acme-eu"),
        ("acme-eu", "", "not / valid", "acme-eu"),
        (None, "acme", "other", "acme"),
        (None, "", "other", "other"),
    ],
)
def test_the_shards_organization_comes_first(
    shard: str | None, job: str, default: str | None, organization: str
) -> None:
    """Then the job file's, then ``TFE_ORGANIZATION``; the rest of the job stays."""
    named = f'organization = "{job}"\n' if job else ""
    parsed = parse_job(f'name = "scan"\n{named}{JOB}', of_fleet=True)
    assert parsed.organization == job
    made = job_of(parsed, Shard(name="eu", where="there", organization=shard), default)
    assert made.organization == organization
    assert replace(made, organization=job) == parsed


@pytest.mark.parametrize(
    ("default", "words"),
    [(None, "there: organization is missing"), ("a/b", 'TF_CLOUD_ORGANIZATION = "a/b": not an')],
)
def test_an_organization_must_be_named_somewhere(default: str | None, words: str) -> None:
    """At the latest, the environment has to name one; the message has the shard."""
    job = parse_job(f'name = "scan"\n{JOB}', of_fleet=True)
    with pytest.raises(JobError, match=re.escape(words)):
        job_of(job, Shard(name="eu", where="there"), default)


def test_only_a_fleets_job_may_leave_out_its_organization() -> None:
    """Any other job without one is refused."""
    with pytest.raises(JobError, match="organization is missing"):
        parse_job(f'name = "scan"\n{JOB}')


EU = 'organization = "acme-eu"'
TABLE = "\n[[shard]]\n"
PROBLEMS = {
    LISTED.replace("job =", "jobs ="): 'unknown key jobs: did you mean "job"? Known: job, name, ',
    LISTED.replace("token_env", "token"): "unknown key shard[1].token: did you mean ",
    f"{LISTED}[rollout]\nwave = []\n": 'unknown key rollout.wave: did you mean "waves"? Known: ',
    LISTED.replace("job =", "#"): "job is missing: give a job file, relative to the fleet file's",
    'job = "a.toml"': "[[shard]] and organizations are missing: give one",
    f'organizations = ["a"]\n{LISTED}': "[[shard]] and organizations are both given: remove one",
    'job = "a.toml"\nshard = []': "shard = []: not one or more tables [[shard]]",
    'job = "a.toml"\n[shard]\nname = "a"': "shard = {…}: not one or more tables [[shard]]",
    'job = "a.toml"\nshard = ["a"]': 'shard[0] = "a": not a table',
    'job = "a.toml"\norganizations = []': "organizations = []: not a list of at least 1, each an ",
    'job = "a.toml"\norganizations = ["a/*"]': 'organizations[0] = "a/*": not an organization\'s',
    'job = "a\\u0000b"\norganizations = ["a"]': 'job = "a\\u0000b": not a job file',
    f"{LISTED}{TABLE}": "shard[2]: nothing names the shard: give organization, or name",
    f'{LISTED}{TABLE}organization = "a.b"': 'shard[2].name is missing, and organization = "a.b" '
    "can't be the name of a folder: give 1 to 90 letters",
    f'{LISTED}{TABLE}name = "a/b"\n{EU}': 'shard[2].name = "a/b": not 1 to 90 letters',
    f'{LISTED}{TABLE}organization = "a b"': 'shard[2].organization = "a b": not an organization',
    f"{LISTED}{TABLE}{EU}": "shard[2] (acme-eu): has the name of shard[1] (acme-eu), and so its",
    f'{LISTED}{TABLE}name = "ACME-eu"': "shard[1] (acme-eu): has the name of shard[2] (ACME-eu), ",
    f'{LISTED}{TABLE}name = "a"\naddress = "tfe.example.com/x"': "shard[2].address contains a path",
    f'{LISTED}{TABLE}name = "a"\naddress = ""': 'shard[2].address = "": not an address such as',
    f'{LISTED}token_file = "eu"': "shard[1]: token_env and token_file are both given: remove one",
    f"{LISTED}token_file = 3": "shard[1].token_file = 3: not a file, relative to",
    LISTED.replace('"EU_TOKEN"', "3"): "shard[1].token_env = 3: not the name of an environment",
    f'name = "my fleet"\n{LISTED}': 'name = "my fleet": not 1 to 90 letters',
    f'journals = ""\n{LISTED}': 'journals = "": not a folder, relative to the fleet file',
    f'journals = "s3://acme"\n{LISTED}': "journals: s3://acme: names no path in the bucket",
    f'journals = "ftp://acme"\n{LISTED}': "journals: ftp://acme: a journal is a file, or at one",
    f'{LISTED}[rollout]\nwaves = ["acme-eue"]': 'rollout.waves[0] = "acme-eue": matches no shard: '
    'did you mean "acme-eu"?',
    f'{LISTED}[rollout]\nwaves = ["0"]': 'rollout.waves[0] = "0": not a shard\'s name or a glob',
    f"{LISTED}[rollout]\nmax_failed_shards = -1": "rollout.max_failed_shards = -1: not a whole num",
    f"{LISTED}[rollout": "not valid TOML: ",
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_wrong_file_is_refused(text: str) -> None:
    """The message has the file, the key, the value and what is allowed."""
    assert problem(text).startswith(f"scan.toml: {PROBLEMS[text]}")


def test_a_file_whose_name_is_no_folders_needs_a_name() -> None:
    """The default is the file's name without its suffix."""
    with pytest.raises(JobError, match=r"name is missing, and the file's name \"my fleet\" can't"):
        parse_fleet(LISTED, Path("/srv/my fleet.toml"))
    assert parse_fleet(f'name = "eu"\n{LISTED}', Path("/srv/my fleet.toml")).name == "eu"


@pytest.mark.parametrize(
    "line",
    [
        f'token_env = "{SECRET}"',
        f'token_env = "{SECRET.replace(".", "-")}"',
        f'token_file = "{SECRET}"',
        f'token = "{SECRET}"',
        f"token_env = {SECRET}",
        f'token_env = "{SECRET}',
        f"token_file = {SECRET}",
        f"address = {SECRET}",
        f'address = "https://ann:{SECRET}@tfe.example.com"',
        f'token_env = "A"\ntoken_file = "{SECRET}"',
    ],
)
def test_no_message_repeats_a_token(line: str) -> None:
    """A token may have been written where its variable or file belongs, with or without quotes."""
    text = f'job = "a.toml"{TABLE}organization = "acme"\n{line}\n'
    assert "canary" not in problem(text)


def test_organizations_become_shards_once_they_are_known() -> None:
    """Each organization that an entry matches is a shard, once; the others are not."""
    found = fleet(GLOBS)
    assert found.shards == ()
    assert found.organizations == ("acme-*", "other")
    known = found.found(["other", "acme-us", "my.org", "acme-eu", "acme-us"])
    assert names(known) == ["acme-eu", "acme-us", "other"]
    assert [shard.organization for shard in known.shards] == names(known)
    assert known.organizations == found.organizations
    assert known.shards[0].where == 'scan.toml: organizations: "acme-eu"'


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (["acme-us"], 'organizations[1] = "other": matches none of the 1 organization that the'),
        (["acme-us", "othr"], 'the token sees: did you mean "othr"?'),
        ([], 'organizations[0] = "acme-*": matches none of the 0 organizations that the token'),
        (["acme-a.b", "other"], 'organizations = "acme-a.b": not 1 to 90 letters'),
        (["acme-us", "ACME-us", "acme-US", "other"], "and so its journals"),
    ],
)
def test_organizations_that_can_not_be_shards_are_refused(seen: list[str], words: str) -> None:
    """An entry without a match is a mistake, as is a name that can't be that of a folder."""
    with pytest.raises(JobError, match=re.escape(words)):
        fleet(GLOBS).found(seen)


def test_the_case_of_an_organizations_name_makes_no_difference() -> None:
    """The server ignores it: the shard, its journals and its wave are the same."""
    listed = fleet(LISTED.replace('organization = "acme-us"', 'organization = "ACME-US"'))
    assert names(listed) == ["acme-eu", "acme-us"]
    assert listed.shards[1].organization == "ACME-US"
    waves = '[rollout]\nwaves = ["Acme-U*"]\n'
    found = fleet(f"{GLOBS.replace('acme-*', 'ACME-*')}{waves}").found(
        ["Acme-US", "acme-EU", "Other"]
    )
    assert names(found) == ["acme-eu", "acme-us", "other"]
    assert [shard.organization for shard in found.shards] == ["acme-EU", "Acme-US", "Other"]
    assert found.waves()[0] == ("acme-us",)
    assert found.journals_of(found.shards[1], ".b") == listed.journals_of(listed.shards[1], ".b")


def test_waves_of_organizations_are_checked_once_they_are_known() -> None:
    """Before that, any name may be one."""
    found = fleet(f'{GLOBS}[rollout]\nwaves = ["acme-canary", "100%"]\n')
    assert found.rollout == FleetRollout(waves=("acme-canary", "100%"))
    known = found.found(["acme-eu", "acme-canary", "other"])
    assert known.waves() == [("acme-canary",), ("acme-eu", "other")]
    with pytest.raises(JobError, match=r'^scan.toml: rollout.waves\[0\] = "acme-canary": matches'):
        found.found(["acme-eu", "other"])


@given(st.text())
def test_any_text_is_a_fleet_or_refused(text: str) -> None:
    """Nothing but a JobError is raised."""
    try:
        fleet(text)
    except JobError:
        return
