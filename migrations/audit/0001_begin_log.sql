-- The record of accesses: a file of its own, to which rows are only ever added.

create table entry (
    seq integer primary key,
    at integer not null,
    event text not null,
    action text not null,
    outcome integer not null,
    status integer not null,
    kind text,
    entity blob,
    patients blob not null,
    agent blob,
    client text,
    roles text,
    session text,
    purpose text,
    address text,
    request text,
    detail text,
    hash blob not null
) strict;

create index entry_at on entry (at, seq);

-- By which pseudonyms a row is found: of its entity, its patients and its agent.
create table named (
    name blob not null,
    seq integer not null,
    primary key (name, seq)
) strict, without rowid;

-- Where the record begins: the last row that has been taken away since its time was over, or the
-- draw that began it all, sealed with the key.
create table anchor (
    seq integer primary key,
    hash blob not null,
    at integer not null,
    seal blob not null
) strict;

-- Against mistakes. Who means harm can drop a trigger; the chain of hashes is against them.
create trigger entry_is_not_changed before update on entry
begin
    select raise(abort, 'the record of accesses is not changed');
end;

create trigger entry_is_not_removed before delete on entry
when old.seq > (select max(seq) from anchor)
begin
    select raise(abort, 'the record of accesses is only shortened at its beginning');
end;

create trigger named_is_not_changed before update on named
begin
    select raise(abort, 'the record of accesses is not changed');
end;

create trigger named_is_not_removed before delete on named
when old.seq > (select max(seq) from anchor)
begin
    select raise(abort, 'the record of accesses is only shortened at its beginning');
end;

create trigger anchor_is_not_changed before update on anchor
begin
    select raise(abort, 'the record of accesses is not changed');
end;

create trigger anchor_is_not_removed before delete on anchor
begin
    select raise(abort, 'the record of accesses is not changed');
end;

pragma user_version = 1;
