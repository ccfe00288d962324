"""The document with which Terraform finds a host's services."""

from __future__ import annotations

from typing import Final

from bulkops.simulator.profiles import Profile

_EVERYWHERE: Final[dict[str, object]] = {
    "modules.v1": "/api/registry/v1/modules/",
    "providers.v1": "/api/registry/v1/providers/",
    "motd.v1": "/api/terraform/motd",
    "state.v2": "/api/v2/",
    "tfe.v2": "/api/v2/",
    "tfe.v2.1": "/api/v2/",
    "tfe.v2.2": "/api/v2/",
    "versions.v1": "https://checkpoint-api.hashicorp.com/v1/versions/",
}
_HCP: Final[dict[str, object]] = {
    "components.v3": "/api/registry/v3/components/",
    "stacksplugin.v1": "/stacksplugin.v1",
}
_ENTERPRISE: Final[dict[str, object]] = {
    "login.v1": {
        "client": "terraform-cli",
        "grant_types": ["authz_code"],
        "authz": "/app/oauth2/auth",
        "token": "/oauth2/token",
        "ports": [10000, 10010],
    }
}

GPG_KEYS: Final = "/api/registry/private/v2/gpg-keys"
"""The one list outside /api/v2 that clients look at; it is empty here."""
NO_GPG_KEYS: Final[dict[str, object]] = {
    "data": [],
    "meta": {
        "pagination": {
            "current-page": 1,
            "page-size": 20,
            "prev-page": None,
            "next-page": None,
            "total-pages": 1,
            "total-count": 0,
        }
    },
}


def services(profile: Profile) -> dict[str, object]:
    """Return ``/.well-known/terraform.json`` of a server version."""
    return _EVERYWHERE | (_HCP if profile.tfe_version is None else _ENTERPRISE)
