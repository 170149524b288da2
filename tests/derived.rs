//! What is inherited from an older version of a text is what looking at all of the text finds.

#[path = "support/compared.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod compared;

use compared::{DETECTOR, judged};
use keysift::detect::{Kept, Scratch, Stretches, Trace};
use keysift::examine::{Derived, Memory, examine, examine_derived};
use keysift::rule::Rule;

/// A generator of numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n.max(1)
    }
}

/// Text of examples of rules, ordinary lines and odd bytes.
fn piece(numbers: &mut Numbers, examples: &[String]) -> Vec<u8> {
    match numbers.below(12) {
        8 => {
            let example = numbers.below(examples.len());
            encoded(numbers, &examples[example]).into_bytes()
        }
        9 => encoded(numbers, &format!("password = \"{}\"\nuser = \"bob\"\n", ["blue-h0rse", "stapl3"].join("-"))).into_bytes(),
        11 => b"some ordinary words of no interest, one after the other\n".repeat(numbers.below(40)),
        0..=2 => examples[numbers.below(examples.len())].clone().into_bytes(),
        3 => b"let answer = compute(the_token, key)?; // nothing to see\n".repeat(numbers.below(30)),
        4 => vec![b"ab \n\"'=:{}(,x-_".to_vec()[numbers.below(15)]; numbers.below(600)],
        // Names that begin where others do, beside each other and with nothing between.
        7 => {
            let value = ["x9Qz7b", "Rt2LmK"].concat();
            let names = ["client secret token: ", "secret token=", "api key pass: ", "login(password="][numbers.below(4)];
            let value = if numbers.below(3) == 0 { "" } else { &value };
            format!("{names}{value} ").repeat(numbers.below(4)).into_bytes()
        }
        5 => format!("password = \"{}\"\n", "w0rd ".repeat(numbers.below(300))).into_bytes(),
        6 => b"\n".repeat(numbers.below(4)),
        _ => (0..numbers.below(40)).map(|_| u8::try_from(numbers.below(256)).unwrap_or(0)).collect(),
    }
}

