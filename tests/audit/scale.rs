//! A hundred thousand repositories, in simulation: metadata alone.

use crate::measure::ours;
use keysift::audit::catalogue::Catalogue;
use keysift::audit::run::{Planned, plan};
use keysift::audit::store::{Access, Store};
use keysift::audit::target::{Forge, Page, RepositoryRef, RepositorySource, SourceError};
use keysift::config::allowlist::Allowlists;
use keysift::rule::RuleSet;
use keysift::source::Stop;
use keysift::source::container::Limits;
use std::time::Instant;

const ALL: usize = 100_000;
const PAGE: usize = 1000;

/// A forge that lists them.
struct Large;

impl RepositorySource for Large {
    fn name(&self) -> String {
        "github:example.org/orgs/large".to_owned()
    }

    fn page(&mut self, cursor: Option<&str>, _: &Stop) -> Result<Page, SourceError> {
        let from: usize = cursor.map_or(0, |c| c.parse().expect("our own cursor"));
        let repository = |n: usize| {
            let (id, name) = (n.to_string(), format!("large/repository-{n}"));
            let mut found =
                RepositoryRef::at(Forge::GitHub, "example.org", &id, &name, &format!("https://example.org/{name}.git"));
            found.web_url = format!("https://example.org/{name}");
            found.fork_of = (n % 5 == 4).then(|| (n - 1).to_string());
            found.language = Some("Rust".to_owned());
            found.team = Some(format!("team-{}", n % 50));
            found
        };
        let to = (from + PAGE).min(ALL);
        let next = (to < ALL).then(|| to.to_string());
        Ok(Page { repositories: (from..to).map(repository).collect(), next, ..Page::default() })
    }
}

#[test]
fn planning_and_status_are_quick() {
    if std::env::var_os("KEYSIFT_SLOW_TESTS").is_none() {
        return;
    }
    // Memory is that of a process: this test has one of its own.
    if std::env::var_os("KEYSIFT_ALONE").is_none() {
        let me = std::env::current_exe().expect("a test");
        let mut again = std::process::Command::new(me);
        again.args(["--exact", "scale::planning_and_status_are_quick", "--nocapture"]).env("KEYSIFT_ALONE", "1");
        assert!(again.status().expect("it starts").success());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("a.db"), Access::Create, "public").expect("a store");
    let catalogue = Catalogue::of(&RuleSet::built_in(), true, &Limits::default(), &[], &Allowlists::default());
    for turn in ["first", "second"] {
        let (start, used) = (Instant::now(), ours());
        let run = store.begin_run(&catalogue, false).expect("a run");
        let mut sources: Vec<Box<dyn RepositorySource>> = vec![Box::new(Large)];
        plan(&store, &run, &mut sources, &Planned::default(), &Stop::new()).expect("a plan");
        let (planned, used) = (start.elapsed(), ours() - used);
        let start = Instant::now();
        let status = store.status().expect("a status");
        let told = start.elapsed();
        let start = Instant::now();
        let leased = store.lease(&run, 0).expect("a unit");
        let next = start.elapsed();
        assert!(matches!(leased, keysift::audit::store::Leased::Unit(_)));
        eprintln!(
            "{turn}: planning {planned:?} ({used:.2} s of processor time), status {told:?}, next unit {next:?}, memory {} MB",
            memory()
        );
        assert_eq!(status.units.values().sum::<u64>(), ALL as u64);
        assert!(told.as_secs_f64() < 1.0, "{told:?}");
        // One thread does it: its processor time is the time on a machine that others leave alone. Without optimisation it
        // takes longer.
        assert!(used < if cfg!(debug_assertions) { 5.0 } else { 1.0 }, "{used} s of processor time");
        assert!(memory() < 200, "{} MB", memory());
        store.end_run(&run).expect("it ends");
    }
}

/// The most memory that this process had, in MB.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("VmHWM: 0 kB");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}
