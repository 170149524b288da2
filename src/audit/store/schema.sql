-- What an audit remembers. docs/audit-schema.md tells what each table and view means.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE catalogues (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL,
    detector TEXT NOT NULL,
    limits TEXT NOT NULL,
    rules TEXT NOT NULL,
    first_used TEXT NOT NULL
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    catalogue INTEGER NOT NULL REFERENCES catalogues (id),
    started_at TEXT NOT NULL,
    ended_at TEXT,
    ending TEXT,
    verifies INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE listings (
    run INTEGER NOT NULL REFERENCES runs (id),
    source INTEGER NOT NULL REFERENCES sources (id),
    cursor TEXT,
    state TEXT NOT NULL DEFAULT 'open',
    error TEXT,
    PRIMARY KEY (run, source)
) WITHOUT ROWID;

CREATE TABLE not_visible (
    source INTEGER NOT NULL REFERENCES sources (id),
    name TEXT NOT NULL,
    why TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (source, name)
) WITHOUT ROWID;

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    forge TEXT NOT NULL,
    host TEXT NOT NULL,
    forge_id TEXT NOT NULL,
    full_name TEXT NOT NULL,
    clone_url TEXT NOT NULL,
    web_url TEXT NOT NULL,
    part TEXT NOT NULL,
    visibility TEXT NOT NULL,
    archived INTEGER NOT NULL,
    fork_of TEXT,
    language TEXT,
    size_kb INTEGER,
    pushed_at TEXT,
    default_branch TEXT,
    team TEXT,
    former_names TEXT,
    source INTEGER REFERENCES sources (id),
    listed_run INTEGER,
    first_seen TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'planned',
    detail TEXT,
    UNIQUE (forge, host, forge_id)
);
CREATE INDEX repositories_by_status ON repositories (status);

CREATE TABLE units (
    run INTEGER NOT NULL REFERENCES runs (id),
    repository INTEGER NOT NULL REFERENCES repositories (id),
    state TEXT NOT NULL DEFAULT 'ready',
    rank INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    error TEXT,
    milliseconds INTEGER,
    PRIMARY KEY (run, repository)
) WITHOUT ROWID;
CREATE INDEX units_by_state ON units (run, state, attempts, rank, repository);

CREATE TABLE scans (
    repository INTEGER PRIMARY KEY REFERENCES repositories (id),
    catalogue INTEGER NOT NULL REFERENCES catalogues (id),
    tips TEXT NOT NULL,
    complete INTEGER NOT NULL,
    blobs INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    skipped TEXT NOT NULL,
    excluded TEXT NOT NULL,
    run INTEGER NOT NULL,
    scanned_at TEXT NOT NULL
);
CREATE INDEX scans_by_tips ON scans (tips, catalogue);

CREATE TABLE refs (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

CREATE TABLE clean_objects (
    catalogue INTEGER NOT NULL REFERENCES catalogues (id),
    object BLOB NOT NULL,
    PRIMARY KEY (catalogue, object)
) WITHOUT ROWID;

CREATE TABLE extra_texts (
    repository INTEGER PRIMARY KEY REFERENCES repositories (id),
    cursor TEXT,
    error TEXT,
    read_at TEXT NOT NULL
);

CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repositories (id),
    fingerprint TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    rule_name TEXT NOT NULL,
    provider TEXT NOT NULL,
    severity TEXT NOT NULL,
    confidence TEXT NOT NULL,
    score REAL NOT NULL,
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    commit_id TEXT,
    introduced_at TEXT,
    author TEXT,
    email TEXT,
    exposure TEXT,
    at_tip INTEGER NOT NULL,
    path_class TEXT NOT NULL,
    shown TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    verification TEXT NOT NULL DEFAULT 'not_checked',
    first_run INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    revoked_at TEXT,
    gone_at TEXT,
    from_text INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL,
    UNIQUE (repository, fingerprint)
);
CREATE INDEX findings_by_fingerprint ON findings (fingerprint);
CREATE INDEX findings_by_secret ON findings (secret_id, rule_id);
CREATE INDEX findings_by_state ON findings (state, verification);

CREATE TABLE occurrences (
    finding INTEGER NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    commit_id TEXT,
    blob TEXT,
    author TEXT,
    email TEXT,
    date TEXT,
    PRIMARY KEY (finding, number)
) WITHOUT ROWID;

CREATE TABLE verifications (
    secret_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    checked_at TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    identity TEXT NOT NULL,
    via_proxy INTEGER NOT NULL,
    PRIMARY KEY (secret_id, rule_id, checked_at)
) WITHOUT ROWID;

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    by TEXT,
    reason TEXT,
    until TEXT,
    at TEXT NOT NULL,
    UNIQUE (fingerprint, state, by, reason, until, at)
);
CREATE INDEX decisions_by_fingerprint ON decisions (fingerprint);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    run INTEGER,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    repository INTEGER,
    fingerprint TEXT,
    was TEXT,
    now TEXT,
    detail TEXT
);
CREATE UNIQUE INDEX events_once ON events (run, kind, repository, fingerprint, now) WHERE run IS NOT NULL;
CREATE INDEX events_by_fingerprint ON events (fingerprint);

CREATE TABLE deliveries (
    sink TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES events (id),
    at TEXT NOT NULL,
    PRIMARY KEY (sink, event)
) WITHOUT ROWID;

CREATE VIEW open_findings AS
SELECT f.*, r.full_name, r.team, r.visibility, r.web_url
FROM findings f JOIN repositories r ON r.id = f.repository
WHERE f.state = 'open' AND f.gone_at IS NULL;

CREATE VIEW live_findings AS SELECT * FROM open_findings WHERE verification = 'live';

CREATE VIEW coverage AS SELECT status, count(*) AS repositories FROM repositories GROUP BY status;

CREATE VIEW latest_verifications AS
SELECT v.* FROM verifications v
WHERE v.checked_at = (SELECT max(w.checked_at) FROM verifications w WHERE w.secret_id = v.secret_id AND w.rule_id = v.rule_id);
