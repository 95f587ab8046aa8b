-- Searches by words, and sorting by codes.

-- The beginning of each code as written, by which `_sort` orders; the key and the index of the
-- table hold hashes.
alter table token add column value text not null default '';

-- Folded words of what is written for people; `narrative` tells whether `Resource.text` has it.
create table word (
    key       integer not null,
    word      text    not null,
    narrative integer not null,
    primary key (key, word)
) strict, without rowid;
create index word_by_value on word (word, key, narrative);
