-- The store: current versions, superseded versions, what is searched, what has changed, what is to be done.
-- Instants are milliseconds since 1970-01-01T00:00:00Z.

-- The current version of each resource. `key` grows with creation, so it orders and pages searches.
create table resource (
    key      integer primary key autoincrement,
    type     text    not null,
    id       text    not null,
    version  integer not null,
    updated  integer not null,
    deleted  integer not null default 0,
    hash     blob    not null,
    body     blob    not null
) strict;
create unique index resource_identity on resource (type, id);
create index resource_updated on resource (type, updated, key);
-- What is there of a type, in the order that searches without `_sort` have.
create index resource_live on resource (type, key) where deleted = 0;

-- Versions that are no longer current; the current one stays in `resource` alone.
create table version (
    key      integer not null,
    version  integer not null,
    updated  integer not null,
    deleted  integer not null,
    hash     blob    not null,
    body     blob    not null,
    primary key (key, version)
) strict, without rowid;

-- One row for each version written, in the order of commits.
create table change (
    seq      integer primary key autoincrement,
    key      integer not null,
    version  integer not null
) strict;

-- The patients whose compartment holds a resource.
create table compartment (
    key      integer not null,
    patient  text    not null,
    primary key (key, patient)
) strict, without rowid;
create index compartment_by_patient on compartment (patient, key);

-- Index rows. The primary key serves deletion, sorting and tests on a known resource; the second
-- index serves the search and ends in the resource key, so that it covers.
create table token (
    key      integer not null,
    param    integer not null,
    code     integer not null,
    system   integer not null,
    primary key (key, param, code, system)
) strict, without rowid;
create index token_by_value on token (param, code, system, key);

create table string (
    key      integer not null,
    param    integer not null,
    folded   text    not null,
    exact    text    not null,
    primary key (key, param, folded, exact)
) strict, without rowid;
create index string_by_value on string (param, folded, key);

create table date (
    key      integer not null,
    param    integer not null,
    start    integer not null,
    "end"    integer not null,
    primary key (key, param, start, "end")
) strict, without rowid;
-- The key stands before the end, so that a sorted search walks it with ties in the order of keys.
create index date_by_start on date (param, start, key, "end");

create table number (
    key      integer not null,
    param    integer not null,
    low      real    not null,
    high     real    not null,
    value    real    not null,
    system   integer not null,
    code     integer not null,
    primary key (key, param, value, system, code, low, high)
) strict, without rowid;
create index number_by_value on number (param, value, key);

create table reference (
    key         integer not null,
    param       integer not null,
    -- Empty for a reference that is not local; target_id is then its whole text.
    target_type text    not null,
    target_id   text    not null,
    primary key (key, param, target_type, target_id)
) strict, without rowid;
create index reference_by_target on reference (target_id, param, target_type, key);

create table uri (
    key      integer not null,
    param    integer not null,
    value    text    not null,
    primary key (key, param, value)
) strict, without rowid;
create index uri_by_value on uri (param, value, key);

-- Composite parameters: the values of each part; those of one instance belong together. Dates are
-- numbers in low and high. There is no second index: a search finds candidates by the first part's
-- own parameter.
create table composite (
    key      integer not null,
    param    integer not null,
    instance integer not null,
    part     integer not null,
    code     integer not null,
    system   integer not null,
    low      real    not null,
    high     real    not null,
    text     text    not null,
    primary key (key, param, part, instance, code, system, low, high, text)
) strict, without rowid;

-- Durable jobs, written in the transaction of their cause.
create table job (
    id         integer primary key autoincrement,
    kind       text    not null,
    -- A second job with the same (kind, dedup) is not added while the first is waiting.
    dedup      text,
    payload    text    not null,
    run_at     integer not null,
    attempts   integer not null default 0,
    -- A lease that has passed is free again; `fence` grows at each lease, so that a late worker is refused.
    leased_until integer,
    fence      integer not null default 0,
    -- `waiting`, or `dead` once it cannot succeed; done jobs are deleted.
    state      text    not null default 'waiting',
    last_error text
) strict;
create unique index job_dedup on job (kind, dedup) where dedup is not null and state = 'waiting';
create index job_due on job (run_at, id) where state = 'waiting';
create index job_leased on job (leased_until) where state = 'waiting' and leased_until is not null;
