"""``task-rotate-hmac``: the run task signs its requests with this key. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| never its key              | rotate it, whatever it was             |

The key is write-only: there is nothing to compare with, before or afterwards, and nothing to go
back to. Setting the same key twice is setting it once, so a lost answer is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from bulkops.api import endpoints
from bulkops.api.endpoints import RunTaskChange
from bulkops.api.messages import Request, Response
from bulkops.operations.aspects.run_task import RunTaskAspect
from bulkops.operations.model import (
    Binding,
    HmacKey,
    Operation,
    Over,
    Right,
    Seen,
    Showing,
    Target,
    TaskWish,
)
from bulkops.operations.wording import DIGEST

Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_]\w*\Z", description="an environment variable")]
KeyFile = Annotated[str, Meta(min_length=1, description="a file's path")]


class TaskRotateHmacWish(TaskWish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-rotate-hmac``: where the new key is; one of the two.

    Attributes:
        key_env: the environment variable that holds the new key.
        key_file: the file that holds it: UTF-8; line ends at its end don't belong to the key.
    """

    key_env: Variable | None = None
    key_file: KeyFile | None = None

    def __post_init__(self) -> None:
        """Refuse a wish without a key, or with two."""
        if (self.key_env is None) == (self.key_file is None):
            raise ValueError("a task-rotate-hmac needs `key_env` or `key_file`, and not both")


class HmacAspect(RunTaskAspect):
    """A run task's HMAC key, which no answer shows.

    Args:
        key: to be written, ``None`` where nothing is to be.
    """

    source = None

    def __init__(self, organization: str, key: HmacKey | None) -> None:
        super().__init__(organization, ())
        self._key = key

    def request(self, operation: Operation) -> Request:
        """Set the key."""
        assert self._key is not None, "given for whatever is sent"  # noqa: S101 - hmac_key's promise
        change = RunTaskChange(hmac_key=self._key.reveal())
        return endpoints.update_run_task(operation.target.id, change)

    def echo(self, answer: Response) -> Seen | None:
        """Return the run task as if it showed the key: that it was changed is all it says."""
        seen = super().echo(answer)
        return seen and Seen(seen.id, {DIGEST: self._key.digest if self._key else ""})


class TaskRotateHmac:
    """Give the run task a new HMAC key."""

    name: ClassVar[str] = "task-rotate-hmac"
    wish_type: ClassVar[type[TaskRotateHmacWish]] = TaskRotateHmacWish
    over: ClassVar[Over] = Over.TASK
    right: ClassVar[Right] = Right.RUN_TASKS
    verbs: ClassVar[Sequence[str]] = ()
    destroys: ClassVar[bool] = False
    keeps_one: ClassVar[bool] = False
    reversible: ClassVar[bool] = False

    def __init__(self, wish: TaskRotateHmacWish, binding: Binding) -> None:  # noqa: ARG002 - every kind is built alike
        self._key = binding.key
        self.aspects = {"": HmacAspect(binding.organization, binding.key)}

    def decide(self, target: Target, _showing: Showing) -> Sequence[Operation]:
        """See the table above."""
        wanted = {DIGEST: self._key.digest if self._key else ""}
        return (Operation(self.name, target, Seen(target.id, {}), wanted),)

    def notes(self, _operations: Sequence[Operation]) -> Sequence[str]:
        """Say what can't be known."""
        return ("a key is never shown: this is not compared, not verified, and can't be undone",)
