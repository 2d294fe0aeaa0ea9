-- On which days of UTC anything began between two instants, counted from 1970.
select distinct epoch_us(started_at) // 86_400_000_000 as day
from (
    select started_at from call_records
    union all
    select started_at from span_records
)
where started_at >= $since and started_at < $until
order by day
