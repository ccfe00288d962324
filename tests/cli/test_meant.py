"""What people type who know Terraform: exit 2 and one sentence that names what is meant."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from bulkops.cli.meant.advice import COMMANDS, IN_GROUPS, OPTIONS
from bulkops.cli.meant.check import options_of
from tests.cli.command_tree import PATHS, command_of
from tests.cli.support import World
from tests.conftest import Here

CASES = {
    "apply job.toml --dry-run": "`bulkops plan JOB` shows what apply would change.",
    "--dry-run apply job.toml": "`bulkops plan JOB` shows what apply would change.",
    "resume scan.jsonl --dry-run": "`bulkops status JOURNAL` shows what is left to do.",
    "undo scan.jsonl --dry_run": "without --yes, `bulkops undo` asks before it changes anything.",
    "plan job.toml --dry-run=true": "`bulkops plan` changes nothing.",
    "apply job.toml --auto-approve": "--yes answers the question.",
    "apply -auto-approve job.toml": "--yes answers the question.",
    "verify scan.jsonl -auto-approve": "`bulkops verify` asks no question.",
    "journal cp scan.jsonl s3://bucket/scan": "use `bulkops journal copy`.",
    "journals": "`bulkops journal list` lists the journals of the default place.",
    "journal ls": "use `bulkops journal list`.",
    "mv scan.jsonl s3://bucket/scan": "`bulkops journal copy FROM TO` copies a journal.",
    "journal repair scan.jsonl --force": "--accept-loss confirms the repair.",
    "apply job.toml --parallelism 3": "set max_at_once under [pace] in the job file.",
    "apply job.toml -parallelism=3": "set max_at_once under [pace] in the job file.",
    "apply job.toml -j 3": "set max_at_once under [pace] in the job file.",
    "plan job.toml -json": "options have two dashes here, so --json.",
    "plan job.toml -out=PLAN": "options have two dashes here, so --out.",
    "apply job.toml -yes": "options have two dashes here, so --yes.",
    "apply -help": "options have two dashes here, so --help.",
    "-version": "options have two dashes here, so --version.",
    "apply job.toml -out=PLAN": "`bulkops plan JOB --out PLAN` saves a plan.",
    "plan -target=prod-app job.toml": "--select NAME narrows the job to some of its workspaces.",
    "plan -refresh-only job.toml": "`bulkops verify JOURNAL` checks for drift.",
    "apply -destroy job.toml": "`bulkops undo JOURNAL` reverts a job, and a job of the kind detach "
    "detaches a run task.",
    "apply job.toml -input=false": "bulkops asks on a terminal only, and --yes answers the "
    "question.",
    "-chdir=jobs plan job.toml": "change to the folder first.",
    "apply job.toml --debug": "it goes before the command: `bulkops --debug apply`.",
    "--json status scan.jsonl": "it goes after the command: `bulkops status --json`.",
    "--json task list": "it goes after the command: `bulkops task list --json`.",
    "task --json list": "it goes after the command: `bulkops task list --json`.",
    "task --auto-approve delete lint": "--yes answers the question.",
    "apply -f job.toml": "give the job file without an option: `bulkops apply JOB`.",
    "report scan.jsonl --json": "use --format.",
    "fleet apply fleet.toml --journal s3://bucket/scan": "set journals in the fleet file.",
    "fleet plan fleet.toml --address localhost": "name it under [[shard]] in the fleet file.",
    "fleet plan fleet.toml --organization acme": "name it under [[shard]] in the fleet file.",
    "fleet apply fleet.toml --dry-run": "`bulkops fleet plan FLEET` shows what it would change.",
    "fleet apply fleet.toml --destroy": "`bulkops fleet undo FLEET` reverts what it did.",
    "fleet apply fleet.toml --refresh-only": "`bulkops fleet verify FLEET` checks for drift.",
    "fleet status fleet.toml --watch": "`bulkops fleet watch FLEET` shows a running fleet.",
    "fleet apply fleet.toml --detailed-exitcode": (
        "it is an option of `bulkops fleet plan`, and `bulkops fleet apply --help` lists exit "
        "codes."
    ),
    "fleet check fleet.toml": "`bulkops check` checks a fleet file.",
    "fleet resume fleet.toml": "`bulkops fleet apply` resumes a fleet.",
    "destroy": "`bulkops undo JOURNAL` reverts a job, and a job of the kind detach detaches a run "
    "task.",
    "init": "there is nothing to initialize: write a job file, then run `bulkops plan JOB`.",
    "validate job.toml": "`bulkops check JOB` checks a job file.",
    "show": "`bulkops status JOURNAL` shows how far a job is, `bulkops task show NAME` a run task.",
    "refresh": "`bulkops verify JOURNAL` checks for drift.",
    "help apply": "`bulkops --help` lists the commands, `bulkops COMMAND --help` explains one.",
    "task rm lint": "use `bulkops task delete`.",
    "workspace-task rm prod-app lint": "use `bulkops workspace-task detach`.",
    "task ls": "use `bulkops task list`.",
    "status scan.jsonl --watch": "`bulkops watch JOURNAL` shows a running job.",
    "status -f scan.jsonl": "`bulkops watch JOURNAL` shows a running job.",
    "report scan.jsonl --follow": "`bulkops watch JOURNAL` shows a running job.",
    "tail scan.jsonl": "`bulkops watch JOURNAL` shows a running job.",
}


@pytest.mark.parametrize(("line", "sentence"), CASES.items(), ids=CASES)
def test_the_bulkops_term_is_suggested(world: World, here: Here, line: str, sentence: str) -> None:
    """Exit 2, one line on stderr that names what was typed and what to type, and no request."""
    done = here(*line.split())
    assert (done.code, done.out, world.requests) == (2, "", 0)
    named = re.fullmatch(r"Error: No (?:option|command) ([\w -]+): (.*)\n", done.err)
    assert named
    assert named[1] in line
    assert named[2] == sentence


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("apply job.toml --tolken", "No such option '--tolken'"),
        ("apply job.toml -x", "No such option '-x'"),
        ("task create lint --dry-run", "No such option '--dry-run'"),
        ("--tolken", "No such option '--tolken'"),
        ("--auto-approve", "No such option '--auto-approve'"),
        ("frobnicate", "No such command 'frobnicate'"),
        ("task frobnicate", "No such command 'frobnicate'"),
        ("apply job.toml --select -target --tolken", "No such option '--tolken'"),
        ("apply -x -- --dry-run", "No such option '-x'"),
    ],
)
def test_an_unknown_word_is_refused_with_the_usage(here: Here, line: str, says: str) -> None:
    """An unknown word gets the usage and exit 2; a word that was not refused gets no advice."""
    done = here(*line.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: bulkops")
    assert says in done.err


def test_with_detailed_exitcode_it_is_exit_1(here: Here) -> None:
    """2 means changes there."""
    done = here("plan", "job.toml", "--detailed-exitcode", "--dry-run")
    assert done.code == 1
    assert "`bulkops plan` changes nothing." in done.err


def test_of_a_fleet_no_command_for_one_journal_is_suggested() -> None:
    """Whatever other tool's option is given to a fleet's command."""
    commands = {" ".join(path): options_of(command_of(path)) for path in PATHS}
    for name in (name for name in commands if name.startswith("fleet ")):
        for advices in OPTIONS.values():
            words = next((a.words for a in advices if a.holds(name, commands[name])), "")
            called = re.findall(r"`bulkops (?!--debug)([^`{ ]+)", words)
            assert not {*called} - {"fleet"}, (name, words)


def test_suggestions_exist() -> None:
    """Each command and option in the sentences is one of bulkops."""
    commands = {" ".join(path): options_of(command_of(path)) for path in PATHS}
    every = set[str]().union(*commands.values())
    advice = [one.words for one in chain.from_iterable(OPTIONS.values())]
    sentences = [*advice, *COMMANDS.values(), *IN_GROUPS.values()]
    for sentence in sentences:
        assert set(re.findall(r"--[a-z][a-z-]*", sentence)) <= every
        for called in re.findall(r"`bulkops ([^`]+)`", sentence):
            words = re.sub(r"\s*(--\w[\w-]*|[A-Z{].*)", "", called)
            assert words in commands, called
    named = set(chain.from_iterable(one.commands for o in OPTIONS.values() for one in o))
    assert named <= set(commands)


def test_no_existing_command_is_in_the_table() -> None:
    """The table of other tools' words has no bulkops command, and no word twice."""
    words = list(chain.from_iterable(entry.split() for entry in COMMANDS))
    options = list(chain.from_iterable(entry.split() for entry in OPTIONS))
    assert len(words) == len(set(words))
    assert len(options) == len(set(options))
    assert not {path[0] for path in PATHS if path} & set(words)
    assert not {" ".join(path) for path in PATHS} & set(IN_GROUPS)
