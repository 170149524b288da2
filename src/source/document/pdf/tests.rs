use super::super::testing::{Kept, read_as, survives_damage};
use super::super::{Document, Gap};
use flate2::{Compression, write::ZlibEncoder};
use std::io::Write as _;

const REPORTLAB: &[u8] = include_bytes!("../../../../tests/data/reportlab.pdf");
const FPDF2: &[u8] = include_bytes!("../../../../tests/data/fpdf2.pdf");
const ENCRYPTED: &[u8] = include_bytes!("../../../../tests/data/encrypted.pdf");

fn stream(id: u32, dict: &str, bytes: &[u8]) -> Vec<u8> {
    [format!("{id} 0 obj\n<<{dict}/Length {}>>\nstream\n", bytes.len()).as_bytes(), bytes, b"\nendstream\nendobj\n"].concat()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A PDF with one page that shows `content`, and more objects behind.
fn page(content: &str, more: &[u8]) -> Vec<u8> {
    let head = "%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n\
                3 0 obj <</Type/Page/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj\n\
                5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n";
    [head.as_bytes(), &stream(4, "", content.as_bytes()), more, b"trailer <</Root 1 0 R>>\n%%EOF\n"].concat()
}

fn text_of(content: &str) -> String {
    read_as(Document::Pdf, &page(content, b"")).text("page 1")
}

#[test]
fn pages_of_real_generators_are_text() {
    let kept = read_as(Document::Pdf, REPORTLAB);
    assert_eq!(kept.text("page 1"), "colour = \"mandarin\"\nfirst line\nsecond quince");
    assert_eq!(kept.text("page 2"), "page two fig");
    let info = kept.text("document info");
    assert!(info.contains("Title = \"Report on apricot\"\n") && info.contains("Keywords = \"melon\"\n"), "{info}");
    assert!(kept.has("URI = \"https://example.org/?word=papaya\"\n"), "{:?}", kept.parts);
    assert!(kept.has("colour = \"cherry\"\n"), "{:?}", kept.parts);
    assert_eq!(kept.gaps, []);
}

#[test]
fn subset_fonts_have_maps_and_files_may_be_attached() {
    let kept = read_as(Document::Pdf, FPDF2);
    assert_eq!(kept.text("page 1"), "colour = \"mandarin\" fiancé AVAWATo\nsecond quince");
    assert_eq!(kept.text("attachment key.pem"), "word papaya\n");
    assert_eq!(kept.gaps, []);
}

#[test]
fn encrypted_files_are_told() {
    let kept = read_as(Document::Pdf, ENCRYPTED);
    assert_eq!(kept.gaps, [(Gap::Encrypted, String::new())]);
    assert!(kept.parts.is_empty());
}

#[test]
fn kerned_and_placed_pieces_are_joined() {
    assert_eq!(text_of("BT /F 10 Tf [(man) 40 (da) -30 (rin) -300 (fig)] TJ ET"), "mandarin fig");
    // Each letter at a place of its own, then another line, then one that ' moves to.
    let letters = "BT /F 10 Tf 1 0 0 1 0 100 Tm (a) Tj 5.56 0 Td (p) Tj 5.56 0 Td (r) Tj 3.33 0 Td (i) Tj 20 0 Td (x) Tj 0 -12 Td (melon) Tj 12 TL (plum) ' ET";
    assert_eq!(text_of(letters), "apri x\nmelon\nplum");
    // Pieces of several text objects on one line, upside down pages as browsers make them.
    let flipped = "1 0 0 -1 0 800 cm q BT /F 10 Tf 1 0 0 -1 10 50 Tm <6d656c> Tj ET Q q BT /F 10 Tf 1 0 0 -1 26.12 50 Tm (on\\051) Tj ET Q \
                   BT /F 10 Tf 1 0 0 -1 10 70 Tm (fig) Tj ET";
    assert_eq!(text_of(flipped), "melon)\nfig");
    assert_eq!(text_of("BI /W 1 /H 1 ID \x01(EI\x02 EI BT /F 1 Tf (fig) Tj ET"), "fig");
}

#[test]
fn what_updates_replaced_is_looked_at() {
    let update = [
        &stream(4, "/Filter/FlateDecode", &deflate(b"BT /F 10 Tf (new melon) Tj ET"))[..],
        b"9 0 obj (apricot) endobj\n9 0 obj (changed) endobj\n3 0 obj <</Type/Page/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj\n",
    ]
    .concat();
    let kept = read_as(Document::Pdf, &page("BT /F 10 Tf (old mandarin) Tj ET", &update));
    assert_eq!(kept.text("page 1"), "new melon");
    assert_eq!(kept.text("page 1, earlier version"), "old mandarin");
    assert_eq!(kept.text("other strings"), "apricot\nchanged\n");
}

#[test]
fn objects_in_streams_and_chains_of_filters_are_read() {
    let objects = b"20 0 21 22 <</Title (quince)>>   <</S/JavaScript/JS(var plum = 1)>>";
    // PNG's predictor `up`, one row of all bytes, behind ASCIIHex.
    let row = [&[2][..], &objects[..]].concat();
    let digit = |n: u8| b"0123456789abcdef"[usize::from(n)];
    let hex: Vec<u8> = deflate(&row).iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
    let parameters = format!("[null<</Predictor 12/Columns {}>>]", objects.len());
    let dict = format!("/Type/ObjStm/N 2/First 11/Filter[/ASCIIHexDecode/FlateDecode]/DecodeParms{parameters}");
    let kept = read_as(Document::Pdf, &page("", &stream(8, &dict, &hex)));
    assert!(kept.has("Title = \"quince\"\n") && kept.has("JS = \"var plum = 1\"\n"), "{:?}", kept.parts);
}

#[test]
fn streams_of_no_known_kind_and_comments_are_looked_at() {
    let more = [&stream(8, "/Type/Metadata/Subtype/XML", b"<x>apricot</x>")[..], b"% plum\n", &stream(9, "", b"fig")].concat();
    let kept = read_as(Document::Pdf, &page("", &more));
    assert_eq!(kept.text("metadata"), "<x>apricot</x>");
    assert_eq!(kept.text("stream, object 9"), "fig");
    assert!(kept.text("outside of objects").contains("% plum"));
}

#[test]
fn loops_depth_and_bombs_are_bounded() {
    let loops =
        b"6 0 obj 7 0 R endobj 7 0 obj 6 0 R endobj 2 0 obj <</Type/Pages/Kids[2 0 R 3 0 R 2 0 R]/Resources 6 0 R>> endobj\n";
    assert_eq!(read_as(Document::Pdf, &page("BT /F 1 Tf (fig) Tj ET", loops)).text("page 1"), "fig");
    let deep = format!("8 0 obj {} endobj\n9 0 obj (plum) endobj\n", "[".repeat(100_000));
    assert!(read_as(Document::Pdf, &page("", deep.as_bytes())).has("plum"));
    let open = "8 0 obj (".repeat(20_000);
    read_as(Document::Pdf, &page("", open.as_bytes()));
    let bomb = stream(8, "/Filter/FlateDecode", &deflate(&vec![b'a'; 5_000_000]));
    let mut kept = Kept::with_room(1_000_000);
    super::super::read(Document::Pdf, &page("", &bomb), &mut kept);
    assert!(kept.gaps.contains(&(Gap::Budget, "object 8".to_owned())), "{:?}", kept.gaps);
}

#[test]
fn damaged_files_are_no_trouble() {
    survives_damage(Document::Pdf, REPORTLAB);
    survives_damage(Document::Pdf, FPDF2);
    let cut = read_as(Document::Pdf, &FPDF2[..FPDF2.len() / 2]);
    assert!(!cut.parts.is_empty());
}
