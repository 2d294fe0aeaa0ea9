-- How many of the selected calls began in each minute. Marks stand for the window of time and for what is selected.
select epoch_us(started_at) // 60_000_000 as minute, count(*) as calls
from call_facts
where started_at between /* window */
    and /* selected */ true
group by minute
order by minute
