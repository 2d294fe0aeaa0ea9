-- Promoted roll-ups in whose trace a call has arrived in the window of time that stands in the place of the mark: it was
-- what they had added up.
select distinct promotions.record_hash, epoch_us(promotions.started_at) as started
from promotions
join call_facts as late on late.trace_id = promotions.trace_id and late.record_hash <> promotions.record_hash
join origins on origins.origin_key = late.origin_key and origins.tenant = promotions.tenant
where late.ingested_at between /* window */
    and late.started_at <= promotions.ended_at + interval 1 second
    and coalesce(late.ended_at, late.started_at) >= promotions.started_at - interval 1 second
