"""Settings of header fields: under which name a service is asked, and which fields are set, added or removed."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import field_validator, model_validator

from sellia.relay.http.changes import NO_CHANGES, Changes, changes_of
from sellia.relay.http.hosts import canonical_host
from sellia.relay.http.rewriting import LOCAL_PATHS, HeaderRules, HeaderSet
from sellia.settings import Masked, Settings, setting, wrong
from sellia.text import printable

#: Most entries of ``local_paths``.
LOCAL_PATHS_LIMIT: Final = 32

#: What other programs call the sets.
_SAME: Final = {"rewrite": "local", "preserve": "public"}

#: Values of fields, by name; they may be secrets.
Fields = Mapping[str, Annotated[str, Masked]]


class FieldChanges(Settings):
    """Changes to the header fields of requests, or of responses."""

    set: Fields = setting({}, "Fields with one value, whatever there was, as in `X-Env: dev`.")
    add: Fields = setting({}, "Fields to add to what there is.")
    remove: tuple[str, ...] = setting((), "Names of fields to remove.")

    @model_validator(mode="after")
    def _check_changes(self) -> Self:
        for about, names in (("remove", self.remove), ("set", self.set), ("add", self.add)):
            for name in names:
                put = {name: self.set[name]} if about == "set" else {}
                add = {name: self.add[name]} if about == "add" else {}
                try:
                    changes_of([name], put, add)
                except ValueError as error:
                    raise wrong(f"{printable(name)[:80]} {error}", "Leave it out.", about) from None
        try:
            self.changes  # noqa: B018
        except ValueError as error:
            raise wrong(f"has {error}", "Leave some out.") from None
        return self

    @property
    def changes(self) -> Changes:
        """What they come to."""
        return changes_of(self.remove, self.set, self.add)


class HeaderSettings(Settings):
    """What is said of header fields, for a tunnel or for one of its paths."""

    headers: Literal["public", "local", "hybrid"] | None = setting(
        None,
        "public, local or hybrid: whose names are in Host, Origin and X-Forwarded-*. The visitor's (default), your "
        "service's own, or the visitor's with your service's own Origin below local_paths.",
    )
    host: str | None = setting(
        None, "Name that your service is asked under instead, such as shop.test, with a port if it has one."
    )
    local_paths: tuple[str, ...] | None = setting(
        None, f"Beginnings of paths that hybrid is about. [default: {', '.join(LOCAL_PATHS)}]"
    )
    request_headers: FieldChanges | None = setting(None, "Fields of requests to set, add or remove.")
    response_headers: FieldChanges | None = setting(None, "Fields of responses to set, add or remove.")

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str | None) -> str | None:
        return None if value is None else checked_authority(value)

    @field_validator("local_paths")
    @classmethod
    def _check_local_paths(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for each in value or ():
            if not each.startswith("/") or not each.isascii() or not each.isprintable() or " " in each:
                raise wrong(f"{printable(each)[:80]} is not the beginning of a path", "Begin it with a slash.")
        if value is not None and not 1 <= len(value) <= LOCAL_PATHS_LIMIT:
            raise wrong(f"must be 1 to {LOCAL_PATHS_LIMIT} beginnings of paths")
        return value

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.host is not None and self.headers not in (None, "local"):
            raise wrong(f"is another name than that of headers: {self.headers}", "Keep one of the two.", "host")
        return self


def checked_authority(text: str) -> str:
    """Return a host with its port, as Host has them.  Raises what a validator raises."""
    spelt = text.strip().lower()
    try:
        canonical_host([spelt.encode("idna") if not spelt.isascii() else spelt.encode("ascii")])
    except (ValueError, UnicodeError):
        line = f"{printable(text)[:80]} is not a host"
        raise wrong(line, "Write it as it stands in Host: shop.test, or localhost:8080.") from None
    return spelt if spelt.isascii() else spelt.encode("idna").decode("ascii")


def spelled_out(host_header: str | None) -> dict[str, str]:
    """Return the settings that ``--host-header`` stands for.  Raises what a validator raises."""
    if host_header is None:
        return {}
    word = host_header.strip().lower()
    word = _SAME.get(word, word)
    return {"headers": word} if word in tuple(HeaderSet) else {"host": checked_authority(host_header)}


def rules_of(
    tunnel: HeaderSettings, path: HeaderSettings | None, host_header: str | None, forwarded: bool
) -> HeaderRules:
    """Return the rules of a route: those of its ``path``, where that says something, and of the tunnel."""
    short = spelled_out(host_header)
    names, host = short.get("headers") or tunnel.headers, short.get("host") or tunnel.host
    if path is not None and (path.headers is not None or path.host is not None):
        names, host = path.headers, path.host
    local_paths = tunnel.local_paths or LOCAL_PATHS
    if path is not None and path.local_paths is not None:
        local_paths = path.local_paths
    return HeaderRules(
        HeaderSet.LOCAL if host else HeaderSet(names or "public"),
        host or "",
        local_paths,
        _together(tunnel.request_headers, path.request_headers if path is not None else None),
        _together(tunnel.response_headers, path.response_headers if path is not None else None),
        forwarded,
    )


def _together(of_tunnel: FieldChanges | None, of_path: FieldChanges | None) -> Changes:
    """Return the changes of both; where both set a field, the path's counts."""
    both = [each for each in (of_tunnel, of_path) if each is not None]
    if not both:
        return NO_CHANGES
    put = {name.lower(): (name, value) for each in both for name, value in each.set.items()}
    made = [each.changes for each in both]
    return Changes(
        frozenset().union(*(each.remove for each in made)),
        changes_of((), dict(put.values()), {}).set,
        tuple(pair for each in made for pair in each.add),
    )
