//! What is known stays known through a year of edits, moves and renames, and what is new is seen, copies too.
//!
//! A folder with forty made-up secrets and a baseline of them; then fifty changes, drawn from a fixed seed. After each one
//! the scan must report exactly the secrets that were added and nothing old.

use crate::support::{Tree, fill, github_token, password};
use std::collections::{BTreeMap, BTreeSet};

const BASELINE: &str = "known.jsonl";

/// A small generator of numbers (`SplitMix64`, public domain, <https://prng.di.unimi.it/splitmix64.c>).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// The files as they should be, by path, and what is new in them.
struct World {
    tree: Tree,
    files: BTreeMap<String, Vec<String>>,
    /// Paths of new secrets, one a secret.
    new: BTreeSet<(String, String)>,
    dice: Dice,
    /// The present name of the rule `acme`.
    rule: String,
    formerly: Vec<String>,
    count: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            tree: Tree::new(),
            files: BTreeMap::new(),
            new: BTreeSet::new(),
            dice: Dice(seed),
            rule: "acme-token".to_owned(),
            formerly: Vec::new(),
            count: 0,
        };
        for n in 0..20 {
            let path = format!("{}/f{n}.py", ["src", "lib", "deploy", "src/deep/er"][n % 4]);
            let mut lines = vec!["import os".to_owned(), String::new()];
            lines.extend([world.secret(), "x = 1".to_owned(), world.secret()]);
            world.files.insert(path, lines);
        }
        world.write();
        world
    }

    /// A line with a secret that is nowhere else.
    fn secret(&mut self) -> String {
        self.count += 1;
        let seed = format!("churn {}", self.count);
        match self.count % 3 {
            0 => format!("token = \"{}\"", github_token(&seed)),
            1 => format!("db_password = \"{}\"", password(&seed)),
            _ => format!("acme = \"{}\"", fill("acme_{base36:20}", &seed)),
        }
    }

    fn write(&self) {
        for entry in std::fs::read_dir(self.tree.path()).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).expect("folders can be removed");
            }
        }
        for (path, lines) in &self.files {
            self.tree.write(path, lines.iter().map(|l| format!("{l}\n")).collect::<String>());
        }
        let formerly = self.formerly.iter().map(|f| format!("\"{f}\"")).collect::<Vec<_>>().join(", ");
        self.tree.write(
            "rules.toml",
            format!(
                "[[rule]]\nid = \"{}\"\nformerly = [{formerly}]\nformat_confidence = \"high\"\npattern = 'acme_[0-9a-z]{{20}}'\n",
                self.rule
            ),
        );
    }

    fn some_path(&mut self) -> String {
        let nr = self.dice.roll(self.files.len());
        self.files.keys().nth(nr).expect("there are files").clone()
    }

    fn is_secret(line: &str) -> bool {
        ["token = ", "db_password = ", "acme = "].iter().any(|start| line.starts_with(start))
    }

    fn rename(&mut self, from: &str, to: String) {
        let lines = self.files.remove(from).expect("it is there");
        for line in &lines {
            if self.new.remove(&(from.to_owned(), line.clone())) {
                self.new.insert((to.clone(), line.clone()));
            }
        }
        self.files.insert(to, lines);
    }

    /// One change; tells what it was.
    fn change(&mut self, step: usize) -> String {
        let path = self.some_path();
        match self.dice.roll(9) {
            0 | 1 => {
                let at = self.dice.roll(self.files[&path].len() + 1);
                self.files.get_mut(&path).expect("there").insert(at, format!("# edit {step}"));
                format!("a line is put into {path}")
            }
            2 => {
                self.files.get_mut(&path).expect("there").reverse();
                format!("the lines of {path} are turned round")
            }
            3 | 4 => {
                let to = format!("moved/{step}/{}", path.rsplit('/').next().expect("a name"));
                self.rename(&path, to.clone());
                format!("{path} moves to {to}")
            }
            5 => {
                let (folder, _) = path.rsplit_once('/').expect("all stand in folders");
                let to = format!("{folder}/renamed{step}.py");
                self.rename(&path, to.clone());
                format!("{path} is renamed to {to}")
            }
            6 => {
                let line = self.secret();
                self.files.get_mut(&path).expect("there").push(line.clone());
                self.new.insert((path.clone(), line));
                format!("a new secret in {path}")
            }
            7 => {
                let old = self.files[&path].iter().find(|l| Self::is_secret(l)).cloned();
                let Some(line) = old else { return format!("{path} has no secret to copy") };
                let to = format!("copies/{step}.py");
                self.files.insert(to.clone(), vec![line.clone()]);
                self.new.insert((to.clone(), line));
                format!("a secret of {path} is copied to {to}")
            }
            _ => {
                let old = std::mem::replace(&mut self.rule, format!("acme-token-v{step}"));
                self.formerly.push(old);
                format!("the rule is now called {}", self.rule)
            }
        }
    }

    /// What is reported: path and line of the secret.
    fn reported(&self) -> BTreeSet<(String, String)> {
        let report = self.tree.scan(&[".", "--rules", "rules.toml", "--baseline", BASELINE, "--now", "2026-11-20"]);
        let findings = report.findings().iter().map(|f| {
            let path = f["location"]["path"].as_str().expect("a path").to_owned();
            let line = f["location"]["start_line"].as_u64().expect("a line");
            (path.clone(), self.files[&path][line as usize - 1].clone())
        });
        findings.collect()
    }
}

fn year(seed: u64, update_every: usize) {
    let mut world = World::new(seed);
    let baseline = |world: &World, command: &str| {
        let run = world.tree.run(&["baseline", command, "--baseline", BASELINE, "--rules", "rules.toml", "--now", "2026-11-20"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    baseline(&world, "create");
    assert_eq!(world.tree.read(BASELINE).lines().count(), 41);
    let mut story = Vec::new();
    for step in 0..50 {
        let told = world.change(step);
        story.push(told);
        world.write();
        assert_eq!(world.reported(), world.new, "seed {seed}, after:\n{}", story.join("\n"));
        if update_every > 0 && step % update_every == 0 {
            baseline(&world, "update");
            assert_eq!(world.reported(), world.new, "seed {seed}, updated after:\n{}", story.join("\n"));
        }
    }
    assert!(world.new.len() > 5, "copies and new secrets were among the changes");
}

#[test]
fn what_is_known_stays_known_through_a_year_of_changes() {
    year(1, 0);
}

#[test]
fn the_same_with_a_baseline_that_is_kept_up_to_date() {
    year(2, 7);
}
