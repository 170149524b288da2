//! The text of Office documents (docx, xlsx, pptx, odt, ods, odp): an XML file of their archive at a time.
//!
//! Word processors split a paragraph into runs wherever its formatting, spelling or history changes, so that a token may lie
//! in several elements. Here they are joined, and what ends a paragraph, cell or entry ends the line.

use super::{Parts, out::Out};
use memchr::memmem;

/// How much of a file says what XML it is.
const HEAD: usize = 8 << 10;

/// Elements that are only pieces of a text, with and without text in them.
const PIECES: [&[u8]; 16] = [
    b"t", b"r", b"span", b"a", b"delText", b"instrText", b"delInstrText", b"hyperlink", b"ins", b"del", b"moveFrom", b"moveTo",
    b"smartTag", b"fld", b"fldSimple", b"sdtContent",
];

/// Elements that end a line, whatever is in them.
const LINES: [&[u8]; 14] = [
    b"p", b"h", b"si", b"c", b"row", b"tc", b"tr", b"br", b"cr", b"line-break", b"table-cell", b"table-row", b"comment",
    b"annotation",
];

/// Whether a file is the XML of an Office document, by the names in its beginning.
#[must_use]
pub fn is_office(xml: &[u8]) -> bool {
    const FAMILIES: [&[u8]; 3] = [b"schemas.openxmlformats.org/", b"purl.oclc.org/ooxml/", b"urn:oasis:names:tc:opendocument:"];
    let head = &xml[..xml.len().min(HEAD)];
    let is_xml = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).starts_with(b"<");
    is_xml && FAMILIES.iter().any(|name| memmem::find(head, name).is_some())
}

/// Gives the text of an XML file of an Office document as one part with the label `text`; nothing where `xml` is none, by
/// its content. Attributes are left out (links to other places, connections): the XML is to be looked at as it is, too.
pub fn office_text(xml: &[u8], parts: &mut dyn Parts) {
    if is_office(xml) {
        Out::new(parts).part("text", &text(xml));
    }
}

/// All text between the tags, in lines.
fn text(xml: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = xml;
    // Whether there was text since the last tag.
    let mut behind_text = false;
    while let Some(at) = memchr::memchr(b'<', rest) {
        let data = &rest[..at];
        // Line breaks between tags are the XML's own.
        let between = data.trim_ascii().is_empty() && data.contains(&b'\n');
        if !between && !data.is_empty() {
            entities(data, &mut text);
            behind_text = true;
        }
        rest = &rest[at..];
        if let Some(data) = rest.strip_prefix(b"<![CDATA[") {
            let end = memmem::find(data, b"]]>").unwrap_or(data.len());
            text.extend_from_slice(&data[..end]);
            rest = data.get(end + 3..).unwrap_or_default();
            behind_text = true;
            continue;
        }
        let comment = rest.strip_prefix(b"<!--").map(|rest| memmem::find(rest, b"-->").map(|end| end + 6));
        let end = comment.unwrap_or_else(|| memchr::memchr(b'>', rest)).unwrap_or(rest.len() - 1);
        tag(&rest[1..end.max(1)], behind_text, &mut text);
        behind_text = false;
        rest = &rest[end + 1..];
    }
    text
}

/// What a tag, without its brackets, is in a text.
fn tag(tag: &[u8], behind_text: bool, text: &mut Vec<u8>) {
    let closes = tag.starts_with(b"/");
    let name = tag.strip_prefix(b"/").unwrap_or(tag);
    let len = name.iter().position(|b| b.is_ascii_whitespace() || *b == b'/').unwrap_or(name.len());
    let name = name[..len].rsplit(|b| *b == b':').next().unwrap_or_default();
    let ends = closes || tag.ends_with(b"/");
    let ends_line = ends && (LINES.contains(&name) || (behind_text && !PIECES.contains(&name)));
    match name {
        b"tab" if !closes => text.push(b'\t'),
        b"s" if !closes && ends => text.push(b' '),
        _ if ends_line && text.last().is_some_and(|b| *b != b'\n') => text.push(b'\n'),
        _ => {}
    }
}

