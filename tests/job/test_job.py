"""Job files: how they are parsed, how errors read, and what changes the digest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bulkops.checking import LONGEST_VALUE_SHOWN, allowed, fits, read_table, shown
from bulkops.errors import JobError
from bulkops.job.job import (
    Job,
    job_from_builtins,
    job_to_builtins,
    organization_in,
    parse_job,
)
from bulkops.job.pace import Pace
from bulkops.job.rollout import Rollout
from bulkops.job.select import Select
from bulkops.operations.kinds.attach import AttachSpec
from bulkops.operations.kinds.base import AgentPool
from bulkops.operations.kinds.update import UpdateSpec
from bulkops.operations.steps import Step

HEAD = 'name = "scan"\norganization = "acme"\n'
ATTACH = '[operation]\nkind = "attach"\ntask = "scan"\nenforcement_level = "mandatory"\n'
SELECT = '[select]\nnames = ["prod-*"]\n'
JOB = HEAD + ATTACH + SELECT
SELECT_KEYS = (
    "names, exclude_names, tags, exclude_tags, project, projects, exclude_projects, ids, file, "
    "listed, where, has_task, lacks_task, all, allow_empty, only, limit"
)
NAMES = 'a workspace name, a glob with "*", "?" or "[a-z]", or "re:" and a regular expression'
NOTHING = (
    "select: nothing selects a workspace: give names, tags, project, projects, ids, file, where or "
    "has_task, or all = true to select every workspace"
)
LEASES = 'a duration from "2s" to "10m", in whole seconds or minutes'


def refusal(text: str, **options: Any) -> str:
    """Return the error message for a job file."""
    with pytest.raises(JobError) as caught:
        parse_job(text, "prod.toml", **options)
    return str(caught.value)


def test_a_job_on_a_run_task_selects_nothing() -> None:
    """A job on a run task has no ``[select]``; one in the file is refused, even if it is empty."""
    text = HEAD + '[operation]\nkind = "task-disable"\ntask = "scan"\n'
    job = parse_job(text)
    assert "select" not in job_to_builtins(job)
    assert job_from_builtins(job_to_builtins(job)).digest == job.digest
    for select in ("[select]\n", SELECT):
        assert refusal(text + select) == (
            "prod.toml: select: a task-disable job applies to "
            "the run task named in [operation]: remove [select]"
        )


def test_a_whole_file_is_read() -> None:
    """Every table of a job file becomes its own Struct."""
    job = parse_job(
        HEAD
        + '[operation]\nkind = "update"\ntask = "scan"\nstages = ["pre_apply", "post_plan"]\n'
        + SELECT
        + 'exclude_names = ["*-sandbox"]\ntags = ["a"]\nexclude_tags = ["b"]\nproject = "P 1"\n'
        + 'ids = ["ws-1"]\nallow_empty = true\n'
        + '[rollout]\nmax_failures = 3\n[pace]\nrate = 10\nmax_at_once = 4\nsettle = "500ms"\n'
    )
    assert job == Job(
        name="scan",
        organization="acme",
        steps=(Step("update", UpdateSpec(task="scan", stages=("pre_apply", "post_plan"))),),
        select=Select(
            names=("prod-*",),
            exclude_names=("*-sandbox",),
            tags=("a",),
            exclude_tags=("b",),
            project="P 1",
            ids=("ws-1",),
            allow_empty=True,
        ),
        rollout=Rollout(max_failures=3),
        pace=Pace(rate=10.0, max_at_once=4, settle="500ms"),
    )


def test_omitted_tables_have_their_defaults() -> None:
    """Without [rollout] and [pace], a job stops above 10% failures and uses the server's limit."""
    job = parse_job(JOB)
    assert (job.rollout.max_failures, job.pace.rate, job.pace.max_at_once) == ("10%", None, None)
    assert job.pace.settle_seconds == 10.0
    assert job.steps == (Step("attach", AttachSpec(task="scan", enforcement_level="mandatory")),)


