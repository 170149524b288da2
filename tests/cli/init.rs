//! `keysift init`: what it writes, and that it takes exactly that back.

use crate::support::{Run, Tree, github_token};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Runs `keysift init …` without anybody's own git config.
fn init(tree: &Tree, arguments: &[&str]) -> Run {
    init_with(tree, arguments, &[])
}

fn init_with(tree: &Tree, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = tree.command(&[&["init"], arguments].concat());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").envs(environment.iter().copied());
    Run::of(&mut command, b"", tree)
}

fn written(tree: &Tree, arguments: &[&str]) -> String {
    let run = init(tree, &[arguments, &["--yes"]].concat());
    assert_eq!(run.code, 0, "{}", run.printed());
    run.stdout
}

/// Every file with its rights, but for what git itself keeps.
fn files(tree: &Tree) -> BTreeMap<String, (String, u32)> {
    fn walk(top: &Path, folder: &Path, all: &mut BTreeMap<String, (String, u32)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(top).expect("below").to_string_lossy().into_owned();
            if path.is_dir() {
                all.insert(format!("{name}/"), (String::new(), 0));
                walk(top, &path, all);
            } else if !name.starts_with(".git/") || name.starts_with(".git/hooks") && !name.ends_with(".sample") {
                all.insert(name, (fs::read_to_string(&path).expect("text"), rights(&path)));
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&tree.path(), &tree.path(), &mut all);
    all
}

#[cfg(unix)]
fn rights(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn rights(_: &Path) -> u32 {
    0
}

/// A repository from GitHub with nothing in it.
fn from_github() -> Tree {
    let tree = Tree::git();
    tree.git_command(&["remote", "add", "origin", "https://github.com/acme/shop.git"]);
    tree
}

#[test]
fn it_shows_and_writes_nothing_unless_told() {
    let tree = from_github();
    let before = files(&tree);
    for arguments in [&["--owner", "@acme/security"][..], &["--owner", "@acme/security", "--dry-run"]] {
        let run = init(&tree, arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
        for part in ["create  keysift.toml", "create  .git/hooks/pre-commit", "create  .github/workflows/keysift.yml", "--yes"] {
            assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
        }
        assert!(run.stdout.contains("+ /.keysiftignore @acme/security"), "{}", run.stdout);
    }
    assert_eq!(files(&tree), before);
}

#[test]
fn all_of_it_and_back() {
    let tree = from_github();
    let before = files(&tree);
    let told = written(&tree, &["--owner", "@acme/security"]);
    insta::assert_snapshot!("init", told);
    let after = files(&tree);
    assert_eq!(after.len(), before.len() + 6, "{after:#?}");
    let run = init(&tree, &["--yes"]);
    assert!(run.stdout.contains("nothing to write"), "{}", run.stdout);
    assert_eq!(files(&tree), after, "twice is once");
    let run = init(&tree, &["--uninstall", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert_eq!(files(&tree), before);
    assert!(init(&tree, &["--uninstall", "--yes"]).stdout.contains("nothing of keysift init is here"));
}

#[cfg(unix)]
#[test]
fn the_hook_works_and_config_counts() {
    let tree = from_github();
    written(&tree, &[]);
    let commit = |tree: &Tree| {
        let folder = Path::new(env!("CARGO_BIN_EXE_keysift")).parent().expect("a folder").display().to_string();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"]).current_dir(tree.path());
        git.env("PATH", path).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        git.output().expect("git runs")
    };
    tree.write("a.py", "nothing = 1\n").git_command(&["add", "-A"]);
    assert!(commit(&tree).status.success());
    tree.write("b.py", format!("t = \"{}\"\n", github_token("init"))).git_command(&["add", "-A"]);
    let stopped = commit(&tree);
    assert!(!stopped.status.success() && String::from_utf8_lossy(&[stopped.stdout, stopped.stderr].concat()).contains("b.py:1"));
    // Whoever has no keysift may commit, and is told.
    let run = std::process::Command::new("/bin/sh").arg(tree.join(".git/hooks/pre-commit")).env("PATH", "/nowhere").output();
    let run = run.expect("a shell");
    assert!(run.status.success() && String::from_utf8_lossy(&run.stderr).contains("not installed"));
    // The config that it wrote is one.
    assert_eq!(tree.run(&["scan", "a.py"]).code, 0);
}

/// What is there stays, in every kind of file, with and without an end of its last line.
#[test]
fn files_of_others_are_extended_and_given_back() {
    let precommit =
        "# ours\nrepos:\n  # formatting\n  - repo: https://example.org/black\n    rev: '24'\n    hooks:\n      - id: black\n";
    let lefthook = "pre-commit:\n  parallel: true\n  commands:\n    lint:\n      run: make lint\n";
    let jobs = "pre-commit:\n  jobs:\n    - name: lint\n      run: make lint\n";
    let gitlab = "stages: [build, deploy]\nbuild:\n  stage: build\n  script: make\n";
    let azure = "trigger:\n- main\n\nsteps:\n- script: make\n";
    let azure_jobs = "jobs:\n  - job: build\n    steps:\n      - script: make\n";
    let azure_stages = "stages:\n- stage: build\n  jobs:\n  - job: build\n    steps:\n    - script: make\n";
    let bitbucket = "image: node\npipelines:\n  default:\n    - step:\n        script: [make]\n  branches:\n    main:\n      - step:\n          script: [make]\n";
    let circle = "version: 2.1\norbs: {}\njobs:\n  build:\n    docker: [{image: x}]\n    steps: [checkout]\nworkflows:\n  version: 2\n  main:\n    jobs: [build]\n";
    let jenkins = "pipeline {\n    agent any\n    stages {\n        stage('Build') {\n            steps { sh 'make' }\n        }\n    }\n}\n";
    let cases: [(&str, &str, &[&str], &str); 13] = [
        (".pre-commit-config.yaml", precommit, &[], "repos:\n  # >>> keysift init\n  - repo: local\n"),
        (
            "prek.toml",
            "[[repos]]\nrepo = \"builtin\"\nhooks = [{ id = \"check-yaml\" }]\n",
            &[],
            "[[repos.hooks]]\nid = \"keysift\"",
        ),
        (
            "lefthook.yml",
            lefthook,
            &[],
            "  commands:\n    # >>> keysift init\n    keysift:\n      run: keysift hook pre-commit\n",
        ),
        ("lefthook.yml", jobs, &[], "  jobs:\n    # >>> keysift init\n    - name: keysift\n"),
        (".husky/pre-commit", "npm test\n", &[], "# <<< keysift init\nnpm test"),
        (".gitlab-ci.yml", gitlab, &[], "keysift:\n  stage: build\n  image:"),
        ("azure-pipelines.yml", azure, &[], "steps:\n# >>> keysift init\n- checkout: self\n"),
        ("azure-pipelines.yml", azure_jobs, &[], "  - job: keysift\n    pool: { vmImage: ubuntu-latest }\n    steps:\n"),
        ("azure-pipelines.yml", azure_stages, &[], "- stage: keysift\n  jobs:\n    - job: keysift\n"),
        ("bitbucket-pipelines.yml", bitbucket, &[], "  pull-requests:\n    \"**\":\n      - step:\n"),
        (".circleci/config.yml", circle, &[], "workflows:\n  # >>> keysift init\n  keysift:\n    jobs:\n      - keysift\n"),
        ("Jenkinsfile", jenkins, &[], "    stages {\n        // >>> keysift init\n        stage('keysift') {\n"),
        ("CODEOWNERS", "* @acme/all\n/web/ @acme/web\n", &["--ci", "none"], "/keysift.toml @acme/all\n"),
    ];
    for (name, text, arguments, part) in cases {
        for text in [text.to_owned(), text.trim_end().to_owned(), text.replace('\n', "\r\n")] {
            let tree = Tree::git();
            tree.write(name, &text);
            let before = files(&tree);
            written(&tree, arguments);
            let now = tree.read(name);
            assert!(now.replace("\r\n", "\n").contains(part), "{name}: {now}");
            assert!(!now.replace("\r\n", "").contains('\n') || !text.contains("\r\n"), "{name}: line ends are mixed");
            let after = files(&tree);
            assert!(init(&tree, &[arguments, &["--yes"]].concat()).stdout.contains("nothing to write"), "{name}");
            assert_eq!(files(&tree), after, "{name}: twice is once");
            let run = init(&tree, &["--uninstall", "--yes"]);
            assert_eq!((run.code, files(&tree)), (0, before), "{name}: {}", run.printed());
        }
    }
}

#[test]
fn what_someone_added_to_our_files_stays() {
    let tree = from_github();
    written(&tree, &["--hook", "none", "--ci", "none"]);
    let config = tree.read("keysift.toml");
    tree.write("keysift.toml", format!("{config}exclude = [\"x/**\"]\n"));
    written(&tree, &["--hook", "none", "--ci", "none"]);
    init(&tree, &["--uninstall", "--yes"]);
    assert_eq!(tree.read("keysift.toml"), "exclude = [\"x/**\"]\n");
    // A config of one's own gets the key that it lacks, before its first table.
    let own = "[[accept_gap]]\nreason = \"too_large\"\nnote = \"x\"\n";
    tree.write("keysift.toml", own).write("keysift-baseline.jsonl", "");
    written(&tree, &["--hook", "none", "--ci", "none"]);
    assert!(tree.read("keysift.toml").contains("baseline = \"keysift-baseline.jsonl\"\n# <<< keysift init\n[[accept_gap]]"));
    init(&tree, &["--uninstall", "--yes"]);
    assert_eq!(tree.read("keysift.toml"), own);
    // A catalogue that someone chose is theirs.
    tree.write("keysift.toml", "catalogue = \"0.1\"\nbaseline = \"b.jsonl\"\n");
    let told = written(&tree, &["--hook", "none", "--ci", "none", "--owner", "@a"]);
    assert!(told.contains("as it should be  keysift.toml") && told.contains("/b.jsonl @a"), "{told}");
}

#[test]
fn hooks_of_others_stay_and_run() {
    let tree = Tree::git();
    let run = |script: &str| {
        tree.write(".git/hooks/pre-commit", script);
        make_executable(&tree.join(".git/hooks/pre-commit"));
        let run = init(&tree, &["--yes", "--no-config", "--ci", "none"]);
        (run.code, tree.read(".git/hooks/pre-commit"), run.stdout)
    };
    let (code, script, _) = run("#!/usr/bin/env bash\nset -e\nexec make lint\n");
    assert!(code == 0 && script.starts_with("#!/usr/bin/env bash\n# >>> keysift init\nif command"), "{script}");
    assert!(script.ends_with("# <<< keysift init\nset -e\nexec make lint\n"));
    let (code, script, told) = run("#!/usr/bin/env python3\nprint(1)\n");
    assert!(code == 3 && !script.contains("keysift") && told.contains("by hand"), "{told}");
    let (code, _, told) = run("#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\n");
    assert!(code == 3 && told.contains("--hook"), "{told}");
}

fn make_executable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let _ = path;
}

#[test]
fn the_folder_of_hooks_is_the_one_that_git_uses() {
    // In the repository, for all who work on it.
    let tree = Tree::git();
    tree.git_command(&["config", "core.hooksPath", ".githooks"]);
    written(&tree, &["--no-config"]);
    assert!(tree.read(".githooks/pre-commit").contains("keysift hook pre-commit"));
    init(&tree, &["--uninstall", "--yes"]);
    assert!(!tree.join(".githooks").exists());
    // Husky says so there.
    tree.git_command(&["config", "core.hooksPath", ".husky/_"]);
    written(&tree, &["--no-config"]);
    assert!(tree.join(".husky/pre-commit").exists());
    // For all repositories of a user: not ours to write.
    let tree = Tree::git();
    let global = tempfile::tempdir().expect("a folder");
    let config = global.path().join("config");
    fs::write(&config, format!("[core]\n\thooksPath = {}/hooks\n", global.path().display())).expect("a file");
    fs::write(global.path().join("more"), format!("[include]\n\tpath = {}\n", config.display())).expect("a file");
    for name in ["config", "more"] {
        let named = global.path().join(name).display().to_string();
        let run = init_with(&tree, &["--yes", "--no-config"], &[("GIT_CONFIG_GLOBAL", &named)]);
        assert!(run.code == 3 && run.stdout.contains("core.hooksPath"), "{}", run.printed());
        assert!(!global.path().join("hooks").exists() && !tree.join(".git/hooks/pre-commit").exists());
    }
}

#[test]
fn in_a_linked_work_tree_the_hook_goes_where_git_takes_it_from() {
    let tree = Tree::git();
    tree.write("a", "a").git_command(&["add", "-A"]);
    tree.git_command(&["commit", "-qm", "a"]);
    tree.git_command(&["worktree", "add", "-q", "linked"]);
    let mut command = tree.command(&["init", "--yes"]);
    command.current_dir(tree.join("linked")).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let run = Run::of(&mut command, b"", &tree);
    assert_eq!(run.code, 0, "{}", run.printed());
    assert!(tree.join("linked/keysift.toml").exists() && !tree.join("keysift.toml").exists());
    assert!(tree.read(".git/hooks/pre-commit").contains("keysift hook pre-commit"));
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let tree = from_github();
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(elsewhere.path(), tree.join(".github")).expect("a link");
    let run = init(&tree, &["--yes", "--hook", "none", "--no-config"]);
    assert!(run.code == 2 && run.stderr.contains("is a link"), "{}", run.printed());
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
    fs::write(elsewhere.path().join("c"), "x").expect("a file");
    std::os::unix::fs::symlink(elsewhere.path().join("c"), tree.join("keysift.toml")).expect("a link");
    let run = init(&tree, &["--yes", "--hook", "none", "--ci", "none"]);
    assert_eq!(run.code, 2, "{}", run.printed());
    assert_eq!(fs::read_to_string(elsewhere.path().join("c")).expect("it"), "x");
}

#[test]
fn what_is_not_understood_is_left_and_told() {
    let tree = Tree::git();
    let texts = [
        (".pre-commit-config.yaml", "repos: []\n"),
        (".gitlab-ci.yml", "keysift:\n  script: x\n"),
        ("azure-pipelines.yml", "extends:\n  template: x.yml\n"),
        ("Jenkinsfile", "node { sh 'x' }\n"),
    ];
    for (name, text) in texts {
        tree.write(name, text);
    }
    let run = init(&tree, &["--yes"]);
    assert_eq!(run.code, 3, "{}", run.printed());
    for (name, text) in texts {
        assert_eq!(tree.read(name), text);
        assert!(run.stdout.contains(&format!("by hand  {name}")), "{}", run.stdout);
    }
    assert!(tree.join("keysift.toml").exists(), "the rest is done");
    tree.write("keysift.toml", "a = [\n");
    let run = init(&tree, &["--yes"]);
    assert!(run.code == 2 && run.stderr.contains("keysift.toml"), "{}", run.printed());
    tree.write("keysift.toml", "# >>> keysift init\n");
    assert!(init(&tree, &["--uninstall"]).stderr.contains("keysift.toml:1"));
    let run = init(&Tree::new(), &[]);
    assert!(run.code == 2 && run.stderr.contains("no git repository"), "{}", run.printed());
    let run = init(&tree, &["--owner", "nobody\n* @me"]);
    assert!(run.code == 2 && run.stderr.contains("an owner is"), "{}", run.printed());
}
