-- How long models, tools, people and sub-agents were at work between two instants, in groups (questions.py sets the
-- markers), in microseconds. A stretch that crosses a border of the calendar is cut there, and what lies beyond the
-- calendar does not count: so look at what began a while before it, too.
-- A session's main line is what the agent of its first call does; what other agents do is theirs: `agents_us`.
-- A person's time goes from the end of all that was done before to the next prompt, unless that is long enough for a
-- break, and contains the wait for permissions. A tool that waits for a sub-agent is not counted besides.
-- `active_us` counts every moment once, the others add up what ran side by side.
with calendar as (
    select unnest($firsts_us::bigint[]) as first_us, unnest($afters_us::bigint[]) as after_us, unnest($places::int[]) as place
),
called as (
    select
        /* groups */
        hash(tenant, coalesce(session_id, trace_id, record_hash::varchar)) as session,
        coalesce(agent_name, '') as agent,
        if(parent_span_id is null, null, hash(trace_id, parent_span_id)) as parent,
        epoch_us(started_at) as first_us,
        epoch_us(ended_at) as last_us
    from call_records
    where started_at >= $since and started_at < $until
),
led as (
    select session, arg_min(agent, first_us) as leader from called group by session having count(distinct agent) > 1
),
calls_told as (
    select called.* exclude (agent), coalesce(agent <> leader, false) as apart
    from called left join led using (session)
),
agents_at as (
    select parent
    from calls_told
    where parent is not null and session in (select session from led)
    group by parent
    having bool_and(apart)
),
told as (
    select
        /* groups */
        operation,
        coalesce(agent_name, '') as agent,
        hash(tenant, coalesce(session_id, trace_id, record_hash::varchar)) as session,
        hash(tenant, session_id, coalesce(tool_call_id, record_hash::varchar)) as run,
        tool_call_id is not null or span_id is not null as named,
        if(span_id is null, null, hash(trace_id, span_id)) as own,
        if(parent_span_id is null, null, hash(trace_id, parent_span_id)) as parent,
        epoch_us(started_at) as first_us,
        epoch_us(ended_at) as last_us
    from span_records
    where started_at >= $since and started_at < $until
        and operation in ('execute_tool', 'prompt', 'blocked_on_user', 'invoke_agent')
),
-- An agent says whose child it is, or lies within its tool's time and takes most of it.
delegated as (
    select tool.run
    from told as tool
    join led using (session)
    join told as agent using (session)
    where tool.operation = 'execute_tool' and agent.operation = 'invoke_agent'
        and agent.agent <> '' and agent.agent <> leader
        and (
            agent.parent = tool.own
            or (
                agent.first_us >= tool.first_us and agent.last_us <= tool.last_us
                and 2 * (agent.last_us - agent.first_us) >= tool.last_us - tool.first_us
            )
        )
),
tools as (
    select * exclude (operation, agent, run, named, own, parent), coalesce(parent in (select parent from agents_at), false) as apart
    from told
    where operation = 'execute_tool' and last_us > first_us
        and run not in (select run from delegated)
        and (named or session not in (select session from told where named and operation = 'execute_tool'))
    qualify row_number() over (partition by run order by last_us - first_us, first_us, own) = 1
),
prompted as (
    select * exclude (operation, agent, run, named, own, parent), false as apart from told where operation = 'prompt'
),
gaps as (
    select * exclude (kind, before_us, first_us, last_us), before_us as first_us, first_us as last_us
    from (
        select
            *,
            max(last_us) over (
                partition by session order by first_us, last_us rows between unbounded preceding and 1 preceding
            ) as before_us
        from (
            select *, 'prompt' as kind from prompted
            union all by name
            select * exclude (parent), 'work' as kind from calls_told where session in (select session from prompted)
            union all by name
            select *, 'work' as kind from tools where session in (select session from prompted)
        )
        where not apart
    )
    where kind = 'prompt' and first_us > before_us and first_us - before_us <= $break_us
),
stretches as (
    select * exclude (parent), if(apart, 'agents', 'model') as kind from calls_told
    union all by name
    select *, if(apart, 'agents', 'tool') as kind from tools
    union all by name
    select *, 'user' as kind from gaps
    union all by name
    select * exclude (operation, agent, run, named, own, parent), false as apart, 'user' as kind
    from told
    where operation = 'blocked_on_user'
),
cut as (
    select
        stretches.* exclude (apart, first_us, last_us) /* place */,
        greatest(stretches.first_us, calendar.first_us) as first_us,
        least(stretches.last_us, calendar.after_us) as last_us
    from stretches join calendar
        on stretches.first_us < calendar.after_us and stretches.last_us > calendar.first_us
    where stretches.last_us > stretches.first_us
),
ordered as (
    select
        *,
        max(last_us) over (
            /* partition */ order by first_us rows between unbounded preceding and 1 preceding
        ) as before_us
    from cut
)
select
    * exclude (session, kind, first_us, last_us, before_us),
    count(distinct session) as sessions,
    sum(greatest(last_us - greatest(first_us, coalesce(before_us, first_us)), 0))::bigint as active_us,
    coalesce(sum(last_us - first_us) filter (kind = 'model'), 0)::bigint as model_us,
    coalesce(sum(last_us - first_us) filter (kind = 'tool'), 0)::bigint as tool_us,
    coalesce(sum(last_us - first_us) filter (kind = 'user'), 0)::bigint as user_us,
    coalesce(sum(last_us - first_us) filter (kind = 'agents'), 0)::bigint as agents_us
from ordered
group by all /* total */
