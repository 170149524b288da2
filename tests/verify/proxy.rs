//! Questions through a proxy of this machine: told as such, refused where addresses must be pinned, and to whom the proxy's
//! password goes. And authorities that the user adds.

use crate::fake::{Fake, Reply, authority};
use crate::support::{Tree, fill, github_token};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A proxy that knows one host, and notes what it is asked.
struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads every connection to `to`; `refuses` with this status line instead.
    fn start(to: SocketAddr, refuses: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(client, to, refuses, &log));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no test panicked here").clone()
    }
}

fn serve(mut client: TcpStream, to: SocketAddr, refuses: Option<&str>, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    log.lock().expect("no test panicked here").push(String::from_utf8_lossy(&head).into_owned());
    if let Some(status) = refuses {
        return client.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok();
    }
    let mut server = TcpStream::connect(to).ok()?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    client.shutdown(std::net::Shutdown::Both).ok()
}

/// GitHub, which knows every token.
fn github() -> Fake {
    Fake::start(|_| Reply::new(200, r#"{"login": "octo", "id": 7}"#))
}

/// A tree with one token, and the authority of the fakes beside it.
fn tree() -> (Tree, String) {
    let tree = Tree::new();
    tree.write("in/a.env", format!("GITHUB_TOKEN={}\n", github_token("through a proxy")));
    tree.write("ca.pem", authority());
    let ca = tree.join("ca.pem").display().to_string();
    (tree, ca)
}

fn verification(tree: &Tree, environment: &[(&str, &str)], flags: &[&str]) -> (Value, String) {
    let (_, stdout, stderr) = run(tree, environment, &[&["-f", "json"], flags].concat());
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout} {stderr}"));
    (report["findings"][0]["verification"].clone(), format!("{stdout}{stderr}"))
}

/// Scans and asks; gives the exit code, and what was printed.
fn run(tree: &Tree, environment: &[(&str, &str)], flags: &[&str]) -> (i32, String, String) {
    let mut command = tree.command(&[&["scan", "in", "--verify"], flags].concat());
    let done = command.envs(environment.iter().copied()).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (done.status.code().unwrap_or(-1), text(done.stdout), text(done.stderr))
}

#[test]
fn a_proxy_is_asked_for_the_host_alone_and_told() {
    let (tree, ca) = tree();
    let fake = github();
    let proxy = Proxy::start(fake.address, None);
    let password = fill("{alnum:18}", "of the proxy");
    let url = format!("http://me:{password}@{}", proxy.address);
    for name in ["HTTPS_PROXY", "all_proxy"] {
        let (known, told) = verification(&tree, &[(name, &url)], &["--ca", &ca]);
        assert_eq!((&known["status"], &known["via_proxy"]), (&"live".into(), &true.into()), "{told}");
        assert!(!told.contains(&password), "{told}");
    }
    let seen = proxy.seen();
    assert_eq!(seen.len(), 2);
    for head in &seen {
        assert!(head.starts_with("CONNECT api.github.com:443 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
        assert!(!head.contains("ghp_"), "{head}");
    }
    // What the proxy is told, the provider is not.
    assert_eq!(fake.seen().len(), 2);
    assert!(fake.seen().iter().all(|asked| asked.header("proxy-authorization").is_none()));
    assert!(fake.seen().iter().all(|asked| asked.header("authorization").is_some_and(|v| v.starts_with("Bearer ghp_"))));
}

#[test]
fn where_addresses_must_be_pinned_no_proxy_is_asked() {
    let (tree, ca) = tree();
    let fake = github();
    let proxy = Proxy::start(fake.address, None);
    let url = format!("http://{}", proxy.address);
    let pinned = ["--ca", &ca, "--require-pinned"];
    let (known, told) = verification(&tree, &[("HTTPS_PROXY", &url)], &pinned);
    assert_eq!((&known["status"], &known["reason"]), (&"unknown".into(), &"refused_by_policy".into()), "{told}");
    assert!(known["detail"].as_str().is_some_and(|d| d.contains("through a proxy")), "{known}");
    assert_eq!((proxy.seen().len(), fake.seen().len()), (0, 0));
    // Hosts that go without a proxy are pinned.
    let place = format!("api.github.com={}", fake.address);
    let direct = [&pinned[..], &["--connect-to", &place]].concat();
    let (known, told) = verification(&tree, &[("HTTPS_PROXY", &url), ("NO_PROXY", ".github.com")], &direct);
    assert_eq!((&known["status"], known.get("via_proxy").unwrap_or(&false.into())), (&"live".into(), &false.into()), "{told}");
    assert_eq!((proxy.seen().len(), fake.seen().len()), (0, 1));
}

#[test]
fn what_a_proxy_says_is_not_what_the_provider_says() {
    let (tree, ca) = tree();
    let fake = github();
    for status in ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"] {
        let proxy = Proxy::start(fake.address, Some(status));
        let url = format!("http://{}", proxy.address);
        let (known, told) = verification(&tree, &[("HTTPS_PROXY", &url)], &["--ca", &ca]);
        assert_eq!((&known["status"], &known["reason"]), (&"unknown".into(), &"network".into()), "{status}: {told}");
        assert!(!proxy.seen().is_empty());
    }
    // One that answers in the provider's place cannot show its certificate.
    let other = Fake::with_certificate_of("elsewhere.example");
    let proxy = Proxy::start(other.address, None);
    let (known, told) = verification(&tree, &[("HTTPS_PROXY", &format!("http://{}", proxy.address))], &["--ca", &ca]);
    assert_eq!((&known["status"], &known["reason"]), (&"unknown".into(), &"tls".into()), "{told}");
    assert_eq!((fake.seen().len(), other.seen().len()), (0, 0));
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error() {
    let (tree, _) = tree();
    for (url, why) in [("socks5://127.0.0.1:9", "only http and https proxies"), ("http://[", "no URL")] {
        let (code, _, stderr) = run(&tree, &[("HTTPS_PROXY", url)], &[]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[test]
fn authorities_are_trusted_where_the_user_names_them() {
    let (tree, ca) = tree();
    let fake = github();
    let place = format!("api.github.com={}", fake.address);
    let (known, _) = verification(&tree, &[], &["--connect-to", &place]);
    assert_eq!((&known["status"], &known["reason"]), (&"unknown".into(), &"tls".into()));
    assert_eq!(fake.seen().len(), 0, "nothing is sent to whom nobody vouches for");
    let (known, _) = verification(&tree, &[], &["--connect-to", &place, "--ca", &ca]);
    assert_eq!(known["status"], "live");
    tree.write("none.pem", "no certificate\n");
    for name in ["none.pem", "missing.pem"] {
        let (code, _, stderr) = run(&tree, &[], &["--ca", name]);
        assert_eq!(code, 2);
        assert!(stderr.contains(name), "{stderr}");
    }
}
