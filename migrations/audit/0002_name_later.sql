-- A row is led to by its pseudonyms some time after it was added, many rows at once and in the order
-- of the tree: one by one they would each change a page of their own. What stands behind this row is
-- looked through.
create table naming (
    one integer primary key check (one = 1),
    seq integer not null
) strict;

insert into naming (one, seq) values (1, coalesce((select max(seq) from entry), 0));

create trigger naming_goes_on before update on naming when new.seq < old.seq
begin
    select raise(abort, 'the record of accesses is named once');
end;

create trigger naming_is_not_removed before delete on naming
begin
    select raise(abort, 'the record of accesses is not changed');
end;

pragma user_version = 2;
