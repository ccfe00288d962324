"""The words of Terraform and similar tools, and what to type instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Advice(NamedTuple):
    """What to type instead.

    Attributes:
        words: the end of a sentence; ``{}`` is the command's own name.
        option: an option that the command must have; empty if it need not.
        commands: the commands for which the advice holds; empty if it holds for all.
    """

    words: str
    option: str = ""
    commands: Sequence[str] = ()

    def holds(self, command: str, options: Collection[str]) -> bool:
        """Return whether the advice holds for a command with these options."""
        named = bool(command) or "{}" not in self.words
        fits = not self.commands or command in self.commands
        return named and fits and (not self.option or self.option in options)


_WITH_A_JOB = ("apply", "plan", "workspaces", "check")
_CHANGES_NOTHING = (
    *("plan", "workspaces", "verify", "status", "report", "coverage", "check", "schema"),
    *("fleet plan", "fleet status", "fleet report", "journal list", "journal check"),
    *("task list", "task show", "workspace-task list", "workspace-task show"),
)
_OF_A_FLEET = tuple(
    f"fleet {name}" for name in ("plan", "apply", "status", "report", "watch", "verify", "undo")
)
_NO_STATE = "bulkops keeps no state: it reads the server each time and records a job in its journal"
_REVERTED = "`bulkops undo JOURNAL` reverts a job, and a job of the kind detach detaches a run task"

OPTIONS: dict[str, tuple[Advice, ...]] = {
    "dry-run dryrun n what-if whatif noop preview diff": (
        Advice("`bulkops plan JOB` shows what apply would change", commands=("apply",)),
        Advice("`bulkops fleet plan FLEET` shows what it would change", commands=("fleet apply",)),
        Advice("`bulkops status JOURNAL` shows what is left to do", commands=("resume",)),
        Advice("`bulkops {}` changes nothing", commands=_CHANGES_NOTHING),
        Advice("without --yes, `bulkops {}` asks before it changes anything", "--yes"),
    ),
    "auto-approve approve assume-yes non-interactive noninteractive no-input no-confirm force": (
        Advice("--yes answers the question", "--yes"),
        Advice("--accept-loss confirms the repair", "--accept-loss"),
        Advice("`bulkops {}` asks no question"),
    ),
    "input interactive i": (
        Advice("bulkops asks on a terminal only, and --yes answers the question", "--yes"),
        Advice("`bulkops {}` asks no question"),
    ),
    "parallelism parallel concurrency max-concurrency workers threads forks jobs j": (
        Advice("set max_at_once under [pace] in the job file"),
    ),
    "rate rate-limit qps rps throttle": (Advice("set rate under [pace] in the job file"),),
    "target include workspace workspaces filter": (
        Advice("--select NAME narrows the job to some of its workspaces", "--select"),
    ),
    "exclude": (Advice("set exclude_names under [select] in the job file", commands=_WITH_A_JOB),),
    "project projects tag tags": (
        Advice("set project or tags under [select] in the job file", commands=_WITH_A_JOB),
    ),
    "out save save-plan": (
        Advice("--output FILE writes to a file", "--output"),
        Advice("`bulkops plan JOB --out PLAN` saves a plan", commands=("apply", "workspaces")),
    ),
    "o": (
        Advice("use --output FILE", "--output"),
        Advice("use --out PLAN to save the plan, or --json to print JSON", "--out"),
        Advice("use --json", "--json"),
    ),
    "json csv html junit markdown": (Advice("use --format", "--format"),),
    "output format": (Advice("use --json", "--json"),),
    "watch w follow live tail": (
        Advice(
            "`bulkops fleet watch FLEET` shows a running fleet",
            commands=("fleet status", "fleet report"),
        ),
        Advice("`bulkops watch JOURNAL` shows a running job", commands=("status", "report")),
    ),
    "detailed-exitcode": (
        Advice(
            "it is an option of `bulkops fleet plan`, and `bulkops fleet apply --help` lists exit "
            "codes",
            commands=_OF_A_FLEET,
        ),
        Advice("it is an option of `bulkops plan`, and `bulkops apply --help` lists exit codes"),
    ),
    "destroy": (
        Advice(_REVERTED, commands=_WITH_A_JOB),
        Advice("`bulkops fleet undo FLEET` reverts what it did", commands=_OF_A_FLEET),
    ),
    "refresh-only": (
        Advice("`bulkops fleet verify FLEET` checks for drift", commands=_OF_A_FLEET),
        Advice("`bulkops verify JOURNAL` checks for drift"),
    ),
    "refresh": (Advice("bulkops always reads the server first"),),
    "replace": (Advice("a job of the kind replace replaces a run task", commands=_WITH_A_JOB),),
    "var var-file": (Advice("a job file has no variables", commands=_WITH_A_JOB),),
    "state state-out backup": (
        Advice(f"{_NO_STATE}, which --journal names", "--journal"),
        Advice(_NO_STATE),
    ),
    "lock lock-timeout": (
        Advice("--wait waits for the journal's lock", "--wait"),
        Advice("bulkops always locks the journal"),
    ),
    "no-color color colour no-colour": (Advice("NO_COLOR=1 in the environment turns colors off"),),
    "chdir c directory cwd": (Advice("change to the folder first"),),
    "compact-warnings": (Advice("bulkops has no such warnings"),),
    "verbose v vv vvv trace log-level loglevel": (Advice("`bulkops --debug {}` logs requests"),),
    "quiet q silent": (Advice("2>/dev/null drops what `bulkops {}` writes to stderr"),),
    "token api-token": (
        Advice("set TFE_TOKEN: a token on the command line shows in the list of processes"),
    ),
    "host hostname url server endpoint api-url": (Advice("use --address URL", "--address"),),
    "org": (
        Advice("use --organization NAME", "--organization"),
        Advice("name the organization in the job file, or set TFE_ORGANIZATION"),
    ),
    "organization": (
        Advice("name it under [[shard]] in the fleet file", commands=_OF_A_FLEET),
        Advice("name it in the job file, or set TFE_ORGANIZATION"),
    ),
    "address": (Advice("name it under [[shard]] in the fleet file", commands=_OF_A_FLEET),),
    "journal journals": (Advice("set journals in the fleet file", commands=_OF_A_FLEET),),
    "config file job job-file": (
        Advice("give the job file without an option: `bulkops {} JOB`", commands=_WITH_A_JOB),
    ),
    "f": (
        Advice("`bulkops watch JOURNAL` shows a running job", commands=("status", "report")),
        Advice("give the job file without an option: `bulkops {} JOB`", commands=_WITH_A_JOB),
        Advice("--yes answers the question", "--yes"),
    ),
    "plan plan-file": (
        Advice("give the saved plan without an option: `bulkops apply PLAN`", commands=("apply",)),
    ),
    "resume": (
        Advice(
            "the same apply resumes an unfinished job, and so does `bulkops resume JOURNAL`",
            commands=("apply",),
        ),
    ),
    "retry": (Advice("use --retry-failed", "--retry-failed"),),
    "insecure k skip-tls-verify tls-skip-verify insecure-skip-tls-verify": (
        Advice("TLS verification can't be switched off, but --ca-file FILE adds authorities"),
    ),
    "ca ca-cert cacert": (Advice("use --ca-file FILE", "--ca-file"),),
}
"""Names of options, without dashes → what is meant; the first advice that holds is given."""

COMMANDS: dict[str, str] = {
    "destroy": _REVERTED,
    "rollback revert restore": "`bulkops undo JOURNAL` reverts what a job did",
    "init": "there is nothing to initialize: write a job file, then run `bulkops plan JOB`",
    "validate lint": "`bulkops check JOB` checks a job file",
    "show": "`bulkops status JOURNAL` shows how far a job is, `bulkops task show NAME` a run task",
    "preview diff dry-run": "`bulkops plan JOB` shows what apply would change",
    "run start rollout execute deploy": "`bulkops apply JOB` runs a job",
    "continue restart retry": "`bulkops resume JOURNAL` resumes a job",
    "refresh drift": "`bulkops verify JOURNAL` checks for drift",
    "log logs history output": "`bulkops report JOURNAL` reports what a job did",
    "tail follow monitor top": "`bulkops watch JOURNAL` shows a running job",
    "cancel stop abort pause": "press Ctrl-C in the running command, or send it SIGTERM",
    "state import taint untaint": _NO_STATE,
    "force-unlock unlock": "a journal's lock is released when the process that holds it ends",
    "workspace ws": "`bulkops workspaces JOB` lists the workspaces that a job selects",
    "journals": "`bulkops journal list` lists the journals of the default place",
    "tasks run-task run-tasks": "`bulkops task list` lists the run tasks of an organization",
    "copy cp move mv migrate": "`bulkops journal copy FROM TO` copies a journal",
    "attach": "`bulkops workspace-task attach` attaches to one workspace, a job to many",
    "detach": "`bulkops workspace-task detach` detaches from one workspace, a job from many",
    "login logout": "bulkops uses the credentials that `terraform login` saves, or TFE_TOKEN",
    "help": "`bulkops --help` lists the commands, `bulkops COMMAND --help` explains one",
    "completion": "`bulkops --install-completion` installs completion for the current shell",
    "serve server simulator": "`bulkops simulate` serves simulated organizations",
}
"""Names of commands → what is meant."""

IN_GROUPS = {
    "fleet check": "`bulkops check` checks a fleet file",
    "fleet resume": "`bulkops fleet apply` resumes a fleet",
}
"""Groups' commands that are elsewhere or have another name → what is meant."""

SYNONYMS = {
    **dict.fromkeys(("add", "new"), ("create", "attach")),
    **dict.fromkeys(("rm", "remove", "destroy"), ("delete", "detach")),
    "delete": ("detach",),
    "create": ("attach",),
    "ls": ("list",),
    **dict.fromkeys(("get", "describe", "view", "read"), ("show",)),
    **dict.fromkeys(("edit", "change", "set", "patch"), ("update",)),
    **dict.fromkeys(("validate", "verify", "inspect"), ("check",)),
    "fix": ("repair",),
    **dict.fromkeys(("cp", "mv", "move", "migrate", "export", "import"), ("copy",)),
}
"""Of the commands in a group: a word → what it may be called there."""