REFUSED = {
    # unknown and missing keys
    JOB + '[waves]\na = "1"\n': "unknown key waves. Known: name, operation, organization, select, "
    "rollout, pace, journal, notify",
    HEAD + ATTACH + '[select]\nname = ["prod-*"]\n': 'unknown key select.name: did you mean "names"'
    f"? Known: {SELECT_KEYS}",
    HEAD + ATTACH + 'stage = ["post_plan"]\n' + SELECT: "unknown key operation.stage: did you mean "
    '"stages"? Known: kind, from_file, task, enforcement_level, stages',
    JOB + '"a\\nb" = 1\n': rf'unknown key select."a\nb". Known: {SELECT_KEYS}',
    HEAD + SELECT: "operation is missing: give a table",
    HEAD + "[operation]\n" + SELECT: "operation.kind is missing: give one of "
    '"attach", "update", "detach"',
    HEAD
    + '[operation]\nkind = "detach"\n'
    + SELECT: 'operation.task is missing: give a run task\'s name or its id "task-…"',
    'name = "scan"\n' + ATTACH + SELECT: "organization is missing: set it here, "
    "or set TFE_ORGANIZATION",
    # values
    JOB.replace('"scan"', '"my scan"', 1): 'name = "my scan": not 1 to 90 letters, digits, '
    '"-" or "_"',
    JOB.replace('"scan"', '"scan\\n"', 1): r'name = "scan\n": not 1 to 90 letters, digits, '
    '"-" or "_"',
    JOB.replace("acme", "a/b"): 'organization = "a/b": not an organization\'s name, '
    "no spaces or slashes",
    JOB.replace("attach", "atach"): 'operation.kind = "atach": not one of "attach", "update", '
    '"detach"',
    JOB.replace('"attach"', '["attach"]'): 'operation.kind = ["attach"]: not one of "attach", '
    '"update", "detach"',
    JOB.replace("mandatory", "mandatry"): 'operation.enforcement_level = "mandatry": '
    'not one of "advisory", "mandatory"',
    HEAD + ATTACH + 'stages = ["post_plan", "plan"]\n' + SELECT: 'operation.stages[1] = "plan": '
    'not one of "post_apply", "post_plan", "pre_apply", "pre_plan"',
    "select = 3\n" + HEAD + ATTACH: "select = 3: not a table",
    HEAD + ATTACH + '[select]\nnames = "prod-*"\n': 'select.names = "prod-*": not a list of at '
    f"least 1, each {NAMES}",
    HEAD + ATTACH + "[select]\nnames = []\n": "select.names = []: not a list of at least 1, each "
    f"{NAMES}",
    JOB.replace('["prod-*"]', '["a", "b", {c = 1}]'): f"select.names[2] = {{…}}: not {NAMES}",
    JOB + 'tags = ["a b"]\n': 'select.tags[0] = "a b": not a tag: "key" or "key=value", the key '
    'without "=", "," or spaces',
    JOB + 'exclude_names = ["a", "re:("]\n': 'select.exclude_names[1] = "re:(": not a regular '
    "expression: missing ), unterminated subpattern at position 0",
    JOB + 'only = ["re:[[a]"]\n': 'select.only[0] = "re:[[a]": not a regular expression: '
    "Possible nested set at position 1",
    JOB + 'where = ["loked = true"]\n': 'select.where[0] = "loked = true": unknown attribute '
    'loked: did you mean "locked"? Known: ',
    JOB + "limit = 0\n": "select.limit = 0: not a whole number of at least 1",
    JOB + 'file = "a.csv"\nlisted = []\n': "select: listed takes the place of file: "
    "give only one of them",
    JOB + 'listed = ["a b"]\n': 'select.listed[0] = "a b": not a workspace\'s exact name or its id',
    JOB + 'project = ["a", ["b"]]\n': 'select.project = ["a", […]]: not one project\'s name '
    'or its id "prj-…"',
    JOB + 'ids = ["prod"]\n': 'select.ids[0] = "prod": not a workspace id, "ws-…"',
    JOB + 'ids = ["ws-a/b"]\n': 'select.ids[0] = "ws-a/b": not a workspace id, "ws-…"',
    JOB + "all = 1979-05-27\n": "select.all = 1979-05-27: not true or false",
    JOB + '[rollout]\nmax_failures = "101%"\n': 'rollout.max_failures = "101%": not a whole number '
    'of at least 0, or a percentage from "0%" to "100%"',
    JOB + "[rollout]\nmax_failures = true\n": "rollout.max_failures = true: not a whole number "
    'of at least 0, or a percentage from "0%" to "100%"',
    JOB + "[pace]\nmax_at_once = 513\n": "pace.max_at_once = 513: not a whole number of at least "
    "1 and at most 512",
    JOB + "[pace]\nrate = inf\n": "pace.rate = inf: not a number from 0.1 to 100000",
    JOB + f"[pace]\nmax_at_once = 0x{'f' * 9000}\n": "pace.max_at_once = an integer of 36000 bits: "
    "not a whole number of at least 1 and at most 512",
    JOB + '[pace]\nsettle = "1 day"\n': 'pace.settle = "1 day": not a duration such as "500ms", '
    '"10s", "5m" or "1h"',
    JOB + '[journal]\nlease = "1s"\n': f'journal.lease = "1s": not {LEASES}',
    JOB + '[journal]\nlease = "601s"\n': f'journal.lease = "601s": not {LEASES}',
    JOB + '[journal]\nlease = "soon"\n': f'journal.lease = "soon": not {LEASES}',
    JOB + "[journal]\nlease = 30\n": f"journal.lease = 30: not {LEASES}",
    JOB
    + '[journal]\nleas = "30s"\n': 'unknown key journal.leas: did you mean "lease"? Known: lease',
    JOB + '[notify]\non = ["stopped"]\n': "notify names no receiver: give url_env, apprise_env, "
    "heartbeat_url_env",
    JOB + '[notify]\nurl_env = "A"\non = []\n': "notify.on = []: not a list of at least 1, each "
    'one of "finished", "paused", "started", "stopped"',
    JOB + '[notify]\nurl_env = "A"\non = ["ended"]\n': 'notify.on[0] = "ended": not one of '
    '"finished", "paused", "started", "stopped"',
    JOB + '[notify]\nurl_env = "https://hooks.example/1"\n': "notify.url_env: the name of an "
    'environment variable such as "WEBHOOK" belongs here, and what is secret into that variable',
    JOB + '[notify]\nurl = "A"\n': 'unknown key notify.url: did you mean "url_env"?',
    JOB + '[notify]\nheartbeat_url_env = "A"\nhmac_key_env = "B"\n': "notify: `hmac_key_env` signs "
    "what a webhook gets: give `url_env`, too",
    # tables as a whole
    HEAD + ATTACH: NOTHING,
    HEAD + ATTACH + '[select]\nexclude_names = ["x"]\n': NOTHING,
    HEAD + ATTACH + '[select]\nlacks_task = "x"\nlimit = 1\n': NOTHING,
    HEAD
    + ATTACH
    + "[select]\nall = true\nlisted = []\n": "select: all = true can't be combined with listed: ",
    JOB + 'all = true\ntags = ["x"]\n': "select: all = true can't be combined with names, tags: "
    "remove one or the other (exclude_names, exclude_tags, exclude_projects and lacks_task are "
    "fine)",
    HEAD + '[operation]\nkind = "update"\ntask = "scan"\n' + SELECT: "operation: an update needs "
    "`enforcement_level`, `stages` or both",
    # not TOML
    'name = "scan"\n[select\n': "not valid TOML: Expected ']' at the end of a table declaration "
    "(at line 2, column 8)",
    'name = "scan"\nselect =': "not valid TOML: Invalid value (at line 2, column 9, the end of "
    "the file)",
    "name = " + "[" * 5000: "not valid TOML: nested too deeply",
    "name = " + "9" * 5000: "not valid TOML: Exceeds the limit (4300 digits) for integer string "
    "conversion",
    'name = "\ud800"': "not valid TOML: 'utf-8' codec can't encode character",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED.values())
