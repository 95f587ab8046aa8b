-- The authorization server: clients, what they were granted, and digests of tokens. No token, code
-- or secret stands here that could be used: only their SHA-256, which is enough for 256 random bits.

-- Programs that may ask for access.
create table oauth_client (
    id           text    not null primary key,
    -- What was registered, as JSON.
    registration text    not null,
    created      integer not null
) strict, without rowid;

-- The origins whose pages are clients: who asks across origins is answered by this.
create table oauth_origin (
    origin text not null,
    client text not null,
    primary key (origin, client)
) strict, without rowid;

-- What a client was granted once: all tokens that come of it end with it.
create table oauth_delegation (
    id      text    not null primary key,
    client  text    not null,
    -- Whose account; none where the client acts for itself.
    account text,
    -- The login session with which it ends; none where it outlives the session.
    session text,
    -- The patient of the launch.
    patient text,
    -- The rest, as JSON.
    terms   text    not null,
    created integer not null,
    expires integer not null,
    -- Whether it was revoked.
    ended   integer not null default 0
) strict, without rowid;
create index oauth_delegation_by_client on oauth_delegation (client);
create index oauth_delegation_by_account on oauth_delegation (account) where account is not null;
create index oauth_delegation_by_session on oauth_delegation (session) where session is not null;
create index oauth_delegation_by_patient on oauth_delegation (patient) where patient is not null;
create index oauth_delegation_by_end on oauth_delegation (expires);

-- Codes, access tokens and refresh tokens.
create table oauth_token (
    hash       blob    not null primary key,
    -- `code`, `access` or `refresh`.
    kind       text    not null,
    delegation text    not null,
    -- What it is good for, as it was told to the client.
    scopes     text    not null,
    issued     integer not null,
    expires    integer not null,
    -- Whether it was used up; it is kept until it expires, to know it if it comes again.
    used       integer not null default 0
) strict, without rowid;
create index oauth_token_by_delegation on oauth_token (delegation);
create index oauth_token_by_end on oauth_token (expires);

-- What is underway between two pages, and contexts of launches: each is named by an unguessable text.
create table oauth_pending (
    hash    blob    not null primary key,
    -- `authorization` or `launch`.
    kind    text    not null,
    body    text    not null,
    expires integer not null
) strict, without rowid;
create index oauth_pending_by_end on oauth_pending (expires);

-- Assertions of clients that were seen: none is good twice, on whichever node, before or after a
-- restart.
create table oauth_assertion (
    client  text    not null,
    hash    blob    not null,
    expires integer not null,
    primary key (client, hash)
) strict, without rowid;
create index oauth_assertion_by_end on oauth_assertion (expires);
