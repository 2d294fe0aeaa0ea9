-- Price lists, kept for good: what a call cost can be explained and worked out again with the prices of its time.

-- Each version of the catalogue that ever came to be known here, whole.
create table catalogue_contents (
    catalogue_id varchar not null,
    source varchar not null,          -- where it is from, for people
    known_from timestamptz not null,  -- when it became known here
    content blob not null
);

-- Which one prices the calls that arrive, from when on.
create table catalogue_choices (
    catalogue_id varchar not null,
    chosen_at timestamptz not null,
    chosen_by varchar not null        -- 'installed': it came with the program; 'user': somebody took it
);

-- The rates of each version, flat. Dollars per million tokens, per thousand searches and requests, per hour of audio.
create table catalogue_rates (
    catalogue_id varchar not null,
    price_id varchar not null,
    provider varchar not null,
    model varchar not null,
    variant varchar not null,
    conditions varchar,               -- a place, and what the prices of such models are multiplied by there
    valid_from date,                  -- NULL: for as long as anybody knows
    valid_to date,                    -- the first day on which it holds no more
    from_second integer,              -- of the UTC day, where prices follow the clock
    to_second integer,
    weekdays varchar,
    prompt_above bigint,              -- the whole prompt decides
    offered boolean not null,         -- whether it was for sale then
    input_usd decimal(38, 12),
    cache_read_usd decimal(38, 12),
    cache_write_usd decimal(38, 12),
    cache_write_5m_usd decimal(38, 12),
    cache_write_1h_usd decimal(38, 12),
    input_audio_usd decimal(38, 12),
    cache_read_audio_usd decimal(38, 12),
    input_image_usd decimal(38, 12),
    output_usd decimal(38, 12),
    reasoning_usd decimal(38, 12),
    output_audio_usd decimal(38, 12),
    output_image_usd decimal(38, 12),
    web_search_usd decimal(38, 12),
    request_usd decimal(38, 12),
    audio_hour_usd decimal(38, 12),
    source_url varchar,
    checked_on date,                  -- when somebody compared it with the vendor's page
    verified_until date               -- the last day for which the vendor promised it
);

-- Every rule of prices.toml that was ever in use.
create table price_rules (
    rule_id varchar not null,
    kind varchar not null,
    name varchar not null,
    content varchar not null,         -- as JSON
    used_from timestamptz not null
);

-- Each time that stored calls were priced again.
create table reprices (
    reprice_id uuid not null,
    began_at timestamptz not null,
    finished_at timestamptz,          -- NULL: under way, or cut off; a second one goes on from there
    known varchar not null,           -- 'now', or 'then': with the prices that were known when a call arrived
    catalogue_id varchar,             -- NULL: the one of each call's time
    since timestamptz,
    until timestamptz,
    model varchar,
    tenant varchar,
    calls bigint not null,            -- changed so far
    cost_before_usd decimal(38, 12) not null,
    cost_after_usd decimal(38, 12) not null
);

create view catalogues as
select
    catalogue_id,
    source,
    known_from,
    latest.chosen_at as in_force_from,
    latest.chosen_by,
    latest.chosen_at is not null and latest.chosen_at = max(latest.chosen_at) over () as in_force,
    octet_length(content) as content_bytes
from catalogue_contents
left join (
    select catalogue_id, max(chosen_at) as chosen_at, arg_max(chosen_by, chosen_at) as chosen_by
    from catalogue_choices
    group by catalogue_id
) as latest using (catalogue_id);

create view prices as
select catalogue_rates.*, catalogues.known_from, catalogues.in_force
from catalogue_rates join catalogues using (catalogue_id);
