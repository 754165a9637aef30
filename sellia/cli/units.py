"""Units of systemd that run ``sellia start --all``, for a user and for the machine.

Need
    A tunnel that is always there runs without a terminal, comes back after a crash or a restart, and may do no more on
    its machine than a tunnel must.  The key is in no argument, no environment and no unit: systemd hands it over in a
    file that only the service can read (``LoadCredential=``, from systemd 250 on).

How
    The machine's unit has a user of its own that exists while it runs (``DynamicUser=``), sees the file system
    read-only, and has none of root's capabilities.  A user's unit has what a user's service manager can enforce.

Designs not chosen
    *MemoryDenyWriteExecute=*: libffi, which Python's ctypes and cffi call, needs such memory on some machines.
    *PrivateNetwork= and IPAddressDeny=*: which services are reached is the settings' to say.

Pure: texts in, a text out.
"""

from dataclasses import dataclass
from typing import Final

#: Name of the unit, and the line by which one is known that this program has written.
UNIT: Final = "sellia.service"
MARK: Final = "# Written by `sellia service install`, and removed by `sellia service uninstall`."

#: First version of systemd that knows all that is written here.
SYSTEMD: Final = 250

#: Exit statuses after which starting again changes nothing: the command line, the key, the settings.
_FINAL: Final = "64 77 78"

#: What both kinds of units forbid.
_BOTH: Final = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
LimitNOFILE=65536"""

#: What only the machine's service manager can forbid.
_SYSTEM: Final = """\
DynamicUser=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
KeyringMode=private
RuntimeDirectory=sellia
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=%t/sellia"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit runs: the program, its settings file, and the file with its key, if it has one."""

    program: str
    config: str
    key: str | None = None
    system: bool = False

    def text(self) -> str:
        """Return the unit."""
        lines = [
            MARK,
            "[Unit]",
            "Description=Sellia tunnels",
            *(["Wants=network-online.target", "After=network-online.target nss-lookup.target"] if self.system else []),
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=exec",
            f"ExecStart={quoted(self.program)} start --all --config {quoted(self.config)}",
            "ExecReload=kill -HUP $MAINPID",
            "Restart=on-failure",
            "RestartSec=5",
            f"RestartPreventExitStatus={_FINAL}",
            "TimeoutStopSec=45",
        ]
        if self.key is not None:
            lines += [
                f"LoadCredential=sellia-key:{self.key.replace('%', '%%')}",
                "Environment=SELLIA_API_KEY_FILE=%d/sellia-key",
            ]
        lines += [_BOTH, *([_SYSTEM] if self.system else [])]
        target = "multi-user.target" if self.system else "default.target"
        return "\n".join([*lines, "", "[Install]", f"WantedBy={target}", ""])


def quoted(text: str) -> str:
    """Return an argument as a command line of systemd has it (systemd.service(5), "Command lines")."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t'\";\\") else escaped
