-- How far the index is: the rules that its rows were extracted by, and the search parameters that
-- SearchParameter resources define.

-- One row: `version` is the version of the program's own rules that all rows were extracted by;
-- `wanted` the one that a re-index under way will bring.
create table index_state (
    id       integer primary key check (id = 1),
    version  integer not null,
    wanted   integer not null
) strict;
insert into index_state (id, version, wanted) values (1, 1, 1);

-- The defined parameters of each type.
create table parameter (
    -- Their number in index rows.
    param    integer primary key,
    type     text    not null,
    -- What the rows depend on, as a hash: kind and expressions.
    rules    integer not null,
    -- Whether all resources of the type have their rows.
    ready    integer not null
) strict;
create index parameter_by_type on parameter (type);

-- Types whose rows are extracted anew, or have been.
create table reindex (
    type      text    primary key,
    -- Resources up to this key have their rows.
    done_key  integer not null,
    -- The greatest key when it began: what came later was written with its rows.
    last_key  integer not null,
    -- Resources done, and those there were when it began.
    done      integer not null,
    total     integer not null,
    begun     integer not null,
    ended     integer
) strict, without rowid;
create index reindex_open on reindex (type) where ended is null;
