"""What the options of ``bulkops simulate`` say."""

from __future__ import annotations

import pytest

from bulkops.simulator import arguments
from bulkops.simulator.arguments import BadArgument
from bulkops.simulator.state import Entitlements, User

SERVED = ("acme-1", "acme-2", "acme-3")


def _users(
    *, full: tuple[str, ...] = (), works: tuple[str, ...] = (), reads: tuple[str, ...] = ()
) -> dict[str, User]:
    given = {"--token": full, "--workspace-task-token": works, "--read-only-token": reads}
    return arguments.users(given, SERVED) or {}


def _rights(user: User) -> dict[str, str]:
    """Return organization → ``all``, ``workspaces`` or ``none``."""
    words = {(True, True): "all", (False, True): "workspaces", (False, False): "none"}
    return {
        name: words[within.manage_run_tasks, bool(within.manage_workspace_run_tasks)]
        for name, within in (user.organizations or {}).items()
    }


@pytest.mark.parametrize(
    ("names", "number", "result"),
    [
        ((), None, ("acme",)),
        (("b", "a"), None, ("b", "a")),
        ((), 1, ("acme-1",)),
        ((), 3, SERVED),
    ],
)
def test_organizations_are_named_or_numbered(
    names: tuple[str, ...], number: int | None, result: tuple[str, ...]
) -> None:
    """Names are kept in order, a number counts from acme-1, and without both there is acme."""
    assert arguments.organizations(names, number) == result


@pytest.mark.parametrize(
    ("names", "number", "option", "says"),
    [
        (("a",), 2, "--organizations", "either"),
        (("a", "b", "a"), None, "--organization", "'a' is given twice"),
        (("a", "A"), None, "--organization", "'a' is given twice"),
        (("a:b",), None, "--organization", "'a:b': a name consists of"),
        (("a,b",), None, "--organization", "'a,b': a name consists of"),
        (("",), None, "--organization", "'': a name consists of"),
    ],
)
def test_organizations_that_are_refused(
    names: tuple[str, ...], number: int | None, option: str, says: str
) -> None:
    """Names and a number together, a repeated and a malformed name are refused."""
    with pytest.raises(BadArgument, match=says) as refused:
        arguments.organizations(names, number)
    assert refused.value.option == option


def test_a_token_without_organizations_sees_all() -> None:
    """Each option gives its right in every organization, and its users a name of their own."""
    users = _users(full=("a", "b"), works=("w",), reads=("r",))
    assert {token: user.name for token, user in users.items()} == {
        "a": "user-1",
        "b": "user-2",
        "w": "workspace-user-1",
        "r": "reader-1",
    }
    assert _rights(users["b"]) == dict.fromkeys(SERVED, "all")
    assert _rights(users["w"]) == dict.fromkeys(SERVED, "workspaces")
    assert _rights(users["r"]) == dict.fromkeys(SERVED, "none")


def test_a_token_sees_the_organizations_before_its_colon() -> None:
    """Several are separated by commas, or the token is given again."""
    users = _users(full=("acme-3,acme-1:a", "acme-1:b", "acme-2:b"))
    assert _rights(users["a"]) == {"acme-3": "all", "acme-1": "all"}
    assert _rights(users["b"]) == {"acme-1": "all", "acme-2": "all"}
    assert users["b"].within("acme-3") is None


def test_the_least_right_counts_for_each_organization() -> None:
    """A token with several rights is one user, which has the least given for an organization."""
    user = _users(full=("fleet",), works=("acme-1,acme-2:fleet",), reads=("acme-2:fleet",))["fleet"]
    assert _rights(user) == {"acme-1": "workspaces", "acme-2": "none", "acme-3": "all"}
    assert user.name == "user-1"
    assert {within.name for within in (user.organizations or {}).values()} == {"user-1"}


def test_no_token_is_no_list() -> None:
    """Without any token, every token is accepted: None."""
    assert arguments.users({}, SERVED) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("acme:a", "'acme' is not served. Organizations: acme-1, acme-2, acme-3"),
        ("acme-1,:a", "'' is not served"),
        ("acme-1:", "the token is empty"),
        ("", "the token is empty"),
    ],
)
@pytest.mark.parametrize("option", ["--token", "--workspace-task-token", "--read-only-token"])
def test_tokens_that_are_refused(option: str, text: str, says: str) -> None:
    """An organization that is not served and an empty token are refused, with the option."""
    with pytest.raises(BadArgument, match=says) as refused:
        arguments.users({option: [text]}, SERVED)
    assert refused.value.option == option


def test_entitlements_are_set_for_all_or_some_organizations() -> None:
    """The last setting counts, in every organization or in those before the colon."""
    settings = ("run-task-limit=1", "acme-2,acme-3:run-tasks=false", "acme-3:run-task-limit=5")
    assert arguments.entitlements(settings, SERVED) == {
        "acme-1": Entitlements(run_task_limit=1),
        "acme-2": Entitlements(run_task_limit=1, run_tasks=False),
        "acme-3": Entitlements(run_task_limit=5, run_tasks=False),
    }


def test_an_entitlement_of_an_unknown_organization_is_refused() -> None:
    """An organization that is not served is refused, with the option."""
    with pytest.raises(BadArgument, match="'acme' is not served") as refused:
        arguments.entitlements(["acme:run-tasks=false"], SERVED)
    assert refused.value.option == "--entitlement"
