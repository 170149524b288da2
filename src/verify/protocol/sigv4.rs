//! AWS Signature Version 4: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use super::hmac;
use crate::finding::hex;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Who signs, and for what.
pub struct Signer<'a> {
    pub key_id: &'a str,
    pub secret: &'a [u8],
    pub region: &'a str,
    pub service: &'a str,
    /// `20150830T123600Z`
    pub time: &'a str,
}

/// What is signed.
pub struct Signed<'a> {
    pub method: &'a str,
    /// Encoded as it is sent.
    pub path: &'a str,
    /// In order, encoded.
    pub query: &'a str,
    /// Lower-case names, in order, values trimmed.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Signer<'_> {
    /// The value of the header `Authorization`.
    #[must_use]
    pub fn authorization(&self, request: &Signed<'_>) -> Zeroizing<String> {
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let day = &self.time[..8];
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text =
            format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.time, hex::encode(&Sha256::digest(canonical(request, &names))));
        let start = Zeroizing::new([b"AWS4", self.secret].concat());
        let key = [self.region, self.service, "aws4_request"]
            .iter()
            .fold(hmac(&start, day.as_bytes()), |key, part| hmac(&*key, part.as_bytes()));
        let signature = hex::encode(&*hmac(&*key, text.as_bytes()));
        Zeroizing::new(format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.key_id
        ))
    }
}

fn canonical(request: &Signed<'_>, names: &str) -> String {
    let mut text = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
    for (name, value) in request.headers {
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{names}\n{}", hex::encode(&Sha256::digest(request.body)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of AWS's test suite for Signature Version 4 (`aws-sig-v4-test-suite`): its credentials are published.
    fn signature(signed: &Signed<'_>) -> String {
        let published = ["wJalr", "XUtnFE", "MI/K7M", "DENG+b", "PxRfiC", "YEXAMP", "LEKEY"].concat();
        let with = Signer {
            key_id: "AKIDEXAMPLE",
            secret: published.as_bytes(),
            region: "us-east-1",
            service: "service",
            time: "20150830T123600Z",
        };
        with.authorization(signed).rsplit('=').next().expect("a signature").to_owned()
    }

    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

    #[test]
    fn vectors_of_aws() {
        let plain = Signed { method: "GET", path: "/", query: "", headers: &[HOST, DATE], body: b"" };
        let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let path = format!("/{unreserved}");
        let query = format!("{unreserved}={unreserved}");
        let form = [("content-type", "application/x-www-form-urlencoded"), HOST, DATE];
        let vectors = [
            ("get-vanilla", Signed { ..plain }, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "get-unreserved",
                Signed { path: &path, ..plain },
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "get-utf8",
                Signed { path: "/%E1%88%B4", ..plain },
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "get-vanilla-query-order-key-case",
                Signed { query: "Param1=value1&Param2=value2", ..plain },
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-vanilla-query-unreserved",
                Signed { query: &query, ..plain },
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                "post-vanilla",
                Signed { method: "POST", ..plain },
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-vanilla-query",
                Signed { method: "POST", query: "Param1=value1", ..plain },
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
            (
                "post-x-www-form-urlencoded",
                Signed { method: "POST", headers: &form, body: b"Param1=value1", ..plain },
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ];
        for (name, signed, wanted) in vectors {
            assert_eq!(signature(&signed), wanted, "{name}");
        }
    }

    #[test]
    fn the_header_names_key_and_scope() {
        let signer =
            Signer { key_id: "AKIDEXAMPLE", secret: b"s", region: "us-east-1", service: "sts", time: "20150830T123600Z" };
        let header = signer.authorization(&Signed { method: "GET", path: "/", query: "", headers: &[HOST, DATE], body: b"" });
        assert!(header.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="
        ));
    }
}
