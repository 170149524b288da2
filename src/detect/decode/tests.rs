use super::super::stretches::{Kept, Stretches};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use std::io::Write as _;

/// All that the regions of `text` are written to.
fn written(text: &str) -> Vec<String> {
    let all = ByteSpan::new(0, text.len());
    let decoded = regions(text.as_bytes(), &[all]).into_iter().filter_map(|r| decode(text.as_bytes(), &r, MAX_DECODED));
    decoded.map(|d| String::from_utf8_lossy(&d.bytes).into_owned()).collect()
}

/// Where `part` of the only text that is written comes from.
fn source(text: &str, part: &str) -> String {
    let all = ByteSpan::new(0, text.len());
    let decoded: Vec<Decoded> =
        regions(text.as_bytes(), &[all]).iter().filter_map(|r| decode(text.as_bytes(), r, MAX_DECODED)).collect();
    assert_eq!(decoded.len(), 1, "{decoded:?}");
    let at = memchr::memmem::find(&decoded[0].bytes, part.as_bytes()).expect(part);
    let span = ByteSpan::new(at, at + part.len());
    assert!(decoded[0].is_changed(span));
    String::from_utf8_lossy(decoded[0].source(span).of(text.as_bytes())).into_owned()
}

#[test]
fn runs_of_base64_and_hex_are_written_with_their_line() {
    let plain = "user=bob; the horse is blue, and so on";
    assert_eq!(written(&format!("a\ncfg: {} # x\nb", BASE64.encode(plain))), [format!("cfg: {plain} # x")]);
    assert_eq!(written(&format!("cfg: {}", URL_SAFE_NO_PAD.encode(plain))), [format!("cfg: {plain}")]);
    let hex: String = plain.bytes().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(d.into(), 16)).collect();
    assert_eq!(written(&format!("cfg: {hex};")), [format!("cfg: {plain};")]);
    for text in [
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "a/rather/long/path/to/some/file/that/is/nowhere",
        "SomeVeryLongNameOfAClassThatNobodyWouldEverWant",
        "com.example.averylongpackagename.thatgoeson.andonandonforever",
        "================================================================",
    ] {
        assert_eq!(written(text), [""; 0], "{text}");
    }
}

#[test]
fn runs_go_on_over_lines() {
    let plain = "first line of some text\nsecond line, password=blue-horse\nthird line, and so it ends.";
    let encoded = BASE64.encode(plain);
    let wrapped: Vec<&str> = encoded.as_bytes().chunks(40).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let text = format!("data: |\n  {}\nnext: 1\n", wrapped.join("\n  "));
    let all = written(&text);
    assert!(all.iter().any(|t| t.trim_start() == plain), "{all:?}");
}

#[test]
fn what_is_compressed_is_inflated_within_bounds() {
    let plain = "name: release\npassword: blue-horse-staple\n".repeat(20);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let text = format!("release: {}", BASE64.encode(gzip.finish().unwrap()));
    assert_eq!(written(&text), [format!("release: {plain}")]);
    let region = &regions(text.as_bytes(), &[ByteSpan::new(0, text.len())])[0];
    assert_eq!(decode(text.as_bytes(), region, 100).unwrap().bytes.len(), 109);
    assert_eq!(decode(text.as_bytes(), region, MAX_DECODED).unwrap().chain, ["base64", "gzip"]);
}

#[test]
fn more_than_there_is_room_for_is_told() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&b" ".repeat(100_000)).unwrap();
    let text = format!("release: {}", BASE64.encode(gzip.finish().unwrap()));
    let region = &regions(text.as_bytes(), &[ByteSpan::new(0, text.len())])[0];
    assert!(!decode(text.as_bytes(), region, 100_000).unwrap().is_cut);
    assert!(decode(text.as_bytes(), region, 99_999).unwrap().is_cut);
    assert_eq!((room(0), room(1000), room(1 << 30)), (1 << 20, (1 << 20) + 200_000, MAX_DECODED));
}

/// Lines are cut where encoders cut them, and nowhere else.
#[test]
fn lines_of_quoted_printable_are_joined() {
    for (width, joined) in [(75, true), (73, true), (40, false), (90, false)] {
        let text = format!("{}=\nb", "a".repeat(width));
        assert_eq!(!written(&text).is_empty(), joined, "{width}");
    }
}

#[test]
fn utf_16_as_powershell_takes_it() {
    let wide: Vec<u8> = "net use z: /user:bob blue-horse".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(written(&format!("powershell -enc {}", BASE64.encode(wide))), ["powershell -enc net use z: /user:bob blue-horse"]);
}

