"""Three organizations at one server, and a fleet file with a shard for each."""

from tests.cli.run.test_fleet import world

__all__ = ["world"]
