"""Upkeep of the stream `payments.events`: names of processes that died leave the group, and old entries leave the stream."""

from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from messaging.bus import PAYMENT_EVENTS

DEAD_AFTER_MS = 30_000
"""A living process shows itself every few seconds. One that only seemed dead gets its name back with its next entry."""

LENGTH = 100_000
"""Entries kept for other groups, which read at their own pace, and for people who look into what happened."""

_REMOVE = """
local removed = {}
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local has = {}
    for place = 1, #consumer, 2 do has[consumer[place]] = consumer[place + 1] end
    if has.pending == 0 and has.idle > tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], has.name)
        removed[#removed + 1] = has.name
    end
end
return removed"""
"""In one step: a name that gets an entry between the look and the removal would take it along."""

_END = "18446744073709551615-0"
"""Asking for what is pending behind it finds nothing, but shows that the name is in use: before Redis 7.2 waiting for entries
that do not come does not."""

log = structlog.get_logger()


async def keep_in_order(
    client: Redis, group: str, name: str, *, dead_after_ms: int = DEAD_AFTER_MS, length: int = LENGTH
) -> None:
    """Do both for the process that reads as `name`. Where Redis does not allow it, the stream is read all the same."""
    try:
        await client.xreadgroup(group, name, {PAYMENT_EVENTS: _END})
        await _remove_dead_consumers(client, group, dead_after_ms)
        await _trim(client, group, length)
    except ResponseError as error:
        log.warning("upkeep_refused", why=str(error)[:200])


async def _remove_dead_consumers(client: Redis, group: str, dead_after_ms: int) -> None:
    """Remove the names under which nobody has read for long and nothing is pending; what was pending is taken over before."""
    removed: Any = await client.eval(_REMOVE, 1, PAYMENT_EVENTS, group, str(dead_after_ms))
    if removed:
        log.info("dead_consumers_removed", count=len(removed))


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
