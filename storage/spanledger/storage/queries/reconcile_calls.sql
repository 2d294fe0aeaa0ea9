-- How many calls between two instants there are, and how many of them are of services that send no metrics of usage, and
-- whose vendor's export is not there, or of sessions of which a log should have added them up, and no log does.
select
    count(*) as calls,
    count(*) filter (not exists (
        select 1 from usage_points
        where usage_points.tenant = calls.tenant
            and (
                coalesce(usage_points.service_name, '') = coalesce(calls.service_name, '')
                or (usage_points.scope_name = 'spanledger.replay.export' and usage_points.session_id is null
                    and usage_points.provider = calls.provider)
            )
            and (
                usage_points.scope_name is distinct from 'spanledger.replay.export'
                or coalesce(usage_points.session_id, calls.session_id, '') = coalesce(calls.session_id, '')
            )
            and usage_points.ended_at >= $since and usage_points.ended_at < $until
    )) as calls_without_metrics
from calls
where started_at >= $since and started_at < $until
