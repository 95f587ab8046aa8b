-- Whom each resource is about, and who has patients in their care: what permits are held against.

-- Logical ids of patients, '' for what is everybody's, or a mark that begins with '@'. What has no
-- row is seen only by who reaches everything. A deleted resource keeps its rows.
create table about (
    key   integer not null,
    whom  text    not null,
    primary key (key, whom)
) strict, without rowid;
create index about_by_whom on about (whom, key);

-- Whom earlier versions were about, and the current one is not.
create table about_former (
    key   integer not null,
    whom  text    not null,
    primary key (key, whom)
) strict, without rowid;

-- By one resource, a patient (or a mark) is in somebody's care, or somebody is kept out.
create table custody (
    key        integer not null,
    patient    text    not null,
    custodian  text    not null,
    denied     integer not null,
    primary key (key, patient, custodian, denied)
) strict, without rowid;
create index custody_by_patient on custody (patient, denied, custodian);
create index custody_by_custodian on custody (custodian, denied, patient);

-- The rows of what stands are made by the re-index that this version of the program begins. Whom
-- superseded versions were about is not known: whoever they referred to is held to be.
insert or ignore into about_former (key, whom)
select key, target_id from former where target_type = 'Patient';
