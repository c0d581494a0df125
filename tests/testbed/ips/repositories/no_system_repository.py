"""How pkg ends in an image with use-system-repo where neither service that knows the address runs, as on this host."""

from __future__ import annotations

_CHAINED = (
    "\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
)
_NO_PROPERTY = "pkg.smf.NonzeroExitException: Cmd ({}) exited with status 1, and output '[]'"

ERROR = _CHAINED.join(
    [
        "KeyError: 'PKG_SYSREPO_URL'",
        _NO_PROPERTY.format(
            "'/usr/bin/svcprop', '-c', '-p', 'config/listen_host', 'application/pkg/zones-proxy-client'"
        ),
        _NO_PROPERTY.format(
            "'/usr/bin/svcprop', '-c', '-p', 'config/host', 'application/pkg/system-repository:default'"
        ),
        "pkg.client.api_errors.UnknownSysrepoConfiguration: pkg is configured to use the system repository"
        " (via the use-system-repo\nproperty) but it could not get the host and port from\n"
        "svc:/application/pkg/zones-proxy-client nor svc:/application/pkg/system-repository, and\n"
        "the PKG_SYSREPO_URL environment variable was not set.  Please try enabling one\n"
        "of those services or setting the PKG_SYSREPO_URL environment variable.\n",
    ]
)
"""The last lines of a traceback."""
