//! What real tools make of keys is compared in `tests/structure.rs`.

use super::*;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};

fn text(secret: &str) -> Text<'_> {
    Text { secret: secret.as_bytes(), span: secret.as_bytes(), before: b"", after: b"" }
}

fn facts(kind: StructureKind, secret: &str) -> Vec<(&'static str, String)> {
    read(kind, text(secret)).facts
}

fn jwt(claims: &str, key: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(&signed).finalize();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes()))
}

#[test]
fn a_token_tells_its_claims() {
    let token = jwt(r#"{"iss":"https://id.example.org","sub":"u-1","aud":["a","b"],"exp":1700000000.5}"#, "k7Zq-3");
    assert_eq!(
        facts(StructureKind::Jwt, &token),
        [
            ("algorithm", "HS256".to_owned()),
            ("issuer", "https://id.example.org".to_owned()),
            ("subject", "u-1".to_owned()),
            ("audience", "a, b".to_owned()),
            ("expires", "2023-11-14T22:13:20Z".to_owned()),
        ]
    );
    assert_eq!(read(StructureKind::Jwt, text(&token)).says, Says::Nothing);
    assert_eq!(facts(StructureKind::Base64Jwt, &BASE64.encode(&token)).len(), 5);
}

#[test]
fn tokens_of_known_keys_and_public_ones_are_told() {
    let says = |claims: &str, key: &str| read(StructureKind::Jwt, text(&jwt(claims, key))).says;
    assert_eq!(says(r#"{"sub":"1"}"#, "your-256-bit-secret"), Says::Sample("jwt.io"));
    assert_eq!(says(r#"{"sub":"1"}"#, "secret"), Says::KnownKey("secret"));
    assert!(matches!(says(r#"{"iss":"supabase","role":"anon"}"#, "q8-x"), Says::Public(_)));
    assert_eq!(says(r#"{"iss":"supabase","role":"service_role"}"#, "q8-x"), Says::Nothing);
}

#[test]
fn what_is_no_token_is_broken() {
    for token in ["eyJhbGciOiJI.eyJh.x", "e30.e30.AAAA", "a.b.c", "a"] {
        assert!(matches!(read(StructureKind::Jwt, text(token)).says, Says::Broken(_)), "{token}");
    }
    let mut token = jwt(r#"{"sub":"1"}"#, "q8-x");
    token.truncate(token.len() - 4);
    assert!(matches!(read(StructureKind::Jwt, text(&token)).says, Says::Broken(_)));
}

/// The id and its account are those of <https://hackingthe.cloud/aws/enumeration/get-account-id-from-keys/>.
#[test]
fn aws_accounts() {
    assert_eq!(cloud::aws_account(["ASIAQNZGKI", "QY56JQ7WML"].concat().as_bytes()), Some(29_608_264_753));
    assert_eq!(cloud::aws_account(["AKIAIOSFOD", "NN7EXAMPLE"].concat().as_bytes()), None);
    assert_eq!(cloud::aws_account(b"AKIA"), None);
    let pair = ["ASIAQNZGKI", "QY56JQ7WML", " : somewhere"].concat();
    assert_eq!(facts(StructureKind::AwsKey, &pair), [("account", "029608264753".to_owned())]);
}

#[test]
fn a_macaroon_parses_to_its_end() {
    let mut bytes = vec![2, 1, 8];
    bytes.extend(b"pypi.org");
    bytes.extend([2, 4, b'a', b'b', b'c', b'd', 0]);
    let caveat = br#"["project"]"#;
    bytes.extend([2, u8::try_from(caveat.len()).unwrap()]);
    bytes.extend(caveat);
    bytes.extend([0, 0, 6, 32]);
    bytes.extend([7; 32]);
    let token = |bytes: &[u8]| format!("pypi-{}", URL_SAFE_NO_PAD.encode(bytes));
    let read_bytes = |bytes: &[u8]| read(StructureKind::PypiMacaroon, text(&token(bytes)));
    let whole = read_bytes(&bytes);
    assert_eq!(whole.facts, [("site", "pypi.org".to_owned()), ("restrictions", r#"["project"]"#.to_owned())]);
    assert!(matches!(whole.says, Says::Proven(_)));
    for cut in 0..bytes.len() {
        assert!(matches!(read_bytes(&bytes[..cut]).says, Says::Broken(_)), "{cut}");
    }
}

#[test]
fn parts_of_tokens() {
    let gitlab = format!("glpat-{}.01.0a1b2c3d4", URL_SAFE_NO_PAD.encode("o:1\nu:2s\nrandom-bytes"));
    assert_eq!(facts(StructureKind::GitlabRoutable, &gitlab), [("organization", "1".to_owned()), ("user", "100".to_owned())]);
    assert_eq!(
        facts(StructureKind::Slack, "xoxb-123456789012-234567890123-x"),
        [("team", "123456789012".to_owned()), ("user", "234567890123".to_owned())]
    );
    assert_eq!(facts(StructureKind::Slack, "T01ABCDEF/B02ABCDEF/x")[0], ("team", "T01ABCDEF".to_owned()));
    assert_eq!(facts(StructureKind::Telegram, "123456789:AAx"), [("bot", "123456789".to_owned())]);
    let discord = format!("{}.x.y", BASE64.encode("175928847299117063"));
    assert_eq!(facts(StructureKind::Discord, &discord)[0], ("user", "175928847299117063".to_owned()));
    // The sample id of Discord's documentation was made at 1462015105796.
    assert_eq!(facts(StructureKind::Discord, &discord)[1], ("account_created", "2016-04-30T11:18:25Z".to_owned()));
    assert!(matches!(read(StructureKind::Discord, text("MTIzNDU2.x.y")).says, Says::Broken(_)));
    assert_eq!(facts(StructureKind::Mailchimp, "abc-us21"), [("region", "us21".to_owned())]);
}

#[test]
fn json_behind_base64() {
    let token = format!("sntrys_{}_x", BASE64.encode(r#"{"iat":1700000000.1,"url":"https://sentry.io","org":"acme"}"#));
    assert_eq!(
        facts(StructureKind::Base64Json, &token),
        [
            ("url", "https://sentry.io".to_owned()),
            ("organization", "acme".to_owned()),
            ("issued", "2023-11-14T22:13:20Z".to_owned()),
        ]
    );
    let token = BASE64.encode("reftkn:01:1700000000:abc");
    assert_eq!(facts(StructureKind::Base64Json, &token), [("expires", "2023-11-14T22:13:20Z".to_owned())]);
    assert!(matches!(read(StructureKind::Base64Json, text("sntrys_abcdefabcdefabcdef_x")).says, Says::Broken(_)));
}

#[test]
fn logins() {
    let told = |span: &str, secret: &str, after: &str| {
        let text = Text { secret: secret.as_bytes(), span: span.as_bytes(), before: b"", after: after.as_bytes() };
        read(StructureKind::Login, text).facts.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        told("postgres://app:pw1@d", "pw1", "b.internal:5432/shop?x=1\" y"),
        "user=app host=db.internal:5432 database=shop"
    );
    assert_eq!(told(r"redis:\/\/:pw1@c", "pw1", r"ache\/0'"), "host=cache database=0");
    assert_eq!(told("Server=db1;User Id=sa;Password=pw1", "pw1", ";Database=shop\""), "user=sa host=db1 database=shop");
    assert_eq!(told("machine api.example.org login bob password pw1", "pw1", "\n"), "user=bob host=api.example.org");
    assert_eq!(told("bob:pw1@tcp(", "pw1", "db:3306)/shop"), "");
    let pair = BASE64.encode("bob:pw1");
    let span = format!("\"ghcr.io\": {{\"auth\": \"{pair}");
    let basic = Text { secret: pair.as_bytes(), span: span.as_bytes(), before: b"", after: b"" };
    assert_eq!(read(StructureKind::BasicAuth, basic).facts, [("user", "bob".to_owned()), ("host", "ghcr.io".to_owned())]);
}

#[test]
fn azure() {
    let span = "sv=2022-11-02&sp=rwl&se=2030-01-01T00%3A00%3A00Z&sig=x";
    let sas = Text { secret: b"x", span: span.as_bytes(), before: b"u = https://acme.blob.core.windows.net/c?", after: b"" };
    assert_eq!(
        read(StructureKind::AzureSas, sas).facts,
        [
            ("host", "acme.blob.core.windows.net".to_owned()),
            ("permissions", "rwl".to_owned()),
            ("expires", "2030-01-01T00:00:00Z".to_owned()),
        ]
    );
    assert_eq!(
        facts(
            StructureKind::AzureEndpoint,
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=x"
        ),
        [("name", "root".to_owned()), ("host", "acme.servicebus.windows.net".to_owned())]
    );
}

#[test]
fn hostile_texts_are_read_without_panic() {
    let kinds = StructureKind::NAMES.map(|(_, kind)| kind);
    let mut pieces: Vec<Vec<u8>> =
        vec![b"".to_vec(), b"-----BEGIN ".to_vec(), vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], vec![0xff; 300]];
    for bytes in [
        &b"openssh-key-v1\0\0\0\0\x04none\xff\xff\xff\xff"[..],
        &[0x30, 0x80, 2, 1, 0],
        &[0x95, 0xff, 0xff, 4],
        &[2, 1, 0xff, 0xff, 0xff],
    ] {
        pieces.push(BASE64.encode(bytes).into_bytes());
        pieces.push(format!("-----BEGIN X PRIVATE KEY BLOCK-----\n{}\n-----END X", BASE64.encode(bytes)).into_bytes());
        pieces.push(format!("pypi-{}", URL_SAFE_NO_PAD.encode(bytes)).into_bytes());
    }
    for first in &pieces {
        for second in &pieces {
            let secret = [&first[..], b".", second].concat();
            for kind in kinds {
                let _ = read(kind, Text { secret: &secret, span: &secret, before: first, after: second });
            }
        }
    }
}
