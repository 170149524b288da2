//! Micro-benchmarks of the steps that decide how fast keysift is: `cargo bench --bench micro`.
//!
//! The text is made up and the same in every run. Compare numbers of one machine only; `benches/compare` is the measure
//! against other scanners.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use globset::GlobSet;
use keysift::detect::assignment::{Scanner, fragments_in};
use keysift::detect::prefilter::{AhoCorasickPrefilter, Prefilter as _};
use keysift::detect::{Detector, Scratch};
use keysift::examine::examine;
use keysift::finding::IdentityKey;
use keysift::pipeline::Collector;
use keysift::rule::RuleSet;
use keysift::source::Stop;
use keysift::source::tree::{Root, Tree};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn main() {
    divan::main();
}

const MEGABYTES: usize = 8;

/// What source code is made of here: few lines speak of secrets, some hold a keyword of a rule, none a secret.
const LINES: [&str; 24] = [
    "    let {a} = {b}.{c}({n}).map(|{a}| {a}.{b}());",
    "    if {a}.{b} == {n} && !{c}.is_empty() {",
    "        return Err({a}::new(\"{b} {c} {a}\"));",
    "    }",
    "",
    "// {a} {b} {c} {a} {b}: {c} {n}",
    "public static final int {a}_{b} = {n};",
    "  \"{a}\": {\"{b}\": {n}, \"{c}\": \"{b}/{a}.js\"},",
    "def {a}({b}, {c}={n}):",
    "    for {a} in range({n}):",
    "        self.{a}[{b}] = {c}.{a}({n}, \"{b}\")",
    "<div class=\"{a} {b}-{c}\" id=\"{a}{n}\">{b}</div>",
    "  - name: {a}-{b}",
    "    image: registry/{a}/{b}:{n}.{n}",
    "import { {a}, {b} } from './{c}/{a}';",
    "export const {a} = ({b}) => {b}.{c};",
    "const {a}Key = {b}.keys()[{n}];",
    "  tokenize({a}, {b}); // {c} token {n}",
    "    checksum \"{h}{h}{h}{h}\"",
    "{a}: sha512-{h}{h}{h}",
    "    password = get_{a}(\"{b}\")",
    "#define {a}_{b} 0x{h}",
    "    assert_eq!({a}.{b}(), {n});",
    "fmt.Println(\"{a}\", {b}, {n})",
];

const NAMES: [&str; 32] = [
    "value", "index", "request", "response", "buffer", "client", "server", "handler", "config", "user", "item", "node", "state",
    "event", "result", "context", "stream", "offset", "length", "parser", "widget", "layout", "table", "column", "record",
    "session", "cache", "queue", "worker", "module", "target", "source",
];

/// Words that send regexes to work, at the density of a project that talks to providers.
const NEAR_MISSES: [&str; 6] = [
    "url = \"https://hooks.slack.com/services/\" + {a}",
    "if key.startswith(\"sk_live_\"): {a}()",
    "AKIA{n} is too short",
    "github_token: ${{ secrets.{a} }}",
    "-----BEGIN CERTIFICATE-----",
    "export {a}_api_key={b}",
];

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("less than `sides`")
    }

    fn fill(&mut self, line: &str, out: &mut String) {
        let mut rest = line;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            match rest[at..].get(..3) {
                Some("{a}" | "{b}" | "{c}") => out.push_str(NAMES[self.roll(NAMES.len())]),
                Some("{n}") => out.push_str(&self.roll(4000).to_string()),
                Some("{h}") => {
                    let _ = write!(out, "{:08x}", self.roll(1 << 32));
                }
                _ => {
                    out.push('{');
                    rest = &rest[at + 1..];
                    continue;
                }
            }
            rest = &rest[at + 3..];
        }
        out.push_str(rest);
        out.push('\n');
    }
}

fn synthetic(bytes: usize, near_miss_every: usize) -> String {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut text = String::with_capacity(bytes + 200);
    while text.len() < bytes {
        if dice.roll(near_miss_every) == 0 {
            let line = NEAR_MISSES[dice.roll(NEAR_MISSES.len())];
            dice.fill(line, &mut text);
        }
        let line = LINES[dice.roll(LINES.len())];
        dice.fill(line, &mut text);
    }
    text
}

/// Eight megabytes of code with a near miss every 200 lines.
fn source_code() -> &'static [u8] {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| synthetic(MEGABYTES << 20, 200)).as_bytes()
}