def test_a_refusal_names_file_key_value_and_choice(text: str, message: str) -> None:
    """Each message names the file, the key, its value and what is allowed."""
    error = refusal(text)
    assert error.startswith(f"prod.toml: {message}")
    assert error.isprintable()
    assert len(error) < 900


def test_ids_of_compatible_servers_are_ids() -> None:
    """They end in a UUID, in ``select.ids`` and for agent pools, too."""
    ending = "57d4c9b8-c161-51f2-a963-26f77b1897a5"
    job = parse_job(JOB + f'ids = ["ws-{ending}"]\n')
    assert job.select.ids == (f"ws-{ending}",)
    assert fits(f"apool-{ending}", AgentPool)


def test_deeply_dotted_keys_are_refused_like_any_value() -> None:
    """Deeply nested dotted keys get an ordinary error message."""
    dots = ".".join("a" * 3000)
    assert refusal(f"operation.kind.{dots} = 1\n{HEAD}").startswith(
        "prod.toml: operation.kind = {…}: not one of "
    )


def test_long_values_are_cut() -> None:
    """Of a long value, a message shows only the beginning."""
    assert len(shown("x" * 1000)) == LONGEST_VALUE_SHOWN
    assert shown("\u202e\x9b") == '"\\u202e\\u009b"'


