//! Many machines read texts beside the code and buckets as one does: the stores are the same.

use crate::buckets::Server;
use crate::fleet::Nats;
use crate::moto::not_done;
use crate::organization::dump;
use crate::support::{Run, Tree};
use crate::texts::{ALSO, Forge, SHOP, github, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn nats(tree: &Tree) -> Option<Nats> {
    fs::create_dir_all(tree.join("nats")).expect("a folder");
    Nats::start(&tree.join("nats"))
}

fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// The lines in which two stores differ.
fn differences(tree: &Tree, one: &str, other: &str) -> Vec<String> {
    let lines = |store: &str| dump(&tree.join(store)).into_iter().filter(|line| !line.starts_with("clean ")).collect();
    let (one, other): (std::collections::BTreeSet<String>, std::collections::BTreeSet<String>) = (lines(one), lines(other));
    one.symmetric_difference(&other).cloned().collect()
}

fn one_row(store: &Path, sql: &str) -> String {
    let store = rusqlite::Connection::open(store).expect("a store");
    store.query_row(sql, [], |row| row.get(0)).expect("a row")
}

/// The messages in a stream.
fn messages(url: &str, stream: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(url).await.expect("a connection");
        let found = async_nats::jetstream::new(client).get_stream(stream).await;
        found.map_or(0, |stream| stream.cached_info().state.messages)
    })
}

/// An audit of a forge's texts by one worker that is given these flags; what the worker and the collector say.
fn texts_by_worker(forge: &Forge, store: &str, url: &str, flags: &[&str], token: Option<&str>) -> (Run, Run) {
    let api = forge.fake.url();
    let plan = ["audit", "plan", "--store", store, "--github", "acme", "--github-url", &api, "--also", ALSO, "--queue", url];
    let plan = forge.audit(&plan, Some("x1"));
    assert_eq!(plan.code, 0, "{}", plan.printed());
    let worker = [&["audit", "worker", "--queue", url, "--until-empty"], flags].concat();
    let worker = forge.audit(&worker, token);
    assert_eq!(worker.code, 0, "{}", worker.printed());
    let collect = ["audit", "collect", "--store", store, "--queue", url, "--until-done", "--fail-on", "none"];
    (worker, forge.audit(&collect, None))
}

#[test]
fn texts_come_from_workers_as_from_one_machine() {
    let forge = github();
    let Some(nats) = nats(&forge.tree) else { return };
    let (url, api) = (nats.url(), forge.fake.url());
    let both = |forge: &Forge| {
        let (worker, collect) = texts_by_worker(forge, "fleet.db", &url, &["--github-url", &api], Some("x1"));
        assert_eq!(collect.code, 0, "{}{}", worker.printed(), collect.printed());
        let alone = forge.run(&["--github", "acme", "--github-url", &api, "--also", ALSO]);
        assert_eq!(alone.code, 0, "{}", alone.printed());
        let differ = differences(&forge.tree, "fleet.db", "a.db");
        assert!(differ.is_empty(), "{differ:#?}");
    };
    both(&forge);
    assert_eq!(forge.found().len(), 12);
    let read = |forge: &Forge| one_row(&forge.tree.join("fleet.db"), "SELECT cast(sum(texts) AS TEXT) FROM extra_texts");
    assert_eq!(read(&forge), forge.read().0.to_string());
    // One comment changes, and its issue: they alone are read, however much is known.
    let long = |store: &str| {
        let path = forge.tree.join(store);
        let cursor = one_row(&path, "SELECT cursor FROM extra_texts WHERE cursor LIKE '%issues%'");
        let mut cursor: Value = serde_json::from_str(&cursor).expect("a cursor");
        let seen: serde_json::Map<String, Value> = (0..40_000).map(|n| (n.to_string(), json!([n, "0123456789ab"]))).collect();
        cursor["lists"]["made up"] = json!({ "seen": seen });
        let store = rusqlite::Connection::open(path).expect("a store");
        let put = "UPDATE extra_texts SET cursor = ?1 WHERE cursor LIKE '%issues%'";
        assert_eq!(store.execute(put, [cursor.to_string()]).expect("it is put"), 1);
        cursor.to_string().len()
    };
    assert!(long("fleet.db") > 1 << 20 && long("a.db") > 1 << 20, "more than a message takes");
    {
        let mut site = forge.site.lock().unwrap();
        let comment = &mut site.lists.get_mut(&format!("{SHOP}/issues/comments")).unwrap()[0];
        comment["body"] = json!(said("changed"));
        comment["updated_at"] = json!("2026-02-02T10:00:00Z");
        site.lists.get_mut(&format!("{SHOP}/issues")).unwrap()[1]["updated_at"] = json!("2026-02-02T10:00:00Z");
    }
    both(&forge);
    assert_eq!((read(&forge), forge.read().0), ("2".to_owned(), 2));
    assert_eq!((messages(&url, "KEYSIFT_KNOWN"), messages(&url, "KEYSIFT_UNITS")), (0, 0));
}

