//! `MySQL` and `MariaDB`: a login and goodbye. <https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html>
//!
//! Accounts are bound to the addresses that they come from, and a refusal does not say whether the password or the address
//! is wrong: it is never dead.

use super::database::{Line, Target, in_the_clear, in_turn};
use crate::finding::{Secret, Verification};
use crate::rule::format::verify::Doubt;
use crate::verify::Asker;
use crate::verify::egress::Failure;
use crate::verify::plan::Way;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Protocol of 4.1, encryption, logins by plugin.
const PLAIN: u32 = 0x0000_0200 | 0x0000_8000 | 0x0008_0000 | 0x0000_0001;
const TLS: u32 = 0x0000_0800;
const PLUGINS: u32 = 0x0008_0000;

/// Logs in with what stands in the connection string.
pub(super) async fn ask(asker: &Asker, secret: &Secret, way: &Way) -> Verification {
    match Target::of(secret, way, 3306) {
        Ok(target) => in_turn(asker, &target, login(asker, &target)).await,
        Err(failure) => failure.into(),
    }
}

fn strange() -> Failure {
    Failure::new(Doubt::UnexpectedAnswer, "it speaks no MySQL that keysift knows")
}

async fn login(asker: &Asker, target: &Target) -> Result<Verification, Failure> {
    let mut line = Line::open(asker, target).await?;
    let (mut number, greeting) = packet(&mut line).await?;
    if greeting.first() == Some(&0xff) {
        return Ok(refusal(&greeting));
    }
    let hello = Greeting::read(&greeting).ok_or_else(strange)?;
    let head = |flags: u32| [&flags.to_le_bytes()[..], &(1u32 << 24).to_le_bytes(), &[45], &[0; 23]].concat();
    let mut flags = PLAIN;
    if hello.flags & TLS != 0 {
        flags |= TLS;
        number += 1;
        send(&mut line, number, &head(flags)).await?;
        line = line.encrypt(asker, &target.host).await?;
    }
    let proof = proof(&hello.plugin, &target.password, &hello.salt, line.encrypted)?;
    let mut body = Zeroizing::new(head(flags));
    body.extend_from_slice(target.user.as_bytes());
    body.push(0);
    body.push(u8::try_from(proof.len()).map_err(|_| strange())?);
    body.extend_from_slice(&proof);
    body.extend_from_slice(hello.plugin.as_bytes());
    body.push(0);
    send(&mut line, number + 1, &body).await?;
    loop {
        let (number, reply) = packet(&mut line).await?;
        match (reply.first(), reply.get(1)) {
            (Some(0x00), _) => {
                // COM_QUIT
                send(&mut line, 0, &[1]).await.ok();
                return Ok(target.live());
            }
            (Some(0xff), _) => return Ok(refusal(&reply)),
            (Some(0xfe), Some(_)) => {
                let end = reply.iter().position(|b| *b == 0).ok_or_else(strange)?;
                let plugin = String::from_utf8_lossy(&reply[1..end]).into_owned();
                let salt = reply[end + 1..].strip_suffix(b"\0").unwrap_or(&reply[end + 1..]);
                let proof = self::proof(&plugin, &target.password, salt, line.encrypted)?;
                send(&mut line, number + 1, &proof).await?;
            }
            // caching_sha2_password: the server knows it.
            (Some(0x01), Some(0x03)) => {}
            // It does not, and wants it whole.
            (Some(0x01), Some(0x04)) if line.encrypted => {
                send(&mut line, number + 1, &Zeroizing::new([&target.password[..], b"\0"].concat())).await?;
            }
            (Some(0x01), Some(0x04)) => return Err(in_the_clear()),
            _ => return Err(strange()),
        }
    }
}

/// By <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>.
fn refusal(packet: &[u8]) -> Verification {
    let code = packet.get(1..3).map_or(0, |c| u16::from_le_bytes([c[0], c[1]]));
    match code {
        1045 | 1698 => Verification::unknown_because(
            Doubt::UnprovenNegative,
            &format!("the password is wrong, or the account is bound to other addresses ({code})"),
        ),
        1130 | 1129 => Verification::unknown_because(Doubt::IpRestricted, &code.to_string()),
        1040 | 1203 | 1226 => Verification::unknown_because(Doubt::ServerError, &format!("too many connections ({code})")),
        _ => Verification::unknown_because(Doubt::UnexpectedAnswer, &code.to_string()),
    }
}

/// What the server says first.
struct Greeting {
    flags: u32,
    salt: Vec<u8>,
    plugin: String,
}

impl Greeting {
    fn read(packet: &[u8]) -> Option<Self> {
        let rest = packet.strip_prefix(&[10])?;
        let rest = &rest[rest.iter().position(|b| *b == 0)? + 1..];
        let mut salt = rest.get(4..12)?.to_vec();
        let low = u16::from_le_bytes([*rest.get(13)?, *rest.get(14)?]);
        let high = u16::from_le_bytes([*rest.get(18)?, *rest.get(19)?]);
        let flags = u32::from(high) << 16 | u32::from(low);
        let len = usize::from(*rest.get(20)?).max(21) - 8;
        let more = rest.get(31..31 + len)?;
        salt.extend_from_slice(more.strip_suffix(b"\0").unwrap_or(more));
        let name = rest.get(31 + len..).unwrap_or_default();
        let name = &name[..name.iter().position(|b| *b == 0).unwrap_or(name.len())];
        let plugin = if flags & PLUGINS == 0 || name.is_empty() { b"mysql_native_password" } else { name };
        Some(Self { flags, salt, plugin: String::from_utf8_lossy(plugin).into_owned() })
    }
}

/// How a password proves itself to a plugin.
fn proof(plugin: &str, password: &[u8], salt: &[u8], encrypted: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let xor = |a: &[u8], b: &[u8]| Zeroizing::new(a.iter().zip(b).map(|(a, b)| a ^ b).collect::<Vec<u8>>());
    match plugin {
        "mysql_native_password" => {
            let once = Sha1::digest(password);
            let salted = Sha1::new().chain_update(salt).chain_update(Sha1::digest(once)).finalize();
            Ok(xor(&once, &salted))
        }
        "caching_sha2_password" => {
            let once = Sha256::digest(password);
            let salted = Sha256::new().chain_update(Sha256::digest(once)).chain_update(salt).finalize();
            Ok(xor(&once, &salted))
        }
        "mysql_clear_password" if encrypted => Ok(Zeroizing::new([password, b"\0"].concat())),
        "mysql_clear_password" => Err(in_the_clear()),
        // What the server likes best may be of another kind: it says which one it takes for this user.
        _ => Ok(Zeroizing::new(Vec::new())),
    }
}

async fn packet(line: &mut Line) -> Result<(u8, Vec<u8>), Failure> {
    let head = line.read(4).await?;
    let len = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    Ok((head[3], line.read(len).await?))
}

async fn send(line: &mut Line, number: u8, body: &[u8]) -> Result<(), Failure> {
    let len = u32::try_from(body.len()).map_err(|_| strange())?.to_le_bytes();
    line.send(&Zeroizing::new([&len[..3], &[number], body].concat())).await
}
