use super::super::testing::{python, read_as, survives_damage};
use super::super::{Document, Gap, kind};
use super::{encoding, header};

/// A mail as python's standard library writes it: encoded words, two bodies, attachments, a forwarded mail.
fn real_mail() -> Vec<u8> {
    let program = r"
import sys
from email.message import EmailMessage
inner = EmailMessage()
inner['From'] = 'a@example.org'; inner['Subject'] = 'innen ü'; inner['Date'] = 'Thu, 01 Jan 2026 00:00:00 +0000'
inner.set_content('quince ä\n', cte='base64')
mail = EmailMessage()
mail['From'] = 'Anna <anna@example.org>'; mail['To'] = 'ben@example.org'
mail['Date'] = 'Fri, 02 Jan 2026 00:00:00 +0000'
mail['Subject'] = 'Zugang für alle: ' + 'mandarin ' * 12
mail.set_content('the word is ' + 'x' * 90 + 'apricot = ü\n', cte='quoted-printable')
mail.add_alternative('<p>melon é</p>', subtype='html', charset='iso-8859-1', cte='base64')
mail.add_attachment(b'papaya\n', maintype='application', subtype='octet-stream', filename='schlüssel.pem')
mail.add_attachment(inner)
open(sys.argv[1], 'wb').write(mail.as_bytes())
";
    let folder = tempfile::tempdir().expect("a folder");
    python(program, &folder.path().join("mail.eml"))
}

#[test]
fn bodies_attachments_and_headers_are_decoded() {
    let kept = read_as(Document::Mail, &real_mail());
    let headers = kept.text("headers");
    assert!(headers.contains("Subject: Zugang für alle: mandarin mandarin") && headers.contains("From: Anna <anna"), "{headers}");
    assert!(kept.has(&format!("the word is {}apricot = ü\n", "x".repeat(90))));
    assert!(kept.has("<p>melon é</p>"));
    assert_eq!(kept.text("attachment schlüssel.pem"), "papaya\n");
    assert!(kept.has("quince ä") && kept.has("innen ü"), "{:?}", kept.parts);
    assert_eq!(kept.gaps, []);
    let labels = kept.labels();
    assert!(labels.contains(&"body part 1 part 2") && labels.contains(&"body part 3, body"), "{labels:?}");
}

#[test]
fn a_mailbox_has_many_messages() {
    let program = r"
import mailbox, sys
from email.message import EmailMessage
box = mailbox.mbox(sys.argv[1])
for word in ['apricot', 'melon']:
    mail = EmailMessage()
    mail['From'] = 'a@example.org'; mail['To'] = 'b@example.org'; mail['Subject'] = word
    mail.set_content('From here ' + word + ' ü\n', cte='base64')
    box.add(mail)
box.flush()
";
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = python(program, &folder.path().join("box"));
    let kept = read_as(Document::Mail, &bytes);
    assert_eq!(kept.text("message 1, body"), "From here apricot ü\n");
    assert_eq!(kept.text("message 2, body"), "From here melon ü\n");
    assert!(kept.text("message 2, headers").contains("Subject: melon\n"));
}

#[test]
fn damaged_mail_is_no_trouble() {
    survives_damage(Document::Mail, &real_mail());
}

#[test]
fn nesting_is_bounded() {
    let mut mail = String::from("plum");
    for n in 0..40 {
        mail = format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n{mail}\n--b{n}--\n");
    }
    let mail = format!("From: a@example.org\nTo: b@example.org\nSubject: =?utf-8?q?f=C3=BCr?=\nMIME-Version: 1.0\n{mail}");
    let kept = read_as(Document::Mail, mail.as_bytes());
    assert!(kept.has("plum") && kept.has("Subject: für\n"));
    assert!(matches!(&kept.gaps[..], [(Gap::Budget, _)]), "{:?}", kept.gaps);
}

#[test]
fn what_only_begins_like_mail_is_none() {
    let encoded = "\nContent-Transfer-Encoding: base64\n\naGk=\n";
    for text in [
        "From here on, all is text\n",
        "From the 10:15 meeting of May 2024 we learned\n",
        "Date: 2024-01-01\nTitle: a post\n\nbody\n",
        "From: me\nTo: you\nA line that is no header\nSubject: x\n",
        "From: me\nTo: you\nSubject: nothing is encoded here\n\nbody\n",
    ] {
        assert_eq!(kind(text.as_bytes()), None, "{text}");
    }
    assert_eq!(kind(format!("Date: 2024\nTitle: no mail{encoded}").as_bytes()), None);
    assert_eq!(kind(format!("From: a@example.org\nTo: b@example.org\nSubject: mail{encoded}").as_bytes()), Some(Document::Mail));
}

#[test]
fn encodings_are_read_as_mailers_write_them() {
    assert_eq!(encoding::base64(b"cXVp\r\nbmNl\r\n"), b"quince");
    assert_eq!(encoding::base64(b"cXVpbg==\ncGx1bQ"), b"quinplum");
    assert_eq!(encoding::quoted(b"a=3Db = \r\nc=\r\nd=zz=", b'='), b"a=b c".iter().chain(b"d=zz=").copied().collect::<Vec<_>>());
    let header = header::Header::read(
        b"Content-Type: text/plain; charset=\"UTF-16LE\"\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''a%20b;\r\n filename*1=\"c.pem\"\r\n",
    );
    assert_eq!(header.file_name().as_deref(), Some("a bc.pem"));
    assert_eq!(encoding::to_utf8(header.charset().as_deref(), b"f\0i\0g\0".to_vec()), b"fig");
}