/// A megabyte with a near miss every fourth line.
fn near_misses() -> &'static [u8] {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| synthetic(1 << 20, 4)).as_bytes()
}

fn keywords() -> Vec<&'static str> {
    let rules = RuleSet::built_in();
    let mut words: Vec<&str> = rules.iter().filter(|(_, r)| r.pattern.is_some()).flat_map(|(_, r)| r.keywords).copied().collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The prefilter with all keywords of the catalogue.
#[divan::bench(sample_count = 20)]
fn prefilter(bencher: Bencher<'_, '_>) {
    let (prefilter, text) = (AhoCorasickPrefilter::new(&keywords()), source_code());
    let mut hits = Vec::new();
    bencher.counter(BytesCount::of_slice(text)).bench_local(|| {
        hits.clear();
        prefilter.find(black_box(text), &mut hits);
        hits.len()
    });
}

/// The assignment scanner alone, from where fragments of names stand.
#[divan::bench(sample_count = 20)]
fn assignments(bencher: Bencher<'_, '_>) {
    let (scanner, text) = (Scanner::of(&RuleSet::built_in()).expect("the catalogue has generic rules"), source_code());
    let (fragments, mut found) = (fragments_in(text), Vec::new());
    bencher.counter(BytesCount::of_slice(text)).bench_local(|| {
        found.clear();
        scanner.scan(black_box(text), fragments.iter().copied(), &mut found);
        found.len()
    });
}

/// All of detection over ordinary code: mostly the prefilter.
#[divan::bench(sample_count = 10)]
fn detect_source_code(bencher: Bencher<'_, '_>) {
    detect(bencher, source_code());
}

/// All of detection where keywords are dense: mostly regexes in windows.
#[divan::bench(sample_count = 20)]
fn detect_in_windows(bencher: Bencher<'_, '_>) {
    detect(bencher, near_misses());
}

fn detect(bencher: Bencher<'_, '_>, text: &[u8]) {
    let (detector, mut scratch) = (Detector::new(RuleSet::built_in()), Scratch::default());
    // Automata and regexes come into being when they are first needed.
    detector.detect(text, &mut scratch);
    bencher.counter(BytesCount::of_slice(text)).bench_local(|| detector.detect(black_box(text), &mut scratch).candidates.len());
}

/// Detection, companions and judgement.
#[divan::bench(sample_count = 20)]
fn examine_near_misses(bencher: Bencher<'_, '_>) {
    let (detector, mut scratch, text) = (Detector::new(RuleSet::built_in()), Scratch::default(), near_misses());
    examine(&detector, text, Some("src/app.py"), &mut scratch);
    bencher
        .counter(BytesCount::of_slice(text))
        .bench_local(|| examine(&detector, black_box(text), Some("src/app.py"), &mut scratch).rejected.len());
}

/// What every run pays before it has read a byte, and what the first small file costs.
#[divan::bench(sample_count = 50)]
fn start_and_first_file(bencher: Bencher<'_, '_>) {
    let text = &source_code()[..4096];
    bencher.bench_local(|| Detector::new(RuleSet::built_in()).detect(black_box(text), &mut Scratch::default()).candidates.len());
}

/// A folder of 2,000 files of 4 kB, read and examined on all cores.
#[divan::bench(sample_count = 10)]
fn scan_folder(bencher: Bencher<'_, '_>) {
    let folder = Folder::with_files(2000, 4096);
    let detector = Detector::new(RuleSet::built_in());
    let stop = Stop::new();
    let scan = || {
        let collector = Collector::new(&detector, &stop, false, &|_, _| false);
        let root = Root::of(&folder.0).expect("the folder is there");
        let tree =
            Tree { named: folder.0.clone(), target: 0, exclude: GlobSet::empty(), max_file_size: u64::MAX, obey_gitignore: true };
        tree.scan(&root, &collector).expect("the folder is there");
        collector.finish(&IdentityKey::public()).files
    };
    assert_eq!(scan(), 2000);
    bencher.counter(BytesCount::new(2000 * 4096_usize)).bench_local(scan);
}

/// A folder of generated files, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn with_files(count: usize, bytes: usize) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scan-folder-{}", std::process::id()));
        let text = source_code();
        for number in 0..count {
            let below = folder.join(format!("package_{:02}", number % 40));
            std::fs::create_dir_all(&below).expect("the target folder can be written to");
            let from = number * bytes % (text.len() - bytes);
            std::fs::write(below.join(format!("module_{number}.py")), &text[from..from + bytes])
                .expect("the file can be written");
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
