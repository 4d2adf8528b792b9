"""Maintenance of the stream `payments.events`: removal of the consumers of terminated processes, and of old entries."""

from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from messaging.bus import PAYMENT_EVENTS

IDLE_AFTER_MS = 30_000
"""A running process reads every few seconds. A slow one is added again with its next entry."""

LENGTH = 100_000
"""Entries kept for other groups, which may be slower, and for investigations."""

_REMOVE = """
local removed = {}
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local fields = {}
    for index = 1, #consumer, 2 do fields[consumer[index]] = consumer[index + 1] end
    if fields.pending == 0 and fields.idle > tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields.name)
        removed[#removed + 1] = fields.name
    end
end
return removed"""
"""Atomic: an entry delivered to the consumer between the check and the removal would be lost."""

_END = "18446744073709551615-0"
"""The largest entry id: reading the pending entries after it returns nothing, but resets the consumer's idle time, which a
blocking read without entries does not before Redis 7.2."""

log = structlog.get_logger()


async def maintain_stream(
    client: Redis, group: str, name: str, *, idle_after_ms: int = IDLE_AFTER_MS, length: int = LENGTH
) -> None:
    """Remove idle consumers and trim, for the consumer `name`. Redis may refuse it: the stream is read all the same."""
    try:
        await client.xreadgroup(group, name, {PAYMENT_EVENTS: _END})
        await _remove_idle_consumers(client, group, idle_after_ms)
        await _trim(client, group, length)
    except ResponseError as error:
        log.warning("stream_maintenance_failed", why=str(error)[:200])


async def _remove_idle_consumers(client: Redis, group: str, idle_after_ms: int) -> None:
    """Remove idle consumers without pending entries; other consumers claim pending entries first."""
    removed: Any = await client.eval(_REMOVE, 1, PAYMENT_EVENTS, group, str(idle_after_ms))
    if removed:
        log.info("idle_consumers_removed", count=len(removed))


async def _trim(client: Redis, group: str, length: int) -> None:
    """Remove the oldest entries beyond `length`, except those that `group` has not read or acknowledged."""
    excess: Any = int(await client.xlen(PAYMENT_EVENTS)) - length
    if excess > 0:
        await client.xtrim(PAYMENT_EVENTS, minid=await _oldest_needed(client, group), approximate=True, limit=excess)


async def _oldest_needed(client: Redis, group: str) -> bytes:
    pending: Any = await client.xpending(PAYMENT_EVENTS, group)
    if pending["pending"]:
        return bytes(pending["min"])
    groups: Any = await client.xinfo_groups(PAYMENT_EVENTS)
    for each in groups:
        if each["name"] == group.encode():
            return bytes(each["last-delivered-id"])
    raise ResponseError(f"NOGROUP {group}")
