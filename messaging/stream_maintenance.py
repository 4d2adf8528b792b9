"""Maintenance of the stream `payments.events`: remove the consumers of terminated processes, and trim old entries."""

from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from messaging.bus import PAYMENT_EVENTS

IDLE_AFTER_MS = 30_000
"""A running process reads every few seconds. One that was only slow is added again with its next entry."""

LENGTH = 100_000
"""Entries kept for other groups, which read at their own pace, and for investigations."""

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
"""Atomic: a consumer that gets an entry between the check and the removal would lose it."""

_END = "18446744073709551615-0"
"""Reading the pending entries behind it returns nothing, but resets the consumer's idle time: before Redis 7.2 a blocking read
without entries does not."""

log = structlog.get_logger()


async def maintain_stream(
    client: Redis, group: str, name: str, *, idle_after_ms: int = IDLE_AFTER_MS, length: int = LENGTH
) -> None:
    """Do both for the process that reads as `name`. Where Redis does not allow it, the stream is read all the same."""
    try:
        await client.xreadgroup(group, name, {PAYMENT_EVENTS: _END})
        await _remove_idle_consumers(client, group, idle_after_ms)
        await _trim(client, group, length)
    except ResponseError as error:
        log.warning("stream_maintenance_failed", why=str(error)[:200])


async def _remove_idle_consumers(client: Redis, group: str, idle_after_ms: int) -> None:
    """Remove consumers that are idle and have nothing pending; pending entries are claimed by others before."""
    removed: Any = await client.eval(_REMOVE, 1, PAYMENT_EVENTS, group, str(idle_after_ms))
    if removed:
        log.info("idle_consumers_removed", count=len(removed))


async def _trim(client: Redis, group: str, length: int) -> None:
    """Remove the oldest entries beyond `length`, but none that `group` has still to read or to acknowledge."""
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
