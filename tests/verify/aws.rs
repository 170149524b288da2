//! AWS keys against a real checker of signatures: moto's server.

use crate::ask::{ask, options};
use crate::fake::{Fake, Reply, authority, certificate};
use crate::moto::{not_done, program};
use base64::Engine as _;
use keysift::detect::Detector;
use keysift::finding::{Finding, IdentityKey, Status, Verification};
use keysift::pipeline::Collector;
use keysift::rule::RuleSet;
use keysift::rule::format::verify::Doubt;
use keysift::source::{Stop, stdin};
use keysift::verify::plan;
use keysift::verify::protocol::sigv4::{Signed, Signer};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const HOSTS: [&str; 3] = ["sts.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "sts.us-gov-west-1.amazonaws.com"];

/// A running server; it ends with the test.
struct Moto {
    child: Child,
    address: SocketAddr,
    _files: tempfile::TempDir,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// Starts it; after `open` actions it asks for signatures.
    fn start(open: u32) -> Result<Self, String> {
        let program = program()?;
        let files = tempfile::tempdir().map_err(|e| e.to_string())?;
        let pem = |label: &str, der: &[u8]| {
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
        };
        let (chain, key) = certificate(&HOSTS);
        std::fs::write(files.path().join("cert.pem"), pem("CERTIFICATE", &chain)).map_err(|e| e.to_string())?;
        let label = ["PRIVATE", "KEY"].join(" ");
        std::fs::write(files.path().join("key.pem"), pem(&label, key.secret_der())).map_err(|e| e.to_string())?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string(), "--ssl-cert", "cert.pem", "--ssl-key", "key.pem"])
            .current_dir(files.path())
            .env("INITIAL_NO_AUTH_ACTION_COUNT", open.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let moto = Self { child, address, _files: files };
        let begin = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err("moto's server does not come up".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(moto)
    }

    /// Does something in IAM, before signatures are asked for.
    fn iam(&self, form: &str) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = reqwest::Certificate::from_pem(authority().as_bytes()).expect("a certificate");
        let client = reqwest::blocking::Client::builder()
            .tls_certs_merge([ca])
            .no_proxy()
            .resolve(HOSTS[0], SocketAddr::new(self.address.ip(), 0))
            .build()
            .expect("a client");
        let answer = client
            .post(format!("https://{}:{}/", HOSTS[0], self.address.port()))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x",
            )
            .body(form.to_owned())
            .send()
            .expect("an answer");
        let status = answer.status();
        let text = answer.text().expect("a text");
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    /// A user with an access key: id and secret.
    fn user(&self) -> (String, String) {
        self.iam("Action=CreateUser&UserName=deployer&Version=2010-05-08");
        let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
        self.iam(&format!("Action=PutUserPolicy&UserName=deployer&PolicyName=all&PolicyDocument={policy}&Version=2010-05-08"));
        let made = self.iam("Action=CreateAccessKey&UserName=deployer&Version=2010-05-08");
        let of = |name: &str| {
            let inside = made.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{made}")).1;
            inside.split_once("</").expect("an end").0.to_owned()
        };
        (of("AccessKeyId"), of("SecretAccessKey"))
    }

    /// What is found in a text, and known of it.
    fn asked(&self, text: &str) -> Vec<(Finding, Verification)> {
        asked(text, self.address)
    }
}

fn asked(text: &str, address: SocketAddr) -> Vec<(Finding, Verification)> {
    let rules = RuleSet::built_in();
    let (detector, stop) = (Detector::new(rules.clone()), Stop::new());
    let collector = Collector::new(&detector, &stop, false, &|_, _| false);
    stdin::scan_text(text.as_bytes(), "credentials", 0, &collector).expect("a text");
    let findings: Vec<Finding> = collector.finish(&IdentityKey::public()).findings;
    let findings: Vec<Finding> = findings.into_iter().filter(|f| f.rule.verify.is_some()).collect();
    let cases = plan::cases(&findings, &rules, &IdentityKey::public(), 0);
    let places: Vec<usize> = cases.iter().map(|c| c.findings[0]).collect();
    let options = options(&HOSTS.map(str::to_owned), address);
    let answers = ask(cases, options);
    let mut all: Vec<_> = places.into_iter().map(|n| findings[n].clone()).zip(answers).collect();
    all.sort_by_key(|(f, _)| f.location.byte_start);
    all
}

