"""The JSON doors of a server: the receiver's side of them and the conversion, put together."""

from functools import partial

from spanledger.instrumentation.replay.doors.posting import NotTheirs, Posting, Refusal, Take
from spanledger.instrumentation.replay.doors.registry import DOORS
from spanledger.receiver.contract import Refused
from spanledger.receiver.doors import Converted, Door, Posted
from spanledger.receiver.http_answers import Forbidden


def doors() -> tuple[Door, ...]:
    """All of them."""
    return tuple(
        Door(door.path, partial(_convert, door.take), door.content_types, door.body_bytes_max) for door in DOORS
    )


def _convert(take: Take, posted: Posted) -> Converted:
    identity = posted.identity
    posting = Posting(
        posted.body, posted.parts, posted.headers, identity.tenant, keyed=bool(identity.key_id), at_ns=posted.at_ns
    )
    try:
        taken = take(posting)
    except NotTheirs as error:
        raise Forbidden(str(error)) from error
    except Refusal as error:
        raise Refused(str(error)) from error
    return Converted(((export.signal, export.body) for export in taken.exports), taken.answer, taken.status)
