-- Histories of a type and of the whole system: changes in the order of their time, by type.

alter table change add column type text not null default '';
alter table change add column at integer not null default 0;

update change set
    type = coalesce((select r.type from resource r where r.key = change.key), ''),
    at = coalesce(
        (select v.updated from version v where v.key = change.key and v.version = change.version),
        (select r.updated from resource r where r.key = change.key),
        0);

-- Both end in `seq`, which tells apart what was written in the same millisecond.
create index change_by_time on change (at);
create index change_by_type on change (type, at);
