//! `MongoDB`: a login and goodbye. <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>

use super::database::{Line, Target, dead, in_turn};
use super::scram::Scram;
use crate::finding::{Secret, Verification};
use crate::rule::format::verify::Doubt;
use crate::verify::Asker;
use crate::verify::egress::Failure;
use crate::verify::plan::Way;
use zeroize::Zeroizing;

/// Logs in with what stands in the connection string.
pub(super) async fn ask(asker: &Asker, secret: &Secret, way: &Way) -> Verification {
    match Target::of(secret, way, 27017) {
        Ok(target) if target.scheme == "mongodb+srv" => Verification::unknown_because(
            Doubt::RefusedByPolicy,
            "its hosts stand in records of DNS, which keysift does not follow: a mongodb:// string names them",
        ),
        Ok(target) => in_turn(asker, &target, login(asker, &target)).await,
        Err(failure) => failure.into(),
    }
}

async fn login(asker: &Asker, target: &Target) -> Result<Verification, Failure> {
    let mut line = Line::open(asker, target).await?;
    let is_on = |name: &str| target.options.get(name).is_some_and(|v| v == "true");
    if is_on("tls") || is_on("ssl") {
        line = line.encrypt(asker, &target.host).await?;
    }
    let source = target.options.get("authsource").map_or(target.database.as_str(), String::as_str);
    let source = if source.is_empty() { "admin" } else { source };
    let scram = Scram::new(&target.user);
    let start = document(&[
        int("saslStart", 1),
        text("mechanism", "SCRAM-SHA-256"),
        binary("payload", scram.first().as_bytes()),
        text("$db", source),
    ]);
    let reply = command(&mut line, &start).await?;
    let Some(payload) = find(&reply, 5, "payload") else { return Ok(refusal(&reply)) };
    let last = scram.last(&String::from_utf8_lossy(payload), &target.password)?;
    let id = find(&reply, 16, "conversationId").and_then(|b| b.first_chunk::<4>()).map_or(1, |b| i32::from_le_bytes(*b));
    let next = Zeroizing::new(document(&[
        int("saslContinue", 1),
        int("conversationId", id),
        binary("payload", last.as_bytes()),
        text("$db", source),
    ]));
    let reply = command(&mut line, &next).await?;
    // The server's own proof is there only where ours was right.
    match find(&reply, 5, "payload") {
        Some(payload) if payload.starts_with(b"v=") => Ok(target.live()),
        _ => Ok(refusal(&reply)),
    }
}

/// By <https://www.mongodb.com/docs/manual/reference/error-codes/>.
fn refusal(reply: &[u8]) -> Verification {
    match find(reply, 16, "code").and_then(|b| b.first_chunk::<4>()).map(|b| i32::from_le_bytes(*b)) {
        Some(18) => dead("the login is refused (AuthenticationFailed, 18)"),
        Some(code) => Verification::unknown_because(Doubt::UnexpectedAnswer, &code.to_string()),
        None => Verification::unknown(Doubt::UnexpectedAnswer),
    }
}

/// Sends a command as `OP_MSG`; gives the document that comes back.
async fn command(line: &mut Line, document: &[u8]) -> Result<Vec<u8>, Failure> {
    let strange = || Failure::new(Doubt::UnexpectedAnswer, "it speaks no MongoDB that keysift knows");
    let len = i32::try_from(16 + 5 + document.len()).map_err(|_| strange())?;
    let head: Vec<u8> = [len, 1, 0, 2013, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    line.send(&Zeroizing::new([&head[..], &[0], document].concat())).await?;
    let head = line.read(16).await?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let body = line.read(len.checked_sub(16).ok_or_else(strange)?).await?;
    if head[12..16] != 2013i32.to_le_bytes() || body.get(4) != Some(&0) {
        return Err(strange());
    }
    Ok(body[5..].to_vec())
}

fn element(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

fn int(name: &str, value: i32) -> Vec<u8> {
    element(16, name, &value.to_le_bytes())
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let len = u32::try_from(value.len() + 1).unwrap_or(0).to_le_bytes();
    element(2, name, &[&len[..], value.as_bytes(), &[0]].concat())
}

fn binary(name: &str, value: &[u8]) -> Vec<u8> {
    let len = u32::try_from(value.len()).unwrap_or(0).to_le_bytes();
    element(5, name, &[&len[..], &[0], value].concat())
}

fn document(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    [&u32::try_from(body.len() + 5).unwrap_or(0).to_le_bytes()[..], &body, &[0]].concat()
}

/// The value of a top-level element; of binaries without their head. `None` where it is not there, or the document is none.
fn find<'a>(document: &'a [u8], kind: u8, name: &str) -> Option<&'a [u8]> {
    let mut rest = document.get(4..)?;
    while let [found, after @ ..] = rest {
        if *found == 0 {
            return None;
        }
        let end = after.iter().position(|b| *b == 0)?;
        let (key, value) = (&after[..end], &after[end + 1..]);
        let length = |at: usize| value.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let size = match found {
            1 | 9 | 17 | 18 => 8,
            2 => 4 + length(0)?,
            3 | 4 => length(0)?,
            5 => 5 + length(0)?,
            7 => 12,
            8 => 1,
            10 => 0,
            16 => 4,
            _ => return None,
        };
        let whole = value.get(..size)?;
        if *found == kind && key == name.as_bytes() {
            return if kind == 5 { whole.get(5..) } else { Some(whole) };
        }
        rest = value.get(size..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_written_and_read() {
        let written = document(&[int("ok", 1), text("name", "x"), binary("payload", b"v=abc"), int("code", 18)]);
        assert_eq!(u32::from_le_bytes([written[0], written[1], written[2], written[3]]) as usize, written.len());
        assert_eq!(find(&written, 5, "payload"), Some(&b"v=abc"[..]));
        assert_eq!(find(&written, 16, "code"), Some(&18i32.to_le_bytes()[..]));
        assert_eq!(find(&written, 5, "code"), None);
        for cut in 0..written.len() {
            let _ = find(&written[..cut], 16, "code");
        }
        assert!(refusal(&written).detail.is_some_and(|d| d.contains("18")));
    }
}