fn ini(id: &str, secret: &str) -> String {
    format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
}

/// Another secret of the same form.
fn wrong(seed: &str) -> String {
    crate::support::fill("{base64:40}", seed)
}

#[test]
fn keys_are_live_and_dead_as_signatures_say() {
    let moto = match Moto::start(3) {
        Ok(moto) => moto,
        Err(why) => {
            not_done(&why);
            return;
        }
    };
    let (id, secret) = moto.user();
    let live = moto.asked(&ini(&id, &secret));
    assert_eq!(live.len(), 1);
    let known = &live[0].1;
    assert_eq!(known.status, Status::Live, "{known:?}");
    assert_eq!(known.identity["account"], "123456789012");
    assert_eq!(known.identity["arn"], "arn:aws:iam::123456789012:user/deployer");
    assert_eq!(keysift::verify::protocol::aws_sts::account(&id).as_deref(), Some("123456789012"), "the account stands in {id}");

    let known = moto.asked(&ini(&id, &wrong("wrong")))[0].1.clone();
    assert_eq!((known.status, known.detail.as_deref()), (Status::Dead, Some("the secret does not belong to the key id")));
    // An id that no partition knows.
    let unknown = crate::support::fill("AKIA{base32:16}", "nobody");
    let known = moto.asked(&ini(&unknown, &secret))[0].1.clone();
    assert_eq!(
        (known.status, known.detail.as_deref()),
        (Status::Dead, Some("no partition of AWS knows the key id as an active one"))
    );
    assert!(known.identity.contains_key("account"));
    // The right id is the second nearest: both are tried.
    let known = moto.asked(&format!("{}old_id = {unknown}\n", ini(&id, &secret)))[0].1.clone();
    assert_eq!(known.status, Status::Live, "{known:?}");
}

#[test]
fn a_canary_and_a_session_without_its_token_are_not_asked_about() {
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let canary = ["AKIAAYLPMN5H", "AXKQ7M2T"].concat();
    let known = asked(&ini(&canary, &wrong("canary")), nowhere)[0].1.clone();
    assert!(known.is_because(Doubt::Canary), "{known:?}");
    assert_eq!(known.identity["account"], "052310077262");
    let session = crate::support::fill("ASIA{base32:16}", "session");
    let known = asked(&ini(&session, &wrong("session")), nowhere)[0].1.clone();
    assert!(known.is_because(Doubt::CompanionMissing), "{known:?}");
}

/// AWS refuses right signatures for some seconds after a wrong one for the same id: what was refused in that time is asked
/// again. This stand-in does the same, by the secret that it knows.
#[test]
fn a_right_secret_after_a_wrong_one_is_asked_about_again() {
    let id = crate::support::fill("AKIA{base32:16}", "five seconds");
    let (right, other) = (wrong("right one"), wrong("wrong one"));
    let last: Mutex<Option<Instant>> = Mutex::default();
    let (known_id, known_secret) = (id.clone(), right.clone());
    let fake = Fake::start(move |asked| {
        let of = |name: &str| asked.header(name).unwrap_or_default().to_owned();
        let (kind, host, time) = (of("content-type"), of("host"), of("x-amz-date"));
        let headers = [("content-type", kind.as_str()), ("host", host.as_str()), ("x-amz-date", time.as_str())];
        let signer =
            Signer { key_id: &known_id, secret: known_secret.as_bytes(), region: "us-east-1", service: "sts", time: &time };
        let request = Signed { method: "POST", path: "/", query: "", headers: &headers, body: &asked.body };
        let is_right = *signer.authorization(&request) == of("authorization");
        let mut last = last.lock().expect("no test panicked here");
        let is_quiet = last.is_none_or(|at| at.elapsed() > Duration::from_secs(5));
        if is_right && is_quiet {
            let body = "<Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>A</UserId><Account>123456789012</Account>";
            return Reply::new(200, body);
        }
        if !is_right {
            *last = Some(Instant::now());
        }
        Reply::new(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")
    });
    let text = format!("{}\naws_secret_access_key = {right}\n", ini(&id, &other));
    let all = asked(&text, fake.address);
    let of = |secret: &str| all.iter().find(|(f, _)| f.secret.expose() == secret.as_bytes()).expect("it is found").1.clone();
    assert_eq!(of(&right).status, Status::Live, "{:?}", of(&right));
    assert_eq!(of(&other).status, Status::Dead, "{:?}", of(&other));
}