#[test]
fn a_worker_that_may_not_ask_says_so_and_texts_are_no_pass() {
    let forge = github();
    let Some(nats) = nats(&forge.tree) else { return };
    let (url, api) = (nats.url(), forge.fake.url());
    let without: [(&[&str], Option<&str>, &str); 2] = [
        (&["--github-url", &api], None, "this worker has no token for 127.0.0.1"),
        (&[], Some("x1"), "is none of the forges that are named: --github-url"),
    ];
    for (n, (flags, token, why)) in without.into_iter().enumerate() {
        forge.fake.taken();
        let store = format!("{n}.db");
        let (worker, collect) = texts_by_worker(&forge, &store, &url, flags, token);
        assert!(worker.stderr.contains(why), "{}", worker.printed());
        assert_eq!(collect.code, 3, "{}", collect.printed());
        let detail = one_row(&forge.tree.join(&store), "SELECT detail FROM repositories WHERE status = 'incomplete'");
        assert!(detail.starts_with("texts beside the code: ") && detail.contains(why), "{detail}");
        assert!(!forge.fake.targets().iter().any(|target| target.starts_with(SHOP)), "nothing is asked without a token");
    }
}

#[test]
fn a_bucket_goes_on_with_another_worker_and_is_read_again_where_it_changed() {
    let server = match Server::moto() {
        Ok(server) => server,
        Err(why) => return not_done(&why),
    };
    let Some(nats) = nats(&server.tree) else { return };
    let (url, endpoint) = (nats.url(), server.url());
    for n in 0..350 {
        let text = if n % 50 == 7 { said(&format!("n{n}")) } else { format!("object {n}\n") };
        server.put(&format!("o{n:04}.txt"), text.as_bytes());
    }
    server.put("large.bin", &vec![b'x'; 300_000]);
    let what = ["--exclude", "**/vendor/**", "--max-file-size", "200kB"];
    let plan = |store: &str| {
        let first = ["plan", "--store", store, "s3://acme", "--endpoint", &endpoint, "--queue", &url];
        let run = server.audit(&[&first[..], &what].concat());
        assert_eq!(run.code, 0, "{}", run.printed());
        assert!(run.stdout.contains("units published"), "{}", run.printed());
    };
    let worker = |more: &[&str]| {
        let first = ["worker", "--queue", &url, "--until-empty", "--ack-wait", "2"];
        server.command_of(&[&first[..], &what, more].concat())
    };
    let here = ["--endpoint", &endpoint];
    let collect = || server.audit(&["collect", "--store", "fleet.db", "--queue", &url, "--until-done", "--fail-on", "none"]);
    let alone = || server.run("alone.db", &[&["s3://acme"], &what[..]].concat());
    assert_eq!(alone().code, 3);
    plan("fleet.db");
    let mut first = quiet(worker(&["--endpoint", &endpoint, "--readers", "1"]));
    let begin = Instant::now();
    while messages(&url, "KEYSIFT_PROGRESS") == 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing is kept");
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL, which nobody can catch.
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    assert_eq!(messages(&url, "KEYSIFT_PROGRESS"), 1, "it was killed midway");
    // What was looked at is not asked for again.
    server.put("o0007.txt", b"clean now\n");
    let second = Run::of(&mut worker(&here), b"", &server.tree);
    assert_eq!(second.code, 0, "{}", second.printed());
    let collected = collect();
    assert_eq!(collected.code, 3, "{}", collected.printed());
    let differ = differences(&server.tree, "fleet.db", "alone.db");
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(server.found("fleet.db").contains("o0007.txt"));
    assert_eq!((server.scan("fleet.db").0, server.scan("alone.db").0), (350, 350));
    assert_eq!((messages(&url, "KEYSIFT_PROGRESS"), messages(&url, "KEYSIFT_KNOWN")), (0, 0));

    // One changed meanwhile, another changes, one goes, one comes.
    server.put("o0001.txt", said("changed").as_bytes());
    server.put("z-new.txt", said("new").as_bytes());
    server.delete("o0057.txt");
    alone();
    plan("fleet.db");
    let known = messages(&url, "KEYSIFT_KNOWN");
    assert!(known > 0);
    let again = server
        .audit(&[&["plan", "--store", "fleet.db", "s3://acme", "--endpoint", &endpoint, "--queue", &url], &what[..]].concat());
    assert!(again.stdout.contains("0 units published"), "{}", again.printed());
    assert_eq!(messages(&url, "KEYSIFT_KNOWN"), known, "it is there once");
    let second = Run::of(&mut worker(&here), b"", &server.tree);
    assert_eq!(second.code, 0, "{}", second.printed());
    assert_eq!(collect().code, 3);
    let differ = differences(&server.tree, "fleet.db", "alone.db");
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!((server.scan("fleet.db").0, server.scan("alone.db").0), (3, 3));
    let found = server.found("fleet.db");
    assert!(found.contains("z-new.txt") && !found.contains("o0057.txt") && !found.contains("o0007.txt"), "{found:?}");

    // A worker that was not told of the server does not ask another one for a bucket of that name.
    plan("fleet.db");
    let other = Run::of(&mut worker(&[]), b"", &server.tree);
    assert!(other.code == 0 && other.stderr.contains("which is not asked here: name it with --endpoint"), "{}", other.printed());
    let collected = collect();
    assert!(collected.code == 3 && collected.stdout.contains("1 not visible"), "{}", collected.printed());
    assert_eq!(server.found("fleet.db"), found, "what is known stays");
}

