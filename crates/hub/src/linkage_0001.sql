-- The linkage: person ↔ pseudonym. A database of its own; every identifying column is sealed with (table, row, column) as
-- associated data, and found again by keyed tokens (HMAC under the hub storage key). It is written before what refers to it.

CREATE TABLE person (
  id            TEXT PRIMARY KEY,                -- random handle, the only name other tables use
  nhs_token     TEXT UNIQUE,                     -- keyed token of the NHS number; NULL while unknown
  identity      {blob} NOT NULL,                 -- sealed JSON: NHS number, birth date, sex, other identifiers
  conflict      TEXT,                            -- a code once conflicting birth dates or sexes were seen: all objects held
  late_number   BIGINT NOT NULL DEFAULT 0,       -- 1 once the NHS number became known after the person was first registered
  same_as       TEXT REFERENCES person (id),     -- set when an NHS number showed two handles to be one person
  created_us    BIGINT NOT NULL
);

-- One local id at one issuer.
CREATE TABLE local_identity (
  token         TEXT PRIMARY KEY,                -- keyed token of issuer and local id
  person        TEXT NOT NULL REFERENCES person (id),
  identity      {blob} NOT NULL                  -- sealed JSON: issuer, local id
);

-- The first pseudonym and offset a person got in a project are kept for ever.
CREATE TABLE subject (
  project       TEXT NOT NULL,
  person        TEXT NOT NULL REFERENCES person (id),
  pseudonym     TEXT NOT NULL,
  offset_days   {blob} NOT NULL,                 -- sealed: true dates follow from it
  PRIMARY KEY (project, person),
  UNIQUE (project, pseudonym)
);

-- Anchor date, second identifier and the like of a cohort row.
CREATE TABLE row_detail (
  cohort_row    TEXT PRIMARY KEY,
  detail        {blob} NOT NULL                  -- sealed JSON
);

-- The true Study Instance UID behind a study's token.
CREATE TABLE study_uid (
  token         TEXT PRIMARY KEY,
  uid           {blob} NOT NULL
);

-- Opt-outs and objections: the last check of each person.
CREATE TABLE opt_out (
  person        TEXT NOT NULL,
  kind          TEXT NOT NULL,                   -- national, local:<trust>
  permitted     BIGINT NOT NULL,                 -- 1 submitted and returned; 0 submitted and not returned, or objected
  checked_us    BIGINT NOT NULL,
  PRIMARY KEY (person, kind)
);
