"""Times, sizes and limits on the command line, as the admin API wants them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click
from pydantic import TypeAdapter, ValidationError

from sellia.settings import Seconds, Size

#: Limits of a class or a key.
LIMITS = ("clients", "tunnels", "names", "streams", "requests_per_second", "bytes_per_month")

_SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)
_SIZE: TypeAdapter[int] = TypeAdapter(Size)


def seconds_of(text: str, option: str) -> float:
    """Return a duration such as 30, 2m or 90d in seconds; 0 is one as well."""
    if text.strip().rstrip("smhd") == "0":
        return 0.0
    try:
        return _SECONDS.validate_python(text)
    except ValidationError:
        raise click.UsageError(f"{option} must be a time such as 30s, 2h or 90d.") from None


def moment_of(text: str, option: str, *, back: bool = False) -> str:
    """Return a time as the API wants it; a duration counts from now, or ``back`` from now."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            span = timedelta(seconds=seconds_of(text, option))
            moment = datetime.now(UTC) + (-span if back else span)
        except (click.UsageError, OverflowError):
            hint = "must be a time such as 90d, or 2027-01-31T12:00:00Z."
            raise click.UsageError(f"{option} {hint}") from None
    if moment.tzinfo is None:
        moment = moment.astimezone()
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def bytes_of(text: str, option: str) -> int:
    """Return a size such as 50 GiB in bytes."""
    try:
        return _SIZE.validate_python(text)
    except ValidationError:
        raise click.UsageError(f"{option} must be a size such as 500 MiB or 50 GiB.") from None


def figures_of(texts: Iterable[str]) -> dict[str, float]:
    """Return limits such as ``tunnels=3`` or ``bytes-per-month=50GiB``."""
    figures: dict[str, float] = {}
    for text in texts:
        given, _, figure = text.partition("=")
        name = given.strip().replace("-", "_")
        if name not in LIMITS:
            raise click.UsageError(f"--limit must be one of {', '.join(LIMITS)}, with its figure, as in tunnels=3.")
        if name == "bytes_per_month":
            figures[name] = bytes_of(figure, f"--limit {name}")
            continue
        try:
            figures[name] = float(figure) if name == "requests_per_second" else int(figure)
        except ValueError:
            raise click.UsageError(f"--limit {name} must be a number, as in {name}=3.") from None
    return figures