#[test]
fn escapes_are_undone() {
    for (text, plain) in [
        (r#"p = "\u0068orse\u002d1""#, r#"p = "horse-1""#),
        (r#"p = "\x68orse""#, r#"p = "horse""#),
        (r#"p = "\150orse""#, r#"p = "horse""#),
        (r#"j = "{\"user\": \"bob\", \"path\": \"a\/b\"}""#, r#"j = "{"user": "bob", "path": "a/b"}""#),
        ("u?p=a%3Db%20c&q=%zz", "u?p=a=b c&q=%zz"),
        ("<x v='{&quot;p&quot;:&quot;a&amp;b&quot;}'>", "<x v='{\"p\":\"a&b\"}'>"),
        ("p=&#104;&#x6f;rse", "p=horse"),
        (r#"p = "\U00000068orse""#, r#"p = "horse""#),
        (r#"p = "\x{68}orse""#, r#"p = "horse""#),
        ("unescape('%u0068orse')", "unescape('horse')"),
        ("p=3Dhorse=5F1 =3d", "p=horse_1 =3d"),
    ] {
        assert_eq!(written(text), [plain], "{text}");
    }
    for text in [
        r#"printf("a\n\tb")"#, "a%20b 100%", "a &amp; b &lt;c&gt;", r"C:\Users\new\x", r"\u00e9\u4e2d", "%c3%a9", "a=\nb=20\n",
        "x=3d",
    ] {
        assert_eq!(written(text), [""; 0], "{text}");
    }
}

#[test]
fn strings_in_pieces_are_joined() {
    for (text, plain) in [
        (r#"k = "abc" + "def";"#, r#"k = "abcdef";"#),
        ("k = 'abc' .\n    'def';", "k = 'abcdef';"),
        ("k = (\"abc\"\n     \"def\")", "k = (\"abcdef\")"),
        ("k = \"abc\" \\\n  \"def\"", "k = \"abcdef\""),
        ("k = \"a1\" + \"b2\" +\n\"c3\"", "k = \"a1b2c3\""),
        ("key: |\n  value1\nnext: 2", "key: value1"),
        ("a:\n  key: >-\n    value1\n  next: 2", "  key: value1"),
    ] {
        assert_eq!(written(text), [plain], "{text}");
    }
    for text in [
        r#""said that " + "he would""#,
        r#"["abc", "def"]"#,
        "key: |\n  one\n  two\n",
        r#"x = "a" + b + "c""#,
        "\"one\\n\"\n\"two\"\n",
    ] {
        assert_eq!(written(text), [""; 0], "{text}");
    }
}

#[test]
fn lists_of_names_are_not_joined() {
    for text in [
        "import (\n\t\"fmt\"\n\t\"net/http\"\n\n\t\"example.com/pkg/secrets\"\n\t\"example.com/pkg/oauth2\"\n)",
        "import (\n\tsecrets \"example.com/pkg/secrets\"\n\t\"example.com/pkg/oauth2\"\n)",
        "names = [\n  'first'\n  'second'\n]",
    ] {
        assert_eq!(written(text), [""; 0], "{text}");
    }
    for (text, joined) in [
        ("t = (\"sk-4f9\"\n     \"a81c\")", "t = (\"sk-4f9a81c\")"),
        ("t = (\"correct\"\n     \"horse\")", "t = (\"correcthorse\")"),
        ("t = (\"postgres://user:password\"\n     \"@localhost\")", "t = (\"postgres://user:password@localhost\")"),
        ("t = (\"https://example.com/a1b2\"\n     \"/c3d4\")", "t = (\"https://example.com/a1b2/c3d4\")"),
    ] {
        assert_eq!(written(text), [joined], "{text}");
    }
}

#[test]
fn places_lead_back_to_the_encoded_text() {
    assert_eq!(source(r#"k = "a\u0062c""#, "abc"), r"a\u0062c");
    assert_eq!(source("k = \"ab\" + \"cd\"", "bc"), "b\" + \"c");
    let encoded = BASE64.encode("abcdefghijklmnopqrstuvwxyz");
    assert_eq!(source(&format!("k={encoded}"), "abc"), encoded[..4]);
    assert_eq!(source(&format!("k={encoded}"), "def"), encoded[4..8]);
    assert_eq!(source(&format!("k={encoded}"), "xyz"), encoded[30..]);
}

/// What a text shares with the one that it was made from it has inherited: looking around what is new gives the rest.
#[test]
fn regions_are_local() {
    let run = BASE64.encode("some text that is long enough to be looked at");
    let wrapped = BASE64.encode("some text that is long enough to be looked at, and goes on for a while over more than a line");
    let wrapped: Vec<&str> = wrapped.as_bytes().chunks(40).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let wrapped = format!("\n{}\n", wrapped.join("\n"));
    let wide = format!("{}\n", run.repeat(8));
    let words = "plain words and more\n".repeat(30);
    let pieces = [
        "x = 1;\n",
        "\"ab\" + \"cd\"\n",
        r"\u0061",
        &run,
        &wrapped,
        &wide,
        "&quot;",
        "=3D",
        "%3D",
        "\n",
        " ",
        "key: |\n  value\nk: 1\n",
        "plain words and more\n",
        &words,
    ];
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let (mut inherited, mut found_again) = (0, 0);
    for _ in 0..400 {
        let mut text = |most: usize| -> String { (0..=next(most)).map(|_| pieces[next(pieces.len())]).collect() };
        let (old, inserted) = (text(60), text(3));
        let cut = next(old.len() + 1);
        let gone = next((old.len() - cut).min(300) + 1);
        let new = [&old.as_bytes()[..cut], inserted.as_bytes(), &old.as_bytes()[cut + gone..]].concat();
        let (to, old) = (cut + inserted.len(), old.as_bytes());
        let kept = [Kept { from: 0, to: 0, len: cut }, Kept { from: cut + gone, to, len: new.len() - to }];
        let shared = Stretches::of(&kept, old.len(), new.len());
        let mut all: Vec<Region> = Vec::new();
        for region in regions(old, &[ByteSpan::new(0, old.len())]) {
            let moved = shared.holding_old(region.span, region.margin()).map(|kept| region.moved(kept.from, kept.to));
            all.extend(moved);
        }
        inherited += all.len();
        let around = regions(&new, &shared.gaps());
        found_again += around.len();
        all.extend(around.into_iter().filter(|r| shared.around(r.span, r.margin()).is_none()));
        all.sort_unstable();
        assert_eq!(all, regions(&new, &[ByteSpan::new(0, new.len())]), "{kept:?} of {}", String::from_utf8_lossy(&new));
    }
    assert!(inherited > 1000 && found_again > 1000, "{inherited} {found_again}");
}

/// A cluster that is longer than what is between changes is one region, found once.
#[test]
fn clusters_go_on_over_many_changes() {
    let text = "\\u0061 lorem ipsum dolor sit amet ".repeat(2000);
    let all = regions(text.as_bytes(), &[ByteSpan::new(0, text.len())]);
    assert_eq!(all.len(), 1);
    let changes: Vec<ByteSpan> = (0..10).map(|n| ByteSpan::new(n * 6000 + 500, n * 6000 + 510)).collect();
    assert_eq!(regions(text.as_bytes(), &changes), all);
}

#[test]
fn one_pass_sees_every_mark() {
    let pieces = [
        "\\u0041", "\\U00000041", "\\x41", "\\101", "\\\":", "\\\n", "%41", "%u0041", "&#65;", "&quot;", "&amp;", "=3D", "=\n",
        "=\r\n", "a\" + \"b", "a' . 'b", "a\"\n  \"b", "a\"\"b", "k: |\n    v\nx", "k: >-\n  v\n", "\"", "'", "&", "%", "=", " ",
        "\n", "ab", "7", "\\",
    ];
    let mut state = 11u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let mut seen = 0;
    for _ in 0..300 {
        let text: String =
            (0..next(120)).map(|_| if next(3) == 0 { "lorem ipsum dolor " } else { pieces[next(pieces.len())] }).collect();
        let text = text.as_bytes();
        let start = next(text.len() + 1);
        let zone = ByteSpan::new(start, start + next(text.len() - start + 1));
        let mut marks = marks::Marks::of(text, zone);
        for (n, kind) in marks::ORDER.into_iter().enumerate() {
            for _ in 0..20 {
                let from = next(text.len() + 1);
                let to = from + next(text.len() - from + 1);
                let slow = (from..to).find_map(|at| marks::is_mark(kind)(text, at));
                assert_eq!(marks.next(n, from, to), slow, "{kind:?} {from}..{to} of {:?}", String::from_utf8_lossy(text));
                seen += usize::from(slow.is_some());
            }
        }
    }
    assert!(seen > 5000, "{seen}");
}
