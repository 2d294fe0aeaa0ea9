-- Of some roll-ups those that have no call in their trace while they lasted: the innermost of each trace, since those
-- around it say the same again. A window of time in the place of the mark keeps the search for calls near.
select roll_ups.*
from roll_ups
where not exists (
    from call_facts join origins using (origin_key)
    where call_facts.trace_id = roll_ups.trace_id
        and origins.tenant = roll_ups.tenant
        and call_facts.started_at between /* window */
        and call_facts.started_at <= roll_ups.ended_at + interval 1 second
        and coalesce(call_facts.ended_at, call_facts.started_at) >= roll_ups.started_at - interval 1 second
)
and not exists (
    from roll_ups as within
    where within.trace_id = roll_ups.trace_id
        and within.tenant = roll_ups.tenant
        and within.record_hash <> roll_ups.record_hash
        and within.started_at >= roll_ups.started_at
        and within.ended_at <= roll_ups.ended_at
        and (
            within.ended_at - within.started_at < roll_ups.ended_at - roll_ups.started_at
            or within.record_hash < roll_ups.record_hash
        )
)
