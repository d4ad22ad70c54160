-- The national house: what came, what became of it, where it lies. Times are UTC microseconds, digests 64 hex digits.

CREATE TABLE consignments (
    id            TEXT PRIMARY KEY,   -- <project>/<hub>/<sequence>; immutable
    project       TEXT NOT NULL,      -- immutable, as all above 'state'
    hub           TEXT NOT NULL,
    sequence      BIGINT NOT NULL,    -- from 1, without gaps per project and hub
    date          TEXT NOT NULL,      -- of the consignment's folder, YYYY-MM-DD
    path          TEXT NOT NULL,      -- the manifest's key in the inbox
    sha256        TEXT NOT NULL,      -- of the manifest as it lies in the inbox
    audit_root    TEXT NOT NULL,      -- the hub's, to be countersigned
    entries       BIGINT NOT NULL,
    opened_at_us  BIGINT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('open', 'decided', 'answered')),
    receipt       TEXT,               -- the newest signed receipt, from 'decided' on
    revision      BIGINT NOT NULL,    -- receipts signed so far; each lies under a key of its own
    amendments    BIGINT NOT NULL,    -- items accepted after all since the newest receipt was signed
    decided_at_us BIGINT,
    UNIQUE (project, hub, sequence)
);
CREATE INDEX consignments_by_state ON consignments (state);
CREATE INDEX consignments_unanswered ON consignments (project) WHERE state <> 'answered' OR amendments > 0;

CREATE TABLE items (
    consignment TEXT NOT NULL REFERENCES consignments (id),
    n           BIGINT NOT NULL,      -- place in the manifest, from 0
    project     TEXT NOT NULL,        -- immutable, as all below but state, code, detail and waived
    path        TEXT NOT NULL,        -- key in the inbox
    name        TEXT NOT NULL,        -- file name: identity is (project, name)
    rank        BIGINT NOT NULL,      -- 0 clinical records, which come first; 1 images
    sha256      TEXT NOT NULL,        -- as cleared; versions are told apart by it
    bytes       BIGINT NOT NULL,      -- as cleared
    pseudonym   TEXT NOT NULL,
    trust       TEXT NOT NULL,        -- ODS code
    supersedes  TEXT,                 -- the version that the hub says it replaces; history, the order of consignments decides
    state       TEXT NOT NULL CHECK (state IN ('pending', 'loaded', 'held', 'quarantined', 'rejected')),
    code        TEXT,                 -- why held or quarantined; kept when rejected
    detail      TEXT,                 -- where in the object; never a value
    waived      TEXT,                 -- a code that a person has accepted
    PRIMARY KEY (consignment, n)
);
CREATE INDEX items_by_state ON items (project, state, code);
CREATE INDEX items_by_path ON items (project, path);
CREATE INDEX items_by_name ON items (project, name, state);
CREATE INDEX items_pending ON items (consignment, state, rank, n);

-- One row per version that lies in the warehouse.
CREATE TABLE holdings (
    project         TEXT NOT NULL,
    name            TEXT NOT NULL,
    sha256          TEXT NOT NULL,
    bytes           BIGINT NOT NULL,
    pseudonym       TEXT NOT NULL,
    trust           TEXT NOT NULL,
    centre          TEXT,             -- SubmittingCentre, of clinical records
    study           TEXT,
    series          TEXT,
    modality        TEXT,
    kind            TEXT NOT NULL,    -- ct, mri, xray, …; data, status
    sop_class       TEXT,
    transfer_syntax TEXT,
    part            TEXT NOT NULL CHECK (part IN ('training', 'validation')),
    key             TEXT NOT NULL,    -- in the warehouse
    header_key      TEXT,             -- of an image's header
    raw_path        TEXT NOT NULL,    -- in the inbox, where the bytes stay
    date            TEXT NOT NULL,    -- of the consignment: internal, never shown to researchers
    loaded_at_us    BIGINT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('current', 'superseded')),
    retired         BIGINT NOT NULL,  -- 1: a superseded image's key that no current one uses was removed
    PRIMARY KEY (project, name, sha256)
);
CREATE UNIQUE INDEX holdings_current ON holdings (project, name) WHERE state = 'current';
CREATE INDEX holdings_to_retire ON holdings (project, state, retired) WHERE state = 'superseded' AND retired = 0;
CREATE INDEX holdings_by_key ON holdings (project, key, state);
CREATE INDEX holdings_by_patient ON holdings (project, pseudonym);

-- The ledger of partitions: rows are added, never changed or removed.
CREATE TABLE assignments (
    project   TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    part      TEXT NOT NULL CHECK (part IN ('training', 'validation')),
    rule      TEXT NOT NULL CHECK (rule IN ('site', 'keyed', 'alias', 'import')),
    centre    TEXT NOT NULL,          -- ODS code or name that decided
    at_us     BIGINT NOT NULL,
    PRIMARY KEY (project, pseudonym)
);

-- Two pseudonyms, one subject.
CREATE TABLE aliases (
    project     TEXT NOT NULL,
    pseudonym   TEXT NOT NULL,
    nhs_derived TEXT NOT NULL,
    consignment TEXT NOT NULL REFERENCES consignments (id),
    PRIMARY KEY (project, pseudonym, nhs_derived)
);
CREATE INDEX aliases_by_subject ON aliases (project, nhs_derived);

CREATE TABLE manifests_refused (
    project TEXT NOT NULL,
    path    TEXT NOT NULL,            -- key in the inbox
    sha256  TEXT NOT NULL,            -- of what lay there
    hub     TEXT NOT NULL,            -- whose prefix it lay under
    code    TEXT NOT NULL,
    at_us   BIGINT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('quarantined', 'rejected')),
    PRIMARY KEY (project, path)
);

-- What a person should know now; a row goes when it no longer holds.
CREATE TABLE alerts (
    project     TEXT NOT NULL,
    hub         TEXT NOT NULL,
    code        TEXT NOT NULL,
    detail      TEXT NOT NULL,
    since_at_us BIGINT NOT NULL,
    PRIMARY KEY (project, hub, code)
);
