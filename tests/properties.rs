//! Laws that hold for every text: what is found, where it stands, what is shown of it.

use keysift::detect::candidate::CONTEXT;
use keysift::detect::{ByteSpan, Candidate, Scratch};
use keysift::examine::examine;
use keysift::finding::location::{Base, Place, Places, place};
use keysift::finding::{Redactor, Secret, redact, snippet};
use keysift::rule::{Rule, Scope, template};
use keysift::source::Encoding;
use proptest::prelude::*;

#[path = "support/compared.rs"]
mod compared;

use compared::{DETECTOR, EXAMPLES, KEYWORDS};

/// Each run takes other cases; `KEYSIFT_SLOW_TESTS` takes ten times as many, or as many times as it says.
fn config(cases: u32) -> ProptestConfig {
    let times = std::env::var("KEYSIFT_SLOW_TESTS").map_or(1, |v| v.parse().unwrap_or(1).max(10));
    ProptestConfig { cases: cases * times, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

const GLUE: &[&[u8]] = &[
    b"\n", b"\r\n", b" ", b"=", b": ", b"\"", b"'", b"`", b"\\\"", b"<", b">", b"{", b"}", b"(", b"),", b"[", b"#", b"//", b"--",
    b"_", b"-", b".", b"\t", b"\0", b"\xff", b"\xc3\xa9", b"password", b"secret = ", b"token: ", b"api_key", b" => ",
    b"-----BEGIN", b"-----END", b"KEY-----", b"aaaaaaaa",
];

/// A piece of text: an example whole, cut or changed, a keyword, glue, noise, or a long stretch of nothing.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<prop::sample::Index>().prop_map(|i| i.get(&EXAMPLES).clone()),
        3 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(i, a, b)| {
            let text = i.get(&EXAMPLES);
            let (a, b) = (a.index(text.len() + 1), b.index(text.len() + 1));
            text[a.min(b)..a.max(b)].to_vec()
        }),
        2 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(i, at, byte)| {
            let mut text = i.get(&EXAMPLES).clone();
            let at = at.index(text.len());
            text[at] = byte;
            text
        }),
        4 => any::<prop::sample::Index>().prop_map(|i| i.get(&KEYWORDS).as_bytes().to_vec()),
        6 => any::<prop::sample::Index>().prop_map(|i| GLUE[i.index(GLUE.len())].to_vec()),
        2 => "[0-9A-Za-z+/_-]{1,80}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (1_usize..6000).prop_map(|n| b"lorem ipsum ".iter().copied().cycle().take(n).collect()),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 1..14).prop_map(|pieces| pieces.concat())
}

fn key(c: &Candidate) -> (&'static str, ByteSpan, ByteSpan) {
    (DETECTOR.rules().get(c.rule).id, c.span, c.secret)
}