/// A collector that died may have taken what comes before: what is early waits for it.
#[test]
fn parts_that_come_early_wait_for_those_before_them() {
    use keysift::audit::bucket::shelf::Shelf as _;
    use keysift::audit::catalogue::Catalogue;
    use keysift::audit::fleet::{Login, Server as Queue, collect};
    use keysift::audit::store::{Access, ObjectRow, Part, Store, Sums};
    use keysift::audit::target::{Forge as Kind, Page, RepositoryRef};
    use keysift::audit::unit::{Found, RepositoryKey};

    let tree = Tree::new();
    let Some(nats) = nats(&tree) else { return };
    let store = Store::open(&tree.join("a.db"), Access::Create, "public").expect("a store");
    let text = String::new;
    let rules = std::collections::BTreeMap::default();
    let catalogue = Catalogue { key: "k".to_owned(), version: text(), detector: text(), limits: text(), rules };
    let run = store.begin_run(&catalogue, false).expect("a run");
    let bucket = RepositoryRef::at(Kind::Bucket, "s3", "s3://b/", "b", "s3://b/");
    store.listing(&run, "list").expect("a list");
    let page = Page { repositories: vec![bucket.clone()], ..Page::default() };
    store.add_page(&run, "list", None, &page).expect("a page");
    let (_, unit) = store.ready_units(&run, 0, 1).expect("units").remove(0);
    let server = Queue::connect(&nats.url(), &Login::default()).expect("a server");
    let part = |after: Option<&str>, last: &str| Part {
        run: run.name.clone(),
        bucket: RepositoryKey::of(&bucket),
        catalogue: "k".to_owned(),
        after: after.map(str::to_owned),
        last: last.to_owned(),
        rows: vec![ObjectRow { key: last.to_owned(), mark: "m".to_owned(), gaps: std::collections::BTreeMap::new() }],
        found: Found::default(),
        again: Vec::new(),
        sums: Sums::default(),
    };
    {
        let mut parts = server.open(&unit, "k", false).expect("parts");
        parts.keep(part(Some("b"), "d")).expect("it is sent");
        parts.keep(part(None, "b")).expect("it is sent");
        assert_eq!(parts.begun().expect("an answer").0.as_deref(), Some("b"), "what was sent last");
    }
    let stop = keysift::source::Stop::new();
    let reached = std::thread::scope(|scope| {
        let collector = scope.spawn(|| collect(&server, &store, &run, false, &stop, &mut || {}));
        let begin = Instant::now();
        let reached = || store.bucket_progress(&unit).expect("an answer").0;
        while reached().as_deref() != Some("d") && begin.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(50));
        }
        stop.ask();
        collector.join().expect("no panic").expect("it collects");
        reached()
    });
    assert_eq!(reached.as_deref(), Some("d"));
    assert_eq!(store.known_objects(&unit, &["b", "d"], "k", false).expect("objects").len(), 2);
}
