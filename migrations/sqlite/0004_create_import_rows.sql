-- Rows of tables that are being taken in. A row's content is wiped in the transaction that takes
-- it in or refuses it, and all rows of an import are gone when it ends.

create table import_row (
    -- The id of the Task that tells how far the import is.
    import   text    not null,
    -- The line of the file.
    line     integer not null,
    -- `waiting`, `created`, `unchanged` or `rejected`.
    state    text    not null,
    -- What is to be taken in, as JSON; empty once that is done.
    content  text    not null,
    -- Why it was refused, as JSON; nothing of what its cells hold.
    faults   text    not null,
    primary key (import, line)
) strict, without rowid;