proptest! {
    #![proptest_config(config(400))]

    /// The prefilter and the windows lose nothing and add nothing.
    #[test]
    fn windows_find_what_the_whole_text_holds(text in text()) {
        compared::windows(&text);
    }

    /// Every span lies in the text, the secret within the match, and nothing is empty.
    #[test]
    fn spans_lie_in_the_text(text in text()) {
        for c in DETECTOR.detect(&text, &mut Scratch::default()).candidates {
            prop_assert!(c.span.start < c.span.end && c.span.end <= text.len(), "{:?}", key(&c));
            prop_assert!(c.span.contains(c.secret) && !c.secret.is_empty(), "{:?}", key(&c));
            prop_assert!((0.0..=8.0).contains(&c.entropy));
        }
    }

    /// One buffer used for many texts gives what a new one gives.
    #[test]
    fn buffers_remember_nothing(a in text(), b in text()) {
        let mut scratch = Scratch::default();
        let _ = DETECTOR.detect(&a, &mut scratch);
        let used = DETECTOR.detect(&b, &mut scratch).candidates;
        prop_assert_eq!(used, DETECTOR.detect(&b, &mut Scratch::default()).candidates);
    }

    /// A candidate depends on its match and on 256 bytes around it: text further off changes nothing, but where it takes part
    /// in a match of the same rule that overlaps.
    #[test]
    fn far_text_changes_no_candidate(text in text(), before in text(), after in text()) {
        let rules = DETECTOR.rules();
        let alone = DETECTOR.detect(&text, &mut Scratch::default()).candidates;
        for c in &alone {
            if rules.get(c.rule).scope == Scope::Blob {
                continue;
            }
            let from = c.span.start.saturating_sub(CONTEXT);
            let to = text.len().min(c.span.end + CONTEXT);
            let moved = [&before[..], &text[from..to], &after[..]].concat();
            let by = before.len();
            // Cut at the context where there is more of it, so that what is glued on stands as far away as may be.
            if from == 0 || to == text.len() {
                continue;
            }
            let shifted = |s: ByteSpan| ByteSpan::new(s.start - from + by, s.end - from + by);
            let found = DETECTOR.detect(&moved, &mut Scratch::default()).candidates;
            let same = found.iter().any(|f| f.rule == c.rule && f.span == shifted(c.span) && f.secret == shifted(c.secret));
            let overlapped = found.iter().any(|f| f.rule == c.rule && f.span.overlaps(shifted(c.span)));
            prop_assert!(same || overlapped, "{:?} is lost", key(c));
        }
    }

    /// What is found is judged alike each time, in order, and nothing overlaps.
    #[test]
    fn findings_are_in_order_and_apart(text in text()) {
        let examined = examine(&DETECTOR, &text, Some("a/b.txt"), &mut Scratch::default());
        let again = examine(&DETECTOR, &text, Some("a/b.txt"), &mut Scratch::default());
        prop_assert_eq!(format!("{:?}", examined.found), format!("{:?}", again.found));
        for pair in examined.found.windows(2) {
            prop_assert!(pair[0].at().end <= pair[1].at().start);
        }
        for j in examined.found.iter().chain(&examined.rejected) {
            prop_assert!((0.0..=1.0).contains(&j.verdict.score) && !j.verdict.reasons.is_empty());
        }
        prop_assert!(examined.found.iter().all(|j| j.verdict.level().is_some()));
    }

    /// The line that is shown holds no found secret, and its mark is where the secret was.
    #[test]
    fn a_snippet_never_holds_the_secret(text in text()) {
        let examined = examine(&DETECTOR, &text, Some("a.txt"), &mut Scratch::default());
        let hidden: Vec<(ByteSpan, String)> = examined
            .found
            .iter()
            .map(|j| (j.at(), redact::shown(j.rule, j.value(&text))))
            .collect();
        for j in &examined.found {
            let secret = j.at();
            let made = snippet::snippet(&text, secret, &hidden);
            for shown in [made.clone(), made.cut()] {
                let marked: String = shown.text.chars().skip(shown.mark_start).take(shown.mark_end - shown.mark_start).collect();
                // Behind one encoded stretch may stand several secrets: one of them is shown there.
                let of = |h: &(ByteSpan, String)| h.0.overlaps(secret) && h.1 == marked;
                prop_assert!(hidden.iter().any(of), "{marked}");
                prop_assert!(j.decoding.is_some() || marked == redact::shown(j.rule, j.value(&text)), "{marked}");
                prop_assert!(!shown.text.contains('\n'));
                prop_assert!(shown.cut().text.chars().count() <= 2 * 82 + 100);
                // The same bytes elsewhere on the line, where no rule sees them, are for the redactor of the run.
                let elsewhere = text.windows(secret.len()).filter(|w| *w == secret.of(&text)).count() > 1;
                let bytes = String::from_utf8_lossy(secret.of(&text)).into_owned();
                prop_assert!(elsewhere || secret.len() < 8 || !shown.text.contains(&bytes), "{}", shown.text);
            }
        }
    }

    /// What is shown of a secret leaves 20 of its characters hidden, or all of them but a public prefix.
    #[test]
    fn what_is_shown_of_a_secret_is_little(text in text()) {
        for j in examine(&DETECTOR, &text, None, &mut Scratch::default()).found {
            let secret = String::from_utf8_lossy(j.value(&text)).into_owned();
            let shown = redact::shown(j.rule, secret.as_bytes());
            let length = secret.chars().count();
            let size = format!("{length} characters");
            prop_assert!(shown.contains(&size), "{shown}");
            let (head, rest) = shown.split_once('…').expect("something is left out");
            prop_assert!(secret.starts_with(head));
            prop_assert!(j.rule.keywords.iter().any(|k| k.eq_ignore_ascii_case(head)) || head.is_empty(), "{shown}");
            let tail = rest.split_once(" (").expect("a length").0;
            prop_assert!(tail.is_empty() || tail.chars().count() == 4 && length - head.chars().count() - 4 >= 20, "{shown}");
        }
    }
}

