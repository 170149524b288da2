"""Makes the PDF files of this folder: python3 make_pdf.py FOLDER, with reportlab, pypdf and fpdf2 installed."""

import datetime
import os
import sys

import reportlab
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen import canvas

folder = sys.argv[1]

# A font of the reader's own, text with spaced characters, a link and a form field.
page = canvas.Canvas(folder + "/reportlab.pdf", pageCompression=1, invariant=1)
page.setTitle("Report on apricot")
page.setKeywords("melon")
page.drawString(72, 700, 'colour = "mandarin"')
text = page.beginText(72, 650)
text.textLine("first line")
text.setCharSpace(2)
text.textLine("second quince")
page.drawText(text)
page.linkURL("https://example.org/?word=papaya", (10, 10, 50, 50))
page.acroForm.textfield(name="colour", value="cherry", x=100, y=100)
page.showPage()
page.drawString(72, 700, "page two fig")
page.save()

# A subset font with numbers of glyphs for codes, and an attached file.
document = FPDF()
document.set_creation_date(datetime.datetime(2026, 1, 1))
document.add_font("V", "", os.path.dirname(reportlab.__file__) + "/fonts/Vera.ttf")
document.add_page()
document.set_font("V", size=12)
document.cell(text='colour = "mandarin" fiancé AVAWATo')
document.ln()
document.cell(text="second quince")
document.embed_file(bytes=b"word papaya\n", basename="key.pem", desc="x")
document.output(folder + "/fpdf2.pdf")

writer = PdfWriter(clone_from=PdfReader(folder + "/reportlab.pdf"))
writer.encrypt("x")
writer.write(folder + "/encrypted.pdf")
