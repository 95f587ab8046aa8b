-- Erasure: what a resource once referred to, what has been erased, what is left to do for it.

-- Local references that a resource had in an earlier version and no longer has: by them its
-- history is found when what it referred to is erased.
create table former (
    target_id   text    not null,
    target_type text    not null,
    key         integer not null,
    primary key (target_id, target_type, key)
) strict, without rowid;
create index former_by_key on former (key);

-- Finds the changes of a resource that is erased.
create index change_by_key on change (key);

-- One row for each erasure. Once it has ended, nothing in it names a person.
create table erasure (
    id         text    primary key,
    -- `Patient` for a person, `CarePlan` for one follow-up.
    scope      text    not null,
    -- HMAC-SHA256 of `Patient/{id}` or `CarePlan/{id}`; the key is beside the database.
    subject    blob    not null,
    begun      integer not null,
    -- The id, until the rows are gone.
    target     text,
    -- The ids of erased messages, as a JSON list, until their files are gone.
    messages   text,
    -- Not complete before this instant: a worker may still hold a message.
    not_before integer not null,
    -- Resources erased, by type, as a JSON object.
    counts     text    not null,
    -- When nothing was left on disk.
    ended      integer
) strict, without rowid;
create index erasure_by_subject on erasure (subject);
create index erasure_open on erasure (begun) where ended is null;
