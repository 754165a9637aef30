"""Settings of a server: fields, kinds of values, relations between them, and where they are loaded from.

Imports ``settings``, and the parts of ``protocol`` and ``relay`` whose bounds and rules the values must keep.
"""

from sellia.server.settings.listening import BACKLOG, split_endpoint, tls_port
from sellia.server.settings.load import check_door, examine, load
from sellia.server.settings.model import ServerSettings

__all__ = ["BACKLOG", "ServerSettings", "check_door", "examine", "load", "split_endpoint", "tls_port"]
