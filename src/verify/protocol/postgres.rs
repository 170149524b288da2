//! `PostgreSQL`: a login and goodbye. <https://www.postgresql.org/docs/current/protocol-flow.html>

use super::database::{Line, Target, dead, in_the_clear, in_turn};
use super::scram::Scram;
use crate::finding::{Secret, Verification};
use crate::rule::format::verify::Doubt;
use crate::verify::Asker;
use crate::verify::egress::Failure;
use crate::verify::plan::Way;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// Logs in with what stands in the connection string.
pub(super) async fn ask(asker: &Asker, secret: &Secret, way: &Way) -> Verification {
    match Target::of(secret, way, 5432) {
        Ok(target) => in_turn(asker, &target, login(asker, &target)).await,
        Err(failure) => failure.into(),
    }
}

async fn login(asker: &Asker, target: &Target) -> Result<Verification, Failure> {
    let mut line = Line::open(asker, target).await?;
    line.send(&[&8u32.to_be_bytes()[..], &80_877_103u32.to_be_bytes()].concat()).await?;
    match line.read(1).await?[0] {
        b'S' => line = line.encrypt(asker, &target.host).await?,
        b'N' => {}
        _ => return Err(Failure::new(Doubt::UnexpectedAnswer, "it is no PostgreSQL")),
    }
    let database = if target.database.is_empty() { &target.user } else { &target.database };
    let login = format!("user\0{}\0database\0{database}\0application_name\0keysift\0\0", target.user);
    let body = [&196_608u32.to_be_bytes()[..], login.as_bytes()].concat();
    line.send(&[&length(body.len()), &body[..]].concat()).await?;
    let conversation = Scram::new("");
    let mut is_proven = false;
    loop {
        let (kind, body) = message(&mut line).await?;
        match (kind, number(&body)) {
            (b'R', Some(0)) => {
                line.send(&[b'X', 0, 0, 0, 4]).await.ok();
                return Ok(if is_proven {
                    target.live()
                } else {
                    Verification::unknown_because(Doubt::UnexpectedAnswer, "the server asks for no password")
                });
            }
            (b'R', Some(3)) if line.encrypted => {
                is_proven = true;
                answer(&mut line, &[&target.password[..], b"\0"].concat()).await?;
            }
            (b'R', Some(3)) => return Err(in_the_clear()),
            (b'R', Some(5)) => {
                is_proven = true;
                let inner = hex(&Md5::digest(Zeroizing::new([&target.password[..], target.user.as_bytes()].concat())));
                let outer = hex(&Md5::digest([inner.as_bytes(), body.get(4..8).unwrap_or_default()].concat()));
                answer(&mut line, format!("md5{}\0", *outer).as_bytes()).await?;
            }
            (b'R', Some(10)) => {
                let first = conversation.first();
                let offered = body[4..].split(|b| *b == 0).any(|name| name == b"SCRAM-SHA-256");
                if !offered {
                    return Err(Failure::new(Doubt::UnexpectedAnswer, "a way to log in that keysift does not know"));
                }
                let len = u32::try_from(first.len()).unwrap_or(0).to_be_bytes();
                answer(&mut line, &[b"SCRAM-SHA-256\0", &len[..], first.as_bytes()].concat()).await?;
            }
            (b'R', Some(11)) => {
                is_proven = true;
                let last = conversation.last(&String::from_utf8_lossy(&body[4..]), &target.password)?;
                answer(&mut line, last.as_bytes()).await?;
            }
            (b'E', _) => return Ok(refusal(&body)),
            // The server's own proof, and notices.
            (b'R', Some(12)) | (b'N', _) => {}
            _ => return Err(Failure::new(Doubt::UnexpectedAnswer, "a way to log in that keysift does not know")),
        }
    }
}

/// By <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn refusal(body: &[u8]) -> Verification {
    let code = body.split(|b| *b == 0).find_map(|field| field.strip_prefix(b"C")).unwrap_or_default();
    match code {
        b"28P01" => dead("the password is wrong (28P01)"),
        b"28000" => Verification::unknown_because(Doubt::ForbiddenForCaller, "no such login from this address (28000)"),
        _ if code.starts_with(b"53") || code.starts_with(b"57") => {
            Verification::unknown_because(Doubt::ServerError, &String::from_utf8_lossy(code))
        }
        _ => Verification::unknown_because(Doubt::UnexpectedAnswer, &String::from_utf8_lossy(&code[..code.len().min(5)])),
    }
}

async fn message(line: &mut Line) -> Result<(u8, Vec<u8>), Failure> {
    let head = line.read(5).await?;
    let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let len = len.checked_sub(4).ok_or_else(|| Failure::new(Doubt::UnexpectedAnswer, "it is no PostgreSQL"))?;
    Ok((head[0], line.read(len).await?))
}

async fn answer(line: &mut Line, body: &[u8]) -> Result<(), Failure> {
    let message = Zeroizing::new([b"p", &length(body.len())[..], body].concat());
    line.send(&message).await
}

/// The length of a message with itself.
fn length(body: usize) -> [u8; 4] {
    u32::try_from(body + 4).unwrap_or(u32::MAX).to_be_bytes()
}

fn number(body: &[u8]) -> Option<u32> {
    body.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    use std::fmt::Write as _;
    let mut text = Zeroizing::new(String::new());
    for b in bytes {
        let _ = write!(text, "{b:02x}");
    }
    text
}