proptest! {
    #![proptest_config(config(3000))]

    /// What a fuzzer is asked (`fuzz/`), asked of chance: the prefilters find the same.
    #[test]
    fn prefilters_find_the_same(input in prop::collection::vec(any::<u8>(), 0..400)) {
        compared::prefilters(&input);
    }
}

proptest! {
    #![proptest_config(config(1000))]

    /// The same of windows and whole texts.
    #[test]
    fn windows_find_what_spelled_texts_hold(input in prop::collection::vec(any::<u8>(), 0..100)) {
        compared::detection(&input);
    }
}

proptest! {
    #![proptest_config(config(2000))]

    /// The same of versions of a text and all of each.
    #[test]
    fn versions_tell_what_whole_texts_tell(input in prop::collection::vec(any::<u8>(), 64..300)) {
        compared::versions(&input);
    }
}

/// Line and column by counting characters one after the other.
fn counted(text: &[u8], at: usize) -> (u64, u64) {
    let (mut line, mut column) = (1, 1);
    let mut i = 0;
    while i < at {
        let rest = &text[i..at];
        let len = (1..=rest.len().min(4)).find(|n| std::str::from_utf8(&rest[..*n]).is_ok()).unwrap_or(1);
        (line, column) = if rest[0] == b'\n' { (line + 1, 1) } else { (line, column + 1) };
        i += len;
    }
    (line, column)
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn places_are_what_counting_gives(
        text in prop::collection::vec(prop_oneof![Just(b"\n".to_vec()), Just("é".into()), Just("\u{1F600}".into()), Just(vec![0xff]), Just(vec![0xe2, 0x82]), Just(b"ab".to_vec()), Just(b"\r\n".to_vec())], 0..60),
        spans in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8),
    ) {
        let text = text.concat();
        let mut places = Places::new(&text, Base::default());
        for (a, b) in spans {
            let (a, b) = (a.index(text.len() + 1), b.index(text.len() + 1));
            // Only spans between characters: no rule cuts one.
            let between = |at: usize| (at..=text.len()).find(|n| text.get(*n).is_none_or(|b| b & 0xc0 != 0x80)).expect("the end is one");
            let span = ByteSpan::new(between(a.min(b)), between(a.max(b)));
            let ((sl, sc), (el, ec)) = (counted(&text, span.start), counted(&text, span.end));
            let expected = Place { start_line: sl, start_column: sc, end_line: el, end_column: ec };
            prop_assert_eq!(places.of(span), expected);
            prop_assert_eq!(place(&text, span, Base::default()), expected);
        }
    }

    #[test]
    fn wide_text_comes_back(text in "[ -~\u{a1}-\u{ff}\u{3040}-\u{30ff}\u{1F600}-\u{1F640}\r\n]{0,200}", unit in prop::sample::select(vec![2, 4]), big_endian: bool) {
        let units: Vec<u8> = if unit == 2 {
            text.encode_utf16().flat_map(|u| if big_endian { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        } else {
            text.chars().flat_map(|c| if big_endian { (c as u32).to_be_bytes() } else { (c as u32).to_le_bytes() }).collect()
        };
        let encoding = if unit == 2 { Encoding::Utf16 { big_endian, bom: false } } else { Encoding::Utf32 { big_endian, bom: false } };
        let mut out = Vec::new();
        encoding.transcode(&units, &mut out);
        prop_assert_eq!(std::str::from_utf8(&out), Ok(text.as_str()));
        for (at, _) in text.char_indices() {
            let mut head = Vec::new();
            let stored = encoding.stored_len(&text.as_bytes()[..at]);
            encoding.transcode(&units[..usize::try_from(stored).expect("small")], &mut head);
            prop_assert_eq!(&head, &text.as_bytes()[..at], "offsets map back");
        }
        prop_assert_eq!(encoding.stored_len(&out), units.len() as u64);
    }

    #[test]
    fn any_bytes_have_an_encoding(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let encoding = Encoding::of(&bytes);
        prop_assert!(encoding.mark_len() <= bytes.len());
        let mut out = Vec::new();
        encoding.transcode(&bytes[encoding.mark_len()..], &mut out);
        prop_assert!(!encoding.is_wide() || std::str::from_utf8(&out).is_ok());
    }

    #[test]
    fn templates_are_filled_the_same_way_each_time(template in "([a-z_]{0,6}|\\{(alnum|hex|digits|base64|uuid|lower):?[0-9]{0,3}\\}|[{}]){0,6}", seed in "[a-z]{0,5}") {
        let once = template::fill(&template, &seed, None);
        prop_assert_eq!(&once, &template::fill(&template, &seed, None));
    }

    /// Whatever the redactor knows is nowhere in what it lets through, and what holds nothing stays as it is.
    #[test]
    fn the_redactor_hides_all_it_knows(
        secrets in prop::collection::btree_set("[a-zA-Z0-9!$ ]{6,30}", 1..6),
        text in prop::collection::vec(prop_oneof![(0_usize..6).prop_map(Ok), "[a-z ]{0,9}".prop_map(Err)], 0..12),
    ) {
        let secrets: Vec<String> = secrets.into_iter().filter(|s| s.trim().len() >= 6).collect();
        prop_assume!(!secrets.is_empty());
        let redactor = Redactor::new(secrets.iter().map(|s| Secret::new(s.as_bytes())).collect());
        let text: String = text.iter().map(|t| match t {
            Ok(n) => secrets[n % secrets.len()].clone(),
            Err(words) => words.clone(),
        }).collect();
        let clean = redactor.redact(&text);
        for secret in &secrets {
            // What stands in the words "redacted" and "characters" is no leak.
            prop_assume!(!"[redacted: 1234567890 characters]".contains(secret.trim()));
            prop_assert!(!clean.contains(secret.trim()), "{secret:?} in {clean:?}");
        }
        if !secrets.iter().any(|s| text.contains(s.trim())) {
            prop_assert_eq!(clean, text);
        }
    }
}

/// Closing markers are found once for many openings, wherever they stand: the same as looking behind each opening anew.
#[test]
fn openings_and_closings_in_every_order() {
    let rules: Vec<&Rule> = DETECTOR.rules().iter().map(|(_, r)| r).filter(|r| r.until.is_some()).collect();
    let mut texts = Vec::new();
    for rule in &rules {
        let example = template::example(&rule.examples[0], rule.id, rule.checksum.map(|c| c.kind)).expect(rule.id).1;
        let head = example[..example.len() / 3].to_owned();
        let tail = example[example.len() * 2 / 3..].to_owned();
        for gap in [0, 10, 70_000] {
            let filler = "A".repeat(gap);
            texts.push([head.as_str(), &filler, &head, &filler, &tail, "\n", &head, &tail, &tail].concat());
            texts.push([example.as_str(), &filler, &tail, &example, &head, &filler, &example].concat());
        }
    }
    for text in texts {
        compared::windows(text.as_bytes());
    }
}
