"""Catalogue of what the admin API refuses; the rest of the catalogue is in `sellia.problems`."""

from sellia.problem import define

INVALID_VALUE = define(
    "invalid-value",
    422,
    None,
    "The request says something that cannot be.",
    "Correct what the detail names; /api/openapi.json says what each call takes.",
)
NO_SUCH_THING = define(
    "no-such-thing",
    404,
    None,
    "There is no account, key, name, class of limits or session of this name.",
    "List what there is, as with sellia admin accounts list, and give one of these.",
)
ALREADY_EXISTS = define(
    "already-exists",
    409,
    None,
    "There is one of this name already.",
    "Choose another name, or change the one that is there.",
)
CONFLICT = define(
    "conflict",
    409,
    None,
    "The request does not fit what there is.",
    "Look at what the detail names as it is now, and ask again.",
)
TOO_MANY_NAMES = define(
    "too-many-names",
    409,
    None,
    "The account has reserved as many names as it may.",
    "Release a name that is no longer needed, or raise the limit of its class.",
)
STILL_IN_USE = define(
    "still-in-use",
    409,
    None,
    "Others depend on it, so it cannot be deleted.",
    "Change or delete what the detail names first.",
)
UNSUPPORTED_MEDIA_TYPE = define(
    "unsupported-media-type",
    415,
    None,
    "The body of the request is not in the form that is asked for here.",
    "Send JSON, with Content-Type: application/json.",
)
IDEMPOTENCY_KEY_REUSED = define(
    "idempotency-key-reused",
    422,
    None,
    "This idempotency key was used for another request.",
    "Make a new random key for each write, and repeat it only for the very same one.",
)
STILL_UNDER_WAY = define(
    "still-under-way",
    409,
    None,
    "The first request with this idempotency key is still being worked on.",
    "Ask again in a moment, with the same key.",
)
