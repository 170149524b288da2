use super::super::testing::{Kept, python, read_as, survives_damage};
use super::super::{Document, Gap};
use super::schema::columns;

/// Runs SQL in python's sqlite3 on a new database, and reads the file with this suffix.
fn database(before: &str, sql: &str, suffix: &str) -> Vec<u8> {
    let program = format!(
        r"
import sqlite3, sys, shutil
path = sys.argv[1][:-len('{suffix}')] if '{suffix}' else sys.argv[1]
db = sqlite3.connect(path if not '{suffix}' else path + '.db', isolation_level=None)
db.executescript('''{before}''')
{sql}
if '{suffix}':
    shutil.copy(path + '.db{suffix}', sys.argv[1])
db.close()
"
    );
    let folder = tempfile::tempdir().expect("a folder");
    python(&program, &folder.path().join(format!("data{suffix}")))
}

const TABLE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, colour TEXT, extra BLOB);";

fn sample() -> Vec<u8> {
    let sql = r#"
db.execute('CREATE INDEX by_name ON users (name)')
db.execute('CREATE TABLE pairs (k TEXT PRIMARY KEY, v) WITHOUT ROWID')
db.execute('BEGIN')
for n in range(300):
    db.execute('INSERT INTO users VALUES (?, ?, ?, ?)', (n + 1, 'user%d' % n, 'mandarin%d' % n, b'\0\1' * 20 if n == 7 else None))
db.execute('COMMIT')
db.execute('INSERT INTO users (id, name) VALUES (1000, ?)', ('plum' * 5000 + 'apricot',))
db.execute('INSERT INTO users (id, name) VALUES (1001, ?)', ('{"colour": "fig"}',))
db.execute('INSERT INTO pairs VALUES (?, ?)', ('melon', 'quince'))
"#;
    database(TABLE, sql, "")
}

#[test]
fn rows_are_assignments() {
    let kept = read_as(Document::Sqlite, &sample());
    assert_eq!(kept.text("table users, row 17"), "name = \"user16\"\ncolour = \"mandarin16\"\n");
    assert!(kept.text("table users, row 1000").ends_with("plumapricot\"\n"));
    assert!(kept.text("table users, row 8, column extra").starts_with("\0\x01\0\x01"));
    assert_eq!(kept.text("table users, row 1001"), "name = {\"colour\": \"fig\"}\n");
    assert_eq!(kept.text("table pairs, entry 1"), "melon\nquince\n");
    assert!(kept.text("table sqlite_schema, row 1").contains("CREATE TABLE users"));
    // An index repeats nothing.
    assert_eq!(kept.parts.iter().filter(|(_, text)| text.contains("user299\"")).count(), 1);
    assert_eq!(kept.gaps, []);
}

#[test]
fn deleted_rows_are_found_again() {
    let sql = r"
for n in range(20):
    db.execute('INSERT INTO users VALUES (?, ?, ?, NULL)', (n + 1, 'user%d' % n, 'mandarin%d' % n))
db.execute('DELETE FROM users WHERE id = 5')
db.execute('DELETE FROM users WHERE id = 20')
";
    let kept = read_as(Document::Sqlite, &database(&format!("PRAGMA secure_delete = OFF; {TABLE}"), sql, ""));
    let deleted = kept.text("table users, page 2, deleted row");
    assert!(deleted.contains("name = \"user4\"\ncolour = \"mandarin4\"\n"), "{deleted}");
    assert!(kept.has("colour = \"mandarin19\"\n"), "{:?}", kept.parts);
}

#[test]
fn free_pages_are_looked_at() {
    let sql = r"
db.execute('INSERT INTO users (name, colour) VALUES (?, ?)', ('plum' * 3000 + 'apricot', 'melon'))
for n in range(200):
    db.execute('INSERT INTO users (name) VALUES (?)', ('fig%d ' % n * 10,))
db.execute('DROP TABLE users')
";
    let kept = read_as(Document::Sqlite, &database(&format!("PRAGMA secure_delete = OFF; {TABLE}"), sql, ""));
    assert!(kept.has("plumapricot") && kept.has("melon") && kept.has("fig199 fig199"));
    assert!(kept.labels().iter().any(|l| l.starts_with("free page")), "{:?}", kept.labels());
}

#[test]
fn logs_and_journals_are_pages_too() {
    let sql = "db.execute('INSERT INTO users (name, colour) VALUES (?, ?)', ('ann', 'apricot'))";
    let kept = read_as(Document::Sqlite, &database(&format!("PRAGMA journal_mode = WAL; {TABLE}"), sql, "-wal"));
    assert_eq!(kept.text("table users, row 1"), "name = \"ann\"\ncolour = \"apricot\"\n");
    let sql = format!("{sql}; db.execute('BEGIN'); db.execute('DELETE FROM users'); db.execute('PRAGMA cache_spill = 1')");
    let journal = database(TABLE, &sql, "-journal");
    let kept = {
        // SQLite writes the header when it needs the journal to be complete; until then it is zeros.
        let mut whole = journal;
        whole[..8].copy_from_slice(super::JOURNAL);
        whole[20..28].copy_from_slice(&[0, 0, 2, 0, 0, 0, 16, 0]);
        read_as(Document::Sqlite, &whole)
    };
    assert!(kept.has("apricot"), "{:?}", kept.labels());
}

#[test]
fn other_encodings_and_page_sizes_are_read() {
    for setting in
        ["PRAGMA encoding = 'UTF-16le'", "PRAGMA encoding = 'UTF-16be'", "PRAGMA page_size = 65536", "PRAGMA page_size = 512"]
    {
        let sql = "db.execute('INSERT INTO users (name, colour) VALUES (?, ?)', ('ann', 'apricot ü'))";
        let kept = read_as(Document::Sqlite, &database(&format!("{}; {TABLE}", setting.replace('\'', "\"")), sql, ""));
        assert_eq!(kept.text("table users, row 1"), "name = \"ann\"\ncolour = \"apricot ü\"\n", "{setting}");
        assert_eq!(kept.gaps, []);
    }
}

#[test]
fn damage_leaves_the_rest() {
    let whole = sample();
    survives_damage(Document::Sqlite, &whole);
    let mut bytes = whole;
    let pages = bytes.len() / 4096;
    bytes[4096..3 * 4096].fill(0xff);
    bytes.truncate(pages * 4096 - 100);
    let kept: Kept = read_as(Document::Sqlite, &bytes);
    assert!(kept.has("mandarin200"));
    assert_eq!(kept.gaps, [(Gap::Damaged, String::new())]);
}

#[test]
fn columns_are_named_as_their_table_says() {
    let sql = "CREATE TABLE \"a, b\" (id INTEGER PRIMARY KEY, -- the, key\n \"pass word\" TEXT DEFAULT ('x,y'), [c d] NUMERIC(3, 2), \
               v TEXT GENERATED ALWAYS AS (id || ','), `s` TEXT AS (id) STORED, /* e, f */ g, PRIMARY KEY (id, g), CHECK (g > 1))";
    assert_eq!(columns(sql), ["id", "pass word", "c d", "s", "g"]);
    assert!(columns("CREATE TABLE t").is_empty());
}
