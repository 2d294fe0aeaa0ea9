-- Roll-ups that count as calls, because no call beneath them came: agents whose calls nobody instruments.
create table promotions (
    record_hash ubigint not null,
    tenant varchar not null,
    trace_id varchar not null,
    started_at timestamptz not null,
    ended_at timestamptz not null
);

-- Up to which time of arrival roll-ups have been looked at.
create table promotion_state (
    looked_until timestamptz not null
);
insert into promotion_state values (to_timestamp(0));
