-- How often tools ran, failed, and how long they took between two instants, in groups (questions.py sets the marker).
-- Several emitters may tell of one run under the same id; the shortest time counts, since the longer ones contain the
-- wait for somebody's permission. Events that name neither a span nor a run count where nothing else tells of the
-- session's tools. A run that failed says so by its status, its error, or `success: false`.
with told as (
    select *, hash(tenant, session_id) as session, tool_call_id is not null or span_id is not null as named
    from span_records
    where operation = 'execute_tool' and started_at >= $since and started_at < $until
),
runs as (
    select
        /* groups */
        bool_or(
            coalesce(status = 'error', false)
            or error_type is not null
            or coalesce(contains(attributes, '"success"') and lower(attributes ->> '$.success') = 'false', false)
        ) as failed,
        min(epoch_us(ended_at) - epoch_us(started_at)) filter (ended_at > started_at) / 1e6 as duration_s
    from told
    where named or session not in (select session from told where named)
    group by hash(tenant, session_id, coalesce(tool_call_id, record_hash::varchar))
)
select
    * exclude (failed, duration_s),
    count(*) as runs,
    count(*) filter (failed) as errors,
    count(duration_s) as timed,
    sum(duration_s) as total_s,
    median(duration_s) as median_s,
    quantile_cont(duration_s, 0.95) as p95_s,
    max(duration_s) as longest_s
from runs
group by all
