"""The JSON Schema (draft 2020-12) of fleet files, derived from the Structs that parse them. Pure.

Only ``parse_fleet``, not the schema, refuses: a name that is missing and can't be that of the file
or the organization; a token in the place of its variable's or file's name; an address of a server
or a bucket that isn't one; shards with one name or organization; waves that don't grow, are listed
twice or match no shard; and numbers that JSON doesn't have.
"""

from __future__ import annotations

from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.tables import FleetFile, ShardTable
from bulkops.job.schema import DIALECT, Schema, meanings, summary, table_schema
from bulkops.operations.model import any_of, exactly_one_of


def fleet_schema() -> Schema:
    """Return the schema of fleet files."""
    meaning = meanings(FleetFile)
    rollout: Schema = {"description": meaning["rollout"], "$ref": "#/$defs/FleetRollout"}
    shards: Schema = {
        "description": meaning["shard"],
        "type": "array",
        "minItems": 1,
        "items": {"$ref": "#/$defs/ShardTable"},
    }
    file = table_schema(FleetFile, summary(FleetFile), {"shard": shards, "rollout": rollout})
    shard = {
        **table_schema(ShardTable),
        **any_of("name", "organization"),
        "not": {"required": ["token_env", "token_file"]},
    }
    return {
        "$schema": DIALECT,
        "title": "A fleet file of bulkops",
        **file,
        **exactly_one_of("shard", "organizations"),
        "$defs": {"FleetRollout": table_schema(FleetRollout), "ShardTable": shard},
    }
