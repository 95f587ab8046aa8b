-- How many times something has changed that permits are made from. Who keeps a permit for a moment
-- sees here whether it still stands, whichever process has written: a lock, a revocation or a role
-- that is taken away counts with the next request.
create table access_stamp (
    one   integer primary key check (one = 1),
    stamp integer not null
) strict;
insert into access_stamp (one, stamp) values (1, 0);

-- Tokens, and what they came of. A new one changes nothing for the others.
create trigger access_by_token_changed after update on oauth_token
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_token_ended after delete on oauth_token
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_delegation_changed after update on oauth_delegation
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_delegation_ended after delete on oauth_delegation
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_client_changed after update on oauth_client
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_client_ended after delete on oauth_client
begin update access_stamp set stamp = stamp + 1; end;

-- People, and what they are.
create trigger access_by_account_changed after update on account
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_account_ended after delete on account
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_role_begun after insert on account_role
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_role_changed after update on account_role
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_role_ended after delete on account_role
begin update access_stamp set stamp = stamp + 1; end;

-- For whom relatives stand.
create trigger access_by_relative_begun after insert on resource when new.type = 'RelatedPerson'
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_relative_changed after update on resource when new.type = 'RelatedPerson'
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_relative_ended after delete on resource when old.type = 'RelatedPerson'
begin update access_stamp set stamp = stamp + 1; end;

-- The parts of establishments, functions and teams: the rows whose patient is a mark. In whose care
-- a patient is, each query asks by itself.
create trigger access_by_custody_begun after insert on custody
when new.patient >= '@' and new.patient < 'A'
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_custody_changed after update on custody
begin update access_stamp set stamp = stamp + 1; end;
create trigger access_by_custody_ended after delete on custody
when old.patient >= '@' and old.patient < 'A'
begin update access_stamp set stamp = stamp + 1; end;
