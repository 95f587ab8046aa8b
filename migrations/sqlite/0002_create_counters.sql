-- What is kept of people who have been erased: numbers by pathway, establishment and month, and
-- nothing that tells one person from another.

create table counter (
    name           text    not null,
    -- The pathway's canonical URL, without its version; empty if none.
    pathway        text    not null,
    -- `Organization/{id}`; empty if none.
    establishment  text    not null,
    -- Such as 2020-05, in the calendar of those who are counted.
    month          text    not null,
    value          integer not null,
    primary key (name, pathway, establishment, month)
) strict, without rowid;