def test_terraforms_variable_names_the_organization_too() -> None:
    """TFE_ORGANIZATION comes first, then TF_CLOUD_ORGANIZATION; empty ones are ignored."""
    assert organization_in({"TF_CLOUD_ORGANIZATION": "acme", "TFE_ORGANIZATION": ""}) == "acme"
    assert organization_in({"TF_CLOUD_ORGANIZATION": "b", "TFE_ORGANIZATION": "a"}) == "a"
    assert organization_in({}) == ""


def test_the_default_organization_is_that_of_the_environment() -> None:
    """TFE_ORGANIZATION is used only if the file names no organization, and it is checked."""
    without = ATTACH + SELECT
    named = 'name = "scan"\n' + without
    assert parse_job(named, default_organization="acme") == parse_job(JOB)
    assert parse_job(JOB, default_organization="other").organization == "acme"
    assert refusal(named, default_organization="").endswith("or set TFE_ORGANIZATION")
    assert refusal(named, default_organization="a b").startswith(
        'TFE_ORGANIZATION or TF_CLOUD_ORGANIZATION = "a b": not'
    )


@pytest.mark.parametrize(
    ("max_failures", "operations", "tolerated"),
    [("10%", 19, 1), ("10%", 9, 0), ("100%", 7, 7), ("0%", 500, 0), (3, 1, 3), ("7%", 0, 0)],
)
def test_tolerance_is_rounded_down(
    max_failures: int | str, operations: int, tolerated: int
) -> None:
    """A percentage is rounded down to whole failures; a count is used as it is."""
    assert Rollout(max_failures=max_failures).tolerated(operations) == tolerated


@pytest.mark.parametrize(
    ("settle", "seconds"), [("500ms", 0.5), ("10s", 10), ("5m", 300), ("1h", 3600), ("0s", 0)]
)
def test_settle_is_read_in_seconds(settle: str, seconds: float) -> None:
    """Every unit of a duration is converted to seconds."""
    job = parse_job(JOB + f'[pace]\nsettle = "{settle}"\n')
    assert job.pace.settle_seconds == seconds


