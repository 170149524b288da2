-- The second version: what config keeps out, whom to tell, pages of lists that are asked for again only where they changed, what
-- forges still grant, secrets under a key of the user's, issues that were opened.

ALTER TABLE findings ADD COLUMN allowed TEXT;

CREATE TABLE owners (
    finding INTEGER NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    PRIMARY KEY (finding, owner)
) WITHOUT ROWID;

CREATE TABLE pages (
    source INTEGER NOT NULL REFERENCES sources (id),
    cursor TEXT NOT NULL,
    validator TEXT NOT NULL,
    next TEXT,
    repositories TEXT NOT NULL,
    not_visible TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (source, cursor)
) WITHOUT ROWID;

CREATE TABLE budgets (
    host TEXT PRIMARY KEY,
    remaining INTEGER NOT NULL,
    most INTEGER NOT NULL,
    resets_at INTEGER,
    told_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
    secret_id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    sealed TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE issues (
    repository INTEGER PRIMARY KEY REFERENCES repositories (id),
    url TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    findings TEXT NOT NULL
);
