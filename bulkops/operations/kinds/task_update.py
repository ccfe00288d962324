"""``task-update``: set the run task's URL, description and/or agent pool. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not there                  | skip, blocked                          |
| another URL                | update only what the job sets          |
| that URL                   | skip                                   |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from bulkops.operations.kinds.base import AgentPool, RunTaskKind
from bulkops.operations.model import Attributes, Operation, Resolved, TaskSpec, any_of

URL_IS_CALLED = "the platform calls the new URL once and rejects it unless it answers 200"

Url = Annotated[str, Meta(pattern=r"^https?://\S+\Z", description='a URL, "https://…"')]
Description = Annotated[
    str, Meta(min_length=1, max_length=300, description="1 to 300 characters of text")
]


class TaskUpdateSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-update``: at least one field is required.

    Attributes:
        url: where the platform sends its requests; it calls a new URL once and rejects it unless
            that answers 200.
        description: the run task's description.
        agent_pool_id: the pool of the agents that can reach a private ``url``.
    """

    schema_rule = any_of("url", "description", "agent_pool_id")

    url: Url | None = None
    description: Description | None = None
    agent_pool_id: AgentPool | None = None

    def __post_init__(self) -> None:
        """Refuse a spec that sets nothing."""
        if not self.desired:
            raise ValueError("a task-update needs `url`, `description` or `agent_pool_id`")

    @property
    def desired(self) -> Attributes:
        """The attributes to set, by API name."""
        fields = {
            "url": self.url,
            "description": self.description,
            "agent-pool-id": self.agent_pool_id,
        }
        return {name: value for name, value in fields.items() if value is not None}


class TaskUpdate(RunTaskKind):
    """Change the run task itself; its attachments stay as they are."""

    name: ClassVar[str] = "task-update"
    spec_type: ClassVar[type[TaskUpdateSpec]] = TaskUpdateSpec

    def __init__(self, spec: TaskUpdateSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved, spec.desired)

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Warn that the platform calls a new URL."""
        return [URL_IS_CALLED] if any("url" in one.changed for one in operations) else []