@pytest.mark.parametrize(
    ("lease", "seconds"), [("2s", 2), ("30s", 30), ("600s", 600), ("1m", 60), ("10m", 600)]
)
def test_a_lease_is_read_in_seconds(lease: str, seconds: float) -> None:
    """Seconds and minutes, from the shortest lease to the longest."""
    assert parse_job(JOB + f'[journal]\nlease = "{lease}"\n').journal.lease_seconds == seconds


def test_only_a_job_that_sets_its_lease_writes_it() -> None:
    """Without ``[journal]``, the lease is 30 s, and a journal's header is as in bulkops 0.2."""
    job = parse_job(JOB)
    assert job.journal.lease_seconds == 30
    assert "journal" not in job_to_builtins(job)
    longer = parse_job(JOB + '[journal]\nlease = "2m"\n')
    assert job_to_builtins(longer)["journal"] == {"lease": "2m"}
    assert longer.effective("bulkops-1").journal == longer.journal


def test_only_a_job_that_notifies_writes_it() -> None:
    """Without ``[notify]``, a journal's header is as in bulkops 0.2, and nothing is secret."""
    job = parse_job(JOB)
    assert "notify" not in job_to_builtins(job)
    assert job.secret_variables == frozenset()
    told = parse_job(JOB + '[notify]\nurl_env = "HOOK"\napprise_env = "URLS"\n')
    assert job_to_builtins(told)["notify"] == {"url_env": "HOOK", "apprise_env": "URLS"}
    assert told.notify.on == ("started", "paused", "stopped", "finished")
    assert told.secret_variables == {"HOOK", "URLS"}
    assert told.effective("bulkops-1").notify == told.notify
    assert told.digest == job.digest


SAME_JOB = [
    "# a comment\n" + JOB.replace(" = ", "="),
    'organization = "acme"\nname = "scan"\n' + SELECT + ATTACH,
    HEAD + ATTACH + 'stages = ["post_plan"]\n' + SELECT,
    JOB + "all = false\nexclude_tags = []\n",
    JOB + '[pace]\nrate = 1\nsettle = "1m"\n',
    JOB + '[journal]\nlease = "2m"\n',
    JOB.replace("acme", "ACME"),
    JOB + "[rollout]\nmax_failures = 0\n",
    HEAD + ATTACH + '[select]\nnames = ["prod-*", "prod-*"]\n',
]
OTHER_JOB = [
    JOB.replace('"scan"', '"other"', 1),
    JOB.replace("acme", "other"),
    JOB.replace("mandatory", "advisory"),
    JOB.replace('task = "scan"', 'task = "other"'),
    HEAD + '[operation]\nkind = "detach"\ntask = "scan"\n' + SELECT,
    JOB + 'tags = ["x"]\n',
    JOB + 'exclude_names = ["x"]\n',
]


@pytest.mark.parametrize("text", SAME_JOB)
def test_the_digest_is_unchanged(text: str) -> None:
    """Layout, order, pace, lease, tolerance and the organization's case don't change it."""
    assert parse_job(text).digest == parse_job(JOB).digest


@pytest.mark.parametrize("text", OTHER_JOB)
def test_the_digest_changes(text: str) -> None:
    """Everything that changes the effect of the job changes the digest."""
    assert parse_job(text).digest != parse_job(JOB).digest


def test_the_digest_is_pinned() -> None:
    """Journals outlive versions of bulkops, so the digest of a given job never changes."""
    assert parse_job(JOB).digest == (
        "085202af751b90de0af5fae47c5d39ddffc256d57e4dcd6a495641158e239ea7"
    )


def test_a_field_without_a_description_is_a_programming_error() -> None:
    """If a kind's field has a type without a description, the error asks for one."""

    class Odd(msgspec.Struct):
        field: frozenset[str]

    assert allowed(int) == "a whole number"
    with pytest.raises(NotImplementedError, match="description"):
        read_table({"field": 1}, Odd, "odd.toml")