/// A text behind an encoding, or behind two.
fn encoded(numbers: &mut Numbers, text: &str) -> String {
    use base64::Engine as _;
    let text: String = text.chars().take(600).collect();
    let once = match numbers.below(6) {
        0 => format!("data: {}\n", base64::engine::general_purpose::STANDARD.encode(&text)),
        1 => format!("line = \"{}\"\n", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")),
        2 => format!("u?q={}\n", text.replace('%', "%25").replace('=', "%3D").replace('"', "%22").replace('\n', "%0A")),
        3 => text.replace('"', "&quot;"),
        4 => text.replace('=', "=3D"),
        _ => text.chars().map(|c| if c == 's' { "s\" + \"".to_owned() } else { c.to_string() }).collect(),
    };
    if numbers.below(3) == 0 { encoded(numbers, &once) } else { once }
}

/// The secrets of all examples in their surroundings.
fn examples() -> Vec<String> {
    let rules: Vec<&'static Rule> = DETECTOR.rules().iter().map(|(_, rule)| rule).collect();
    let mut texts = Vec::new();
    for rule in rules {
        for (n, example) in rule.examples.iter().enumerate() {
            let kind = rule.checksum.map(|c| c.kind);
            let secret =
                keysift::rule::template::fill(example.secret, &format!("{}-{n}", rule.id), kind).expect("a proven template");
            texts.push(format!("{}\n", example.text.replace("{{secret}}", &secret)));
        }
    }
    texts
}

/// Copies and inserts, as a delta says them: the new text, and what of it is copied.
fn edited(numbers: &mut Numbers, old: &[u8], examples: &[String]) -> (Vec<u8>, Vec<Kept>) {
    let (mut new, mut kept) = (Vec::new(), Vec::new());
    let mut at = 0;
    for _ in 0..=numbers.below(4) {
        // Mostly on where it left off, now and then from anywhere, which repeats and reorders.
        let from = if numbers.below(6) == 0 { numbers.below(old.len()) } else { (at + numbers.below(40)).min(old.len()) };
        let len = numbers.below(old.len() - from + 1);
        kept.push(Kept { from, to: new.len(), len });
        new.extend_from_slice(&old[from..from + len]);
        at = from + len;
        if numbers.below(3) > 0 {
            new.extend(piece(numbers, examples));
        }
    }
    if numbers.below(3) > 0 {
        kept.push(Kept { from: at, to: new.len(), len: old.len() - at });
        new.extend_from_slice(&old[at..]);
    }
    (new, kept)
}

#[test]
fn a_version_gives_what_the_whole_text_gives() {
    let examples = examples();
    let mut numbers = Numbers(11);
    let mut scratch = Scratch::default();
    let (mut as_before, mut inherited, mut found) = (0, 0, 0);
    for round in 0..400 {
        let mut text: Vec<u8> = (0..=numbers.below(30)).flat_map(|_| piece(&mut numbers, &examples)).collect();
        let mut trace: Trace = DETECTOR.trace(&text, true, &mut scratch);
        let (_, mut memory): (Derived, Memory) = examine_derived(&DETECTOR, &text, None, true, &mut scratch);
        let mut last = judged(&examine(&DETECTOR, &text, None, &mut scratch), &text);
        // Each version is made from the one before: what is wrong once stays wrong.
        for version in 0..6 {
            let (new, kept) = edited(&mut numbers, &text, &examples);
            let shared = Stretches::of(&kept, text.len(), new.len());
            let derived = DETECTOR.retrace(&new, &trace, &shared, true, &mut scratch);
            let whole = DETECTOR.trace(&new, true, &mut scratch);
            let place = format!("round {round}, version {version}");
            // What nothing is made from leaves less and tells the same.
            let last_one = DETECTOR.retrace(&new, &trace, &shared, false, &mut scratch);
            assert_eq!(last_one.candidates, whole.candidates, "{place}");
            assert_eq!(last_one.inherited, derived.inherited, "{place}");
            assert_eq!(derived.candidates, whole.candidates, "{place}");
            assert_eq!(derived.out_of_budget, whole.out_of_budget, "{place}");
            inherited += derived.inherited.iter().flatten().count();
            let expected = examine(&DETECTOR, &new, None, &mut scratch);
            let (outcome, next) = examine_derived(&DETECTOR, &new, Some((&memory, &kept)), true, &mut scratch);
            let of_new = judged(&expected, &new);
            compared::same(&outcome, &expected, (&last, &of_new), &|| place.clone());
            as_before += usize::from(matches!(outcome, Derived::AsBefore));
            found += expected.found.len();
            (text, trace, memory, last) = (new, derived, next, of_new);
        }
    }
    assert!(as_before > 50 && inherited > 2000 && found > 2000, "{as_before} {inherited} {found}");
}

/// An edit of a few bytes in a large text costs a few bytes of work, wherever it is: that is what inheriting is for.
#[test]
fn what_lies_far_from_an_edit_is_inherited() {
    let mut scratch = Scratch::default();
    let line = "client = connect(\"https://db.example.org\", token=load(\"x\"))  # reads AKIA and sk_live_ alike\n";
    let old = line.repeat(2000).into_bytes();
    let trace = DETECTOR.trace(&old, true, &mut scratch);
    let at = old.len() / 2;
    let new = [&old[..at], b"password = \"hunter2hunter2\"\n", &old[at..]].concat();
    let kept = [Kept { from: 0, to: 0, len: at }, Kept { from: at, to: at + 28, len: old.len() - at }];
    let shared = Stretches::of(&kept, old.len(), new.len());
    let derived = DETECTOR.retrace(&new, &trace, &shared, true, &mut scratch);
    assert_eq!(derived.candidates, DETECTOR.trace(&new, true, &mut scratch).candidates);
    let fresh = derived.inherited.iter().filter(|place| place.is_none()).count();
    assert!(fresh * 20 <= derived.candidates.len().max(40), "{fresh} of {}", derived.candidates.len());
}
