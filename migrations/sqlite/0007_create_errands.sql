-- Work that was asked for and is answered later (`Prefer: respond-async`): bulk exports, imports,
-- single requests. All of it is gone when it expires, or when it is called off.

create table errand (
    id       text    not null primary key,
    -- `export`, `import` or `request`.
    kind     text    not null,
    -- Who asked: nobody else may look.
    asker    text    not null,
    -- `waiting`, `done` or `failed`.
    state    text    not null,
    -- What was asked, as JSON.
    request  text    not null,
    -- How far it is, as JSON: where to go on after a crash.
    progress text    not null,
    -- What came of it, as JSON; empty while it waits.
    result   text    not null,
    created  integer not null,
    expires  integer not null
) strict, without rowid;

-- What an export is made of: versions of resources, not copies of them. So an export holds nothing
-- of a person that the resources do not hold, and what is erased is in no export either.
create table errand_line (
    errand   text    not null,
    key      integer not null,
    version  integer not null,
    -- The file of the export that the line stands in.
    part     integer not null,
    primary key (errand, key)
) strict, without rowid;
create index errand_line_by_part on errand_line (errand, part, key);
create index errand_line_by_key on errand_line (key);
