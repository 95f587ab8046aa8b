-- Who has an account, how they prove it, and who is logged in.
--
-- What only the person knows stands here as a hash (Argon2id for what they choose, SHA-256 for what
-- is 256 bits of chance, HMAC for short codes), and the secret of an authenticator encrypted.

create table account (
    id text primary key not null,
    -- professional, patient, proxy, agent
    kind text not null,
    -- What is typed at the login, folded.
    login text not null,
    -- Such as Practitioner/1.
    fhir_user text not null,
    -- invited, active, locked, ended
    state text not null,
    -- The establishment below the region; empty for the region itself.
    tenant text not null,
    password text not null,
    -- Encrypted; empty before an authenticator is enrolled.
    authenticator blob not null,
    -- The time step of the last code that was taken: none is taken twice.
    authenticator_step integer not null,
    -- Raised by whatever ends all sessions: another password, a lock.
    generation integer not null,
    created integer not null,
    constraint account_login unique (login),
    constraint account_person unique (fhir_user)
) strict, without rowid;

-- Roles, each in one Organization or (empty) in none.
create table account_role (
    account text not null,
    role text not null,
    organization text not null,
    primary key (account, role, organization)
) strict, without rowid;

-- Names that others give to a person: the issuer of an OpenID provider, and its subject.
create table account_identity (
    issuer text not null,
    subject text not null,
    account text not null,
    primary key (issuer, subject)
) strict, without rowid;

create index account_identity_by_account on account_identity (account);

-- Who is logged in, by the hash of the cookie.
create table login_session (
    hash blob primary key not null,
    account text not null,
    generation integer not null,
    -- password: the second factor is still to come. full: logged in.
    stage text not null,
    -- How the second factor was proved; empty while it is not.
    factor text not null,
    created integer not null,
    seen integer not null,
    authenticated integer not null,
    -- An authenticator that is being enrolled, encrypted.
    pending blob not null
) strict, without rowid;

create index login_session_by_account on login_session (account);
create index login_session_by_created on login_session (created);

-- What proves something once: invitations, recoveries, codes that were sent, codes of recovery, and
-- the way to another provider and back.
create table account_ticket (
    kind text not null,
    hash blob not null,
    account text not null,
    content text not null,
    tries integer not null,
    expires integer not null,
    primary key (kind, hash)
) strict, without rowid;

create index account_ticket_by_account on account_ticket (account, kind);
create index account_ticket_by_expiry on account_ticket (expires);

-- Failures by account and address, and by address; the key tells neither.
create table login_failure (
    key blob primary key not null,
    count integer not null,
    -- No try is looked at before this instant.
    until integer not null,
    -- When the last one was.
    at integer not null
) strict, without rowid;

create index login_failure_by_time on login_failure (at);
