"""The tables of a fleet file, as it writes them. Pure.

The meaning of a field is documented once, in the ``Attributes`` of its Struct.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.checking import Table
from bulkops.job.job import Name, Organization
from bulkops.job.rollout import Variable

JobPath = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+\Z",
        description="a job file, relative to the fleet file's folder",
    ),
]
TokenPath = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+\Z",
        description="a file, relative to the fleet file's folder",
    ),
]
Base = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+\Z",
        description="a folder, relative to the fleet file's, or an address such as "
        '"s3://BUCKET/PATH"',
    ),
]
Address = Annotated[
    str,
    Meta(min_length=1, description='an address such as "https://tfe.example.com"'),
]
Organizations = Annotated[
    str,
    Meta(pattern=r"^[^/\s:]+\Z", description='an organization\'s name, or a glob such as "acme-*"'),
]
ShardTables = Annotated[
    tuple[Table, ...], Meta(min_length=1, description="one or more tables [[shard]]")
]


class FleetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The top level of a fleet file, with its tables unparsed.

    Attributes:
        job: the job that every shard applies; it may leave its organization out.
        name: the fleet's name, and that of the folder for its journals; defaults to the name of the
            fleet file without its suffix.
        shard: the shards, if each is listed.
        organizations: the organizations, of those that the token sees, in any case; each of them
            is a shard.
        rollout: waves over shards, and how many may fail.
        journals: where the journals are, in a folder for each fleet and shard; defaults to
            `BULKOPS_JOURNALS`, or else to the folder `.bulkops`.
    """

    job: JobPath
    name: Name | None = None
    shard: ShardTables = ()
    organizations: Annotated[tuple[Organizations, ...], Meta(min_length=1)] = ()
    rollout: Table = {}
    journals: Base | None = None


class ShardTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[[shard]]``: one organization.

    Attributes:
        name: the shard's name, and that of the folder for its journals; defaults to the
            organization's, in lower case.
        organization: the organization to change; defaults to the job file's, or else to
            `TFE_ORGANIZATION` or `TF_CLOUD_ORGANIZATION`.
        address: the server's address; defaults to `TFE_ADDRESS`, `TF_CLOUD_HOSTNAME` or
            `TFE_HOSTNAME`, or else to https://app.terraform.io.
        token_env: the environment variable that holds the token.
        token_file: the file that holds the token.

    Raises:
        ValueError: it has neither a name nor an organization, or two tokens.
    """

    name: Name | None = None
    organization: Organization | None = None
    address: Address | None = None
    token_env: Variable | None = None
    token_file: TokenPath | None = None

    def __post_init__(self) -> None:
        """Refuse a shard without a name, or with two tokens."""
        if self.name is None and self.organization is None:
            raise ValueError("nothing names the shard: give organization, or name")
        if self.token_env is not None and self.token_file is not None:
            raise ValueError("token_env and token_file are both given: remove one of them")