/// Appends text, its entities decoded.
fn entities(data: &[u8], text: &mut Vec<u8>) {
    let mut rest = data;
    while let Some(at) = memchr::memchr(b'&', rest) {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let name = rest[..rest.len().min(12)].iter().position(|b| *b == b';').map(|end| &rest[1..end]);
        let character = match name {
            Some(b"lt") => Some('<'),
            Some(b"gt") => Some('>'),
            Some(b"amp") => Some('&'),
            Some(b"quot") => Some('"'),
            Some(b"apos") => Some('\''),
            Some([b'#', b'x' | b'X', hex @ ..]) => number(hex, 16),
            Some([b'#', digits @ ..]) => number(digits, 10),
            _ => None,
        };
        if let (Some(character), Some(name)) = (character, name) {
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[name.len() + 2..];
        } else {
            text.push(b'&');
            rest = &rest[1..];
        }
    }
    text.extend_from_slice(rest);
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Kept;
    use super::*;
    use proptest::prelude::*;

    fn read(xml: &str) -> String {
        let mut kept = Kept::with_room(1 << 20);
        office_text(xml.as_bytes(), &mut kept);
        kept.text("text")
    }

    #[test]
    fn runs_of_a_paragraph_are_joined() {
        let word = r#"<?xml version="1.0"?>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
 <w:p w:rsidR="1"><w:pPr><w:b/></w:pPr><w:r><w:t xml:space="preserve">colour = &quot;man</w:t></w:r><w:proofErr w:type="x"/>
 <w:r><w:rPr><w:i/></w:rPr><w:t>dar</w:t></w:r><w:ins><w:r><w:t>in&#34;</w:t></w:r></w:ins><w:r><w:tab/><w:t>x</w:t></w:r></w:p>
 <w:p><w:del><w:r><w:delText>plum</w:delText></w:r></w:del><w:r><w:br/><w:t>fig</w:t></w:r></w:p></w:body></w:document>"#;
        assert_eq!(read(word), "colour = \"mandarin\"\tx\nplum\nfig\n");
    }

    #[test]
    fn strings_of_sheets_slides_and_open_documents_are_lines() {
        let sheet = r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>colour</t></si>
<si><r><t>man</t></r><r><rPr><b/></rPr><t>darin</t></r></si></sst>"#;
        assert_eq!(read(sheet), "colour\nmandarin\n");
        let slide = r#"<p:sld xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:p><a:r><a:t>qui</a:t></a:r><a:r><a:t>nce</a:t></a:r></a:p></p:sld>"#;
        assert_eq!(read(slide), "quince\n");
        let open = r#"<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><text:h>Title</text:h>
<text:p>me<text:span text:style-name="T1">lon</text:span><text:s/>and<text:line-break/>fig</text:p></office:document-content>"#;
        assert_eq!(read(open), "Title\nmelon and\nfig\n");
        let properties = r#"<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"><dc:title>apricot</dc:title><dc:creator>cherry</dc:creator></cp:coreProperties>"#;
        assert_eq!(read(properties), "apricot\ncherry\n");
    }

    #[test]
    fn other_xml_is_left() {
        assert_eq!(read("<a><t>plum</t></a>"), "");
    }

    proptest! {
        #[test]
        fn broken_xml_is_no_trouble(pieces in prop::collection::vec("[<>/&;:!\\-\\[\\]a-z ]{0,12}|<!--|-->|<!\\[CDATA\\[|]]>|&#x[0-9a-f]{1,9};|<w:p>", 0..40)) {
            let xml = format!("urn:oasis:names:tc:opendocument:{}", pieces.concat());
            prop_assert!(text(xml.as_bytes()).len() <= xml.len());
            read(&xml);
        }
    }
}
