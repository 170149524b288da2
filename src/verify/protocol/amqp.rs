//! AMQP 0-9-1, `RabbitMQ`: a login and goodbye. <https://www.rabbitmq.com/amqp-0-9-1-reference.html>

use super::database::{Line, Target, dead, in_turn};
use crate::finding::{Secret, Verification};
use crate::rule::format::verify::Doubt;
use crate::verify::Asker;
use crate::verify::egress::Failure;
use crate::verify::plan::Way;
use zeroize::Zeroizing;

/// Logs in with what stands in the connection string.
pub(super) async fn ask(asker: &Asker, secret: &Secret, way: &Way) -> Verification {
    let port = if way.values.iter().any(|(_, text)| text.expose().starts_with(b"amqps")) { 5671 } else { 5672 };
    match Target::of(secret, way, port) {
        Ok(target) => in_turn(asker, &target, login(asker, &target)).await,
        Err(failure) => failure.into(),
    }
}

async fn login(asker: &Asker, target: &Target) -> Result<Verification, Failure> {
    let strange = || Failure::new(Doubt::UnexpectedAnswer, "it speaks no AMQP 0-9-1");
    let mut line = Line::open(asker, target).await?;
    if target.scheme == "amqps" {
        line = line.encrypt(asker, &target.host).await?;
    }
    line.send(b"AMQP\0\0\x09\x01").await?;
    let start = frame(&mut line).await?;
    // connection.start
    if start.get(..4) != Some(&[0, 10, 0, 10][..]) {
        return Err(strange());
    }
    // The server is to say why it refuses, rather than to hang up.
    let capability = table(&[&short("authentication_failure_close")[..], b"t\x01"].concat());
    let properties = table(&[&short("capabilities")[..], b"F", &capability].concat());
    let response = Zeroizing::new([b"\0", target.user.as_bytes(), b"\0", &target.password].concat());
    let mut body = Zeroizing::new(vec![0, 10, 0, 11]);
    body.extend_from_slice(&properties);
    body.extend_from_slice(&short("PLAIN"));
    body.extend_from_slice(&u32::try_from(response.len()).map_err(|_| strange())?.to_be_bytes());
    body.extend_from_slice(&response);
    body.extend_from_slice(&short("en_US"));
    let len = u32::try_from(body.len()).map_err(|_| strange())?.to_be_bytes();
    line.send(&Zeroizing::new([&[1, 0, 0][..], &len, &body, &[0xce]].concat())).await?;
    let answer = frame(&mut line).await?;
    match answer.get(..4) {
        // connection.tune: it goes on.
        Some([0, 10, 0, 30]) => Ok(target.live()),
        // connection.close
        Some([0, 10, 0, 50]) => {
            let code = answer.get(4..6).map_or(0, |c| u16::from_be_bytes([c[0], c[1]]));
            let text = String::from_utf8_lossy(&answer[6.min(answer.len())..]).into_owned();
            Ok(match code {
                403 if text.contains("localhost") => Verification::unknown(Doubt::IpRestricted),
                403 => dead("the login is refused (403)"),
                _ => Verification::unknown_because(Doubt::UnexpectedAnswer, &code.to_string()),
            })
        }
        _ => Err(strange()),
    }
}

/// The body of a frame of methods on channel 0.
async fn frame(line: &mut Line) -> Result<Vec<u8>, Failure> {
    let head = line.read(7).await?;
    let len = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    let body = line.read(len).await?;
    let end = line.read(1).await?[0];
    if head[0] != 1 || end != 0xce {
        return Err(Failure::new(Doubt::UnexpectedAnswer, "it speaks no AMQP 0-9-1"));
    }
    Ok(body)
}

fn short(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat()
}

fn table(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap_or(0).to_be_bytes(), body].concat()
}
